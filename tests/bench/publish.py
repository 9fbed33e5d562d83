#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""publish.py [REPORT.json] - put a run of `make bench` into the documentation: docs/bench.svg, README.md's and
docs/performance.md's tables, between the lines <!-- bench --> and <!-- /bench -->. In docs/performance.md an item that
begins with `* <!-- miss ROW -->` says what bounds a row that misses: it goes when the row misses no more, and a row that
misses without such an item is named."""
import json
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import catalogue  # noqa: E402
import chart  # noqa: E402
import stats  # noqa: E402

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
IN_README = ["null-syscall", "context-switch", "page-fault", "fork", "fork-exec", "build", "redis", "compress"]


def cell(row, unit, config):
    base = "bare-32" if config in catalogue.CONFIGS32 else "bare"
    s, bare = row[unit].get(config), row[unit].get(base)
    if not s:
        return "-"
    text = stats.worth(s["median"])
    if s["n"] > 1 and s["spread"] >= 0.01:
        text += " ±%.0f %%" % (50 * s["spread"])
    return text + (" (%.2fx)" % (s["median"] / bare["median"]) if bare and config != base else "")


def verdict(row, unit, place):
    v = row.get(unit + "_verdict", {}).get(place)
    if not v:
        return "-"
    if v["verdict"] == "not judged":
        return "not judged"
    return v["verdict"] + (", %.0f %%" % (100 * v["share"]) if v["share"] is not None else ", " + v["reason"].split(" from")[0])


def table(report, rows, unit, configs, places, disks=False):
    lines = ["| %s | %s |" % (unit, " | ".join([catalogue.TITLES[c] for c in configs] + [p + " verdict" for p in places])),
             "|---|" + "---:|" * len(configs) + "---|" * len(places)]
    for row in report["rows"]:
        if row["name"] in rows and catalogue.of_disk(row) == disks and set(row.get(unit, {})) & set(configs):
            lines.append("| %s | %s |" % (row["title"], " | ".join(
                [cell(row, unit, c) for c in configs] + [verdict(row, unit, p) for p in places])))
    return lines


def replace(path, lines):
    with open(path) as f:
        text = f.read()
    new, n = re.subn(r"(<!-- bench -->\n).*?(<!-- /bench -->)", lambda m: m.group(1) + "\n".join(lines) + "\n" + m.group(2),
                     text, flags=re.S)
    if n != 1:
        raise SystemExit("%s has no place for the table (<!-- bench --> ... <!-- /bench -->)" % path)
    with open(path, "w") as f:
        f.write(new)


def misses(report):
    return [r["name"] for r in report["rows"]
            if any(v["verdict"] == "miss" for v in r.get("instructions_verdict", {}).values())]


def keep_reasons(text, missing):
    """(text without the items of rows that do not miss, the rows that miss and have none)"""
    items = re.compile(r"^\* <!-- miss (\S+) -->.*\n(?:  .*\n)*", re.M)
    have = {m.group(1) for m in items.finditer(text)}
    return (items.sub(lambda m: m.group(0) if m.group(1) in missing else "", text),
            [row for row in missing if row not in have])


def reasons(path, report):
    with open(path) as f:
        text = f.read()
    text, without = keep_reasons(text, misses(report))
    with open(path, "w") as f:
        f.write(text)
    for row in without:
        print("publish.py: %s misses, and %s does not say what bounds it: tests/bench/profile.py %s --bounds" % (
            row, os.path.relpath(path, TREE), row), file=sys.stderr)


def main():
    with open(sys.argv[1] if len(sys.argv) > 1 else os.path.join(TREE, "build/bench/report.json")) as f:
        report = json.load(f)
    about = report["machine"]
    configs = [c for c in report["configurations"] if c in catalogue.CONFIGS]
    configs32 = [c for c in report["configurations"] if c in catalogue.CONFIGS32]
    places = [p for p in ("dom0", "guest") if "annulus-" + p in configs]
    when = "%s, Annulus %s, %s; %s" % (report["date"], about["annulus"], about["emulator"].split(" (")[0], about["host"])
    everything = [r["name"] for r in report["rows"]]
    replace(os.path.join(TREE, "README.md"),
            table(report, IN_README, "instructions", [c for c in configs if c in catalogue.TUNING], ["dom0"]))
    full = ["Run of %s." % when, "Boots: %d counting instructions, %d for wall time." % (
        report["boots"]["instructions"], report["boots"]["nanoseconds"]), ""]
    full += table(report, everything, "instructions", configs, places)
    if report["boots"]["nanoseconds"]:
        full += [""] + table(report, everything, "nanoseconds", configs, [])
    disks = [c for c in report["configurations"] if c in catalogue.OF_DISKS]
    if any(catalogue.of_disk(r) for r in report["rows"]):
        full += ["", "Disks that take no time, in a guest (by `xen-blkback` where nothing is said), and on the bare machine:", ""]
        full += table(report, everything, "instructions", disks, ["guest"], disks=True)
    if configs32:
        full += ["", "The patched 32-bit Linux (`linux-patches/`) on the bare machine and as dom0 of Annulus, its kernel in "
                     "ring 1:", ""]
        full += table(report, everything, "instructions", configs32, [])
        if report["boots"]["nanoseconds"]:
            full += [""] + table(report, everything, "nanoseconds", configs32, [])
    replace(os.path.join(TREE, "docs/performance.md"), full)
    reasons(os.path.join(TREE, "docs/performance.md"), report)
    chart.write(report, os.path.join(TREE, "docs/bench.svg"))


if __name__ == "__main__":
    main()
