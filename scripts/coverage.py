#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""coverage.py - line coverage of the files that a list names, from gcov's counters of every object they became.

A line that any of a file's objects ran is covered. A file of the list that became no object is an error, since it would
silently count for nothing. Writes table.txt and lines/FILE (each source line with its count) below --out and prints the
table. Exits 1 below --min percent of all lines together, or when a file of the list is missing.
"""

import argparse
import collections
import json
import os
import subprocess
import sys


def read_list(path):
    """The files that decide; and what is wrong with the list: a file of the tree that it does not name, or names twice."""
    decide, do, bad = [], [], []
    with open(path) as f:
        for line in f:
            words = line.split("#")[0].split()
            if not words:
                continue
            if words[0] not in ("decide", "do") or len(words) < (2 if words[0] == "decide" else 3):
                sys.exit("%s: what is this line? %s" % (path, line.strip()))
            (decide if words[0] == "decide" else do).append(words[1])
    tree = subprocess.run(["find", "hypervisor", "libhvctl", "backends", "frontends", "-name", "*.c"],
                          check=True, capture_output=True, text=True).stdout.split()
    for f in sorted(tree):
        named = decide.count(f) + sum(1 for d in do if f == d or (d.endswith("/") and f.startswith(d)))
        if named != 1:
            bad.append("%s: named %d times in %s" % (f, named, path))
    bad += ["%s: not there, but in %s" % (f, path) for f in decide + do if not os.path.exists(f)]
    return decide, bad


def counters(objects):
    """{source: {line: times}} over all notes files below `objects`."""
    times = collections.defaultdict(lambda: collections.defaultdict(int))
    notes = sorted(os.path.join(d, f) for d, _, fs in os.walk(objects) for f in fs if f.endswith(".gcno"))
    for i in range(0, len(notes), 50):
        out = subprocess.run(["gcov", "--json-format", "--stdout"] + notes[i : i + 50],
                             check=True, capture_output=True, text=True).stdout
        for doc in out.splitlines():
            if not doc.strip():
                continue
            for f in json.loads(doc)["files"]:
                path = os.path.normpath(f["file"])
                for line in f["lines"]:
                    times[path][line["line_number"]] += line["count"]
    return times


def annotate(path, lines, out):
    name = os.path.join(out, "lines", path)
    os.makedirs(os.path.dirname(name), exist_ok=True)
    with open(path) as src, open(name, "w") as dst:
        for n, text in enumerate(src, 1):
            count = lines.get(n)
            dst.write("%10s  %5d  %s" % ("-" if count is None else count or "#####", n, text))


def ranges(numbers):
    """1 2 3 7 -> '1-3 7'"""
    out = []
    for n in numbers:
        if out and out[-1][1] == n - 1:
            out[-1][1] = n
        else:
            out.append([n, n])
    return " ".join(str(a) if a == b else "%d-%d" % (a, b) for a, b in out)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--objects", required=True)
    ap.add_argument("--list", required=True)
    ap.add_argument("--out", required=True)
    ap.add_argument("--min", type=float, default=90)
    a = ap.parse_args()

    times = counters(a.objects)
    files, bad = read_list(a.list)
    rows = []
    for path in files:
        if path not in times:
            bad.append("%s: no program was made of it" % path)
            continue
        lines = times[path]
        hit = sum(1 for c in lines.values() if c)
        rows.append((path, hit, len(lines), [n for n in sorted(lines) if not lines[n]]))
        annotate(path, lines, a.out)

    hit, total = sum(r[1] for r in rows), sum(r[2] for r in rows)
    table = ["%-42s %6s %6s %7s" % ("deciding code", "lines", "run", "")]
    table += ["%-42s %6d %6d %6.1f%%" % (p, n, h, 100.0 * h / max(n, 1)) for p, h, n, _ in rows]
    table += ["%-42s %6d %6d %6.1f%%" % ("total, %d files" % len(rows), total, hit, 100.0 * hit / max(total, 1))]
    with open(os.path.join(a.out, "table.txt"), "w") as f:
        f.write("\n".join(table) + "\n")
    with open(os.path.join(a.out, "missed.txt"), "w") as f:
        f.writelines("%s: %s\n" % (p, ranges(m)) for p, _, _, m in rows if m)
    print("\n".join(table))
    print("Lines that never ran: %s/missed.txt, every line with its count: %s/lines/" % (a.out, a.out))
    for b in bad:
        print("FAIL " + b)
    if 100.0 * hit < a.min * total:
        print("FAIL less than %g %% of the deciding code ran" % a.min)
        return 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
