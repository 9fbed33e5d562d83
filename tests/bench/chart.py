# SPDX-License-Identifier: GPL-2.0-or-later
"""The benchmark's chart: cost relative to bare hardware, Annulus beside Xen, as an SVG drawn by hand.

chart.py REPORT.json OUT.svg draws it again from a report.

Above: rows that bare hardware has, one panel for dom0 and one for guests, bars from 1x on a logarithmic axis; a bar longer
than the axis is cut and says so by an arrow. The tick on a row is the aim, half of Xen's overhead. Below: rows that only a
hypervisor has, as a share of Xen's cost.
"""
import html
import json
import math
import sys

import catalogue
import stats

WIDTH, LEFT, RIGHT, GAP = 1000, 246, 28, 76
ROW, BAR = 31, 10
AXIS_TOP = 6.0  # the longest bar that is drawn whole

STYLE = """
text{font:13px system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif;fill:#1f2937}
.title{font-size:19px;font-weight:600}.panel{font-size:14px;font-weight:600}
.soft{fill:#6b7280;font-size:12px}.value{font-size:11.5px}.end{text-anchor:end}.mid{text-anchor:middle}
.back{fill:#ffffff}.grid{stroke:#e5e7eb}.base{stroke:#9ca3af}.ours{fill:#2563eb}.xen{fill:#f0a35c}
.aim{stroke:#111827;stroke-width:2}.strong{font-weight:600}
@media (prefers-color-scheme:dark){text{fill:#e5e7eb}.soft{fill:#9ca3af}.back{fill:#111827}.grid{stroke:#283244}
.base{stroke:#6b7280}.ours{fill:#60a5fa}.xen{fill:#c57b35}.aim{stroke:#f9fafb}}
"""


class Drawing:
    def __init__(self):
        self.items = []

    def text(self, x, y, content, kind=""):
        self.items.append("<text x='%.1f' y='%.1f' class='%s'>%s</text>" % (x, y, kind, html.escape(content)))

    def line(self, x1, y1, x2, y2, kind):
        self.items.append("<line x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f' class='%s'/>" % (x1, y1, x2, y2, kind))

    def bar(self, x, y, width, height, kind, note, cut=False):
        width = max(width, 1.5)
        shape = "M%.1f %.1fh%.1f" % (x, y, width)
        shape += "l6 %.1fl-6 %.1f" % (height / 2, height / 2) if cut else "v%.1f" % height
        self.items.append("<path d='%sh%.1fz' class='%s'><title>%s</title></path>" % (shape, -width, kind, html.escape(note)))

    def svg(self, height):
        return ("<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %d %d' width='%d' height='%d' role='img'>\n"
                "<style>%s</style>\n<rect width='%d' height='%d' rx='10' class='back'/>\n%s\n</svg>\n" % (
                    WIDTH, height, WIDTH, height, STYLE, WIDTH, height, "\n".join(self.items)))


def spaced(d, x, y, parts):
    """A line of legend: (class, words) pairs, each behind a swatch."""
    for kind, name in parts:
        if kind == "aim":
            d.line(x + 5, y - 11, x + 5, y + 2, "aim")
        else:
            d.bar(x, y - 9, 12, 10, kind, name)
        d.text(x + 18, y, name)
        x += 34 + 7.2 * len(name)


def ratios(d, rows, unit, y, x0, x1, place, limit):
    """One panel: a group of two bars per row. Returns nothing; `y` is the top of the first row."""
    scale = (x1 - x0) / math.log(limit)
    at = lambda ratio: x0 + scale * math.log(min(max(ratio, 1.0), limit))  # noqa: E731
    bottom = y + ROW * len(rows)
    for mark in (1, 1.5, 2, 3, 4, 6, 8):
        if mark <= limit:
            d.line(at(mark), y - 6, at(mark), bottom, "base" if mark == 1 else "grid")
            d.text(at(mark), bottom + 15, "%gx" % mark, "soft mid")
    for i, row in enumerate(rows):
        cells = row[unit]
        base = cells["bare"]["median"]
        top = y + i * ROW + 4
        xen = cells.get("xen-" + place)
        verdict = row.get(unit + "_verdict", {}).get(place, {})
        aim = 0
        if xen and verdict.get("share") is not None:
            aim = at(1 + stats.SHARE * (xen["median"] / base - 1))
        for k, (who, kind) in enumerate((("annulus", "ours"), ("xen", "xen"))):
            s = cells.get("%s-%s" % (who, place))
            if not s:
                continue
            ratio = s["median"] / base
            d.bar(x0, top + k * (BAR + 2), at(ratio) - x0, BAR, kind, "%s on %s %s: %s, %.2f of bare" % (
                row["title"], who.capitalize(), place, stats.worth(s["median"]), ratio), ratio > limit)
            end = at(ratio) + (10 if ratio > limit else 5)
            if k == 0 and aim and end - 4 < aim < end + 36:
                end = aim + 5
            d.text(end, top + k * (BAR + 2) + 9.5, "%.2fx" % ratio,
                   "value strong" if k == 0 else "value")
        if aim:
            d.line(aim, top - 2, aim, top + BAR + 1, "aim")


def draw(report, unit="instructions"):
    rows = [r for r in report["rows"] if r.get(unit) and not catalogue.of_disk(r)]
    both = [r for r in rows if r["has_bare"] and "bare" in r[unit]]
    alone = [r for r in rows if not r["has_bare"] and {"annulus-guest", "xen-guest"} <= set(r[unit])]
    places = [(p, name) for p, name in (("dom0", "dom0"), ("guest", "guest"))
              if any("annulus-" + p in r[unit] or "xen-" + p in r[unit] for r in both)]
    d = Drawing()
    d.text(24, 38, "What the hypervisor costs: %s per operation, bare hardware = 1" % unit, "title")
    d.text(24, 59, "unmodified Debian kernel %s; one emulated CPU; %s; shorter is better" % (
        report["machine"]["kernel"],
        "one boot" if report["boots"][unit] == 1 else "median of %d boots" % report["boots"][unit]), "soft")
    spaced(d, 24, 84, (("ours", "Annulus"), ("xen", "Xen %s, as Debian packages it" % report["machine"]["xen"].split("+")[0]),
                       ("aim", "aim: half of Xen's overhead")))
    y = 100
    if both and places:
        highest = max(s["median"] / r[unit]["bare"]["median"] for r in both for c, s in r[unit].items())
        limit = min(AXIS_TOP, max(1.6, highest * 1.04))
        span = (WIDTH - LEFT - RIGHT - GAP * len(places)) / len(places)
        for n, (place, name) in enumerate(places):
            x0 = LEFT + n * (span + GAP)
            d.text(x0, y + 22, name, "panel")
            ratios(d, both, unit, y + 38, x0, x0 + span, place, limit)
        for i, row in enumerate(both):
            d.text(LEFT - 12, y + 38 + i * ROW + 19, row["title"], "end")
        y += 38 + ROW * len(both) + 30
    if alone:
        d.text(LEFT, y + 22, "only on a hypervisor: share of Xen's cost", "panel")
        y += 38
        span = WIDTH - LEFT - RIGHT - 240
        top_share = max(1.0, max(r[unit]["annulus-guest"]["median"] / r[unit]["xen-guest"]["median"] for r in alone))
        bottom = y + ROW * len(alone)
        for mark in (0, 0.25, 0.5, 0.75, 1.0):
            x = LEFT + span * mark / top_share
            d.line(x, y - 6, x, bottom, "base" if mark == 0 else "grid")
            d.text(x, bottom + 15, "%d %%" % (100 * mark), "soft mid")
        for i, row in enumerate(alone):
            ours, xen = row[unit]["annulus-guest"]["median"], row[unit]["xen-guest"]["median"]
            top = y + i * ROW + 4
            aim = LEFT + span * stats.SHARE / top_share
            d.text(LEFT - 12, top + 15, row["title"], "end")
            for k, (value, kind) in enumerate(((ours, "ours"), (xen, "xen"))):
                x = LEFT + span * value / xen / top_share
                d.bar(LEFT, top + k * (BAR + 2), x - LEFT, BAR, kind, "%s: %s" % (row["title"], stats.worth(value)))
                end = aim + 5 if k == 0 and x - 4 < aim < x + 75 else x + 5
                d.text(end, top + k * (BAR + 2) + 9.5, stats.worth(value) + (
                    ", %.2g %%" % (100 * value / xen) if k == 0 else ""), "value strong" if k == 0 else "value")
            d.line(aim, top - 2, aim, top + BAR + 1, "aim")
        y = bottom + 30
    d.text(24, y + 14, "make bench, %s; Annulus %s; %s" % (
        report["date"], report["machine"]["annulus"], report["machine"]["emulator"].split(" (")[0]), "soft")
    return d.svg(y + 30)


def write(report, path):
    unit = "instructions" if report["boots"]["instructions"] else "nanoseconds"
    with open(path, "w") as f:
        f.write(draw(report, unit))


if __name__ == "__main__":
    with open(sys.argv[1]) as source:
        write(json.load(source), sys.argv[2])
