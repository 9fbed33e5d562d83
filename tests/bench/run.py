#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""run.py - the benchmark: the same kernel and workloads on bare (emulated) hardware, on Annulus and on Debian's Xen.

Typed by hand while tuning:
    tests/bench/run.py --icount --boots 1 --rows null-syscall,fork --configs bare,annulus-dom0,xen-dom0 [--hv FILE]
`make bench` runs all of it. See docs/performance.md.
"""
import argparse
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import archive  # noqa: E402
import machines  # noqa: E402
import stats  # noqa: E402
from machines import Failure, machine  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
ROWS = ["null-syscall", "pipe", "page-fault", "file-map", "fork", "fork-exec", "mmap", "context-switch", "signal", "clock",
        "compute"]
CONFIGS = ["bare", "annulus-dom0", "xen-dom0"]
LIMIT = 600  # seconds without a result that make a machine count as dead


def words(text, known, what):
    chosen = known if text in (None, "", "all") else [w for w in text.split(",") if w]
    for w in chosen:
        if w not in known:
            raise SystemExit("run.py: there is no %s '%s'; there are: %s" % (what, w, " ".join(known)))
    return chosen


def build_micro(build):
    out = build.file("bench/micro")
    source = os.path.join(HERE, "micro.c")
    if not os.path.exists(out) or os.path.getmtime(out) < os.path.getmtime(source):
        os.makedirs(os.path.dirname(out), exist_ok=True)
        subprocess.run(["gcc", "-std=gnu11", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", "-static",
                        "-o", out, source], check=True)
    a = archive.Archive()
    a.file("init", out)
    a.write(build.file("bench/micro.cpio"))
    return out, build.file("bench/micro.cpio")


def table(rows, configs, results, unit):
    """Text: per row and configuration the median, its ratio to bare, and the verdict where there is one."""
    width = max(len(r) for r in rows) + 2
    lines = ["%-*s" % (width, unit) + "".join("%24s" % c for c in configs) + "  verdict"]
    for row in rows:
        cells = {c: stats.summary(results.get((row, c), [])) for c in configs}
        text = "%-*s" % (width, row)
        for c in configs:
            s, base = cells[c], cells.get("bare")
            if not s:
                text += "%24s" % "-"
                continue
            ratio = "%7.2fx" % (s["median"] / base["median"]) if base and c != "bare" else " " * 8
            text += "%12s ±%2.0f%%%s" % (format(round(s["median"]), ","), 50 * s["spread"], ratio)
        verdict, why = stats.judge(cells.get("bare"), cells.get("annulus-dom0"), cells.get("xen-dom0"))
        lines.append(text + "  %s (%s)" % (verdict, why))
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description="Annulus' benchmark")
    parser.add_argument("--build", default="build")
    parser.add_argument("--hv", help="another annulus.elf than the build's")
    parser.add_argument("--rows", help="comma-separated, default all: " + " ".join(ROWS))
    parser.add_argument("--configs", help="comma-separated, default all: " + " ".join(CONFIGS))
    parser.add_argument("--boots", type=int, default=1)
    parser.add_argument("--reps", type=int, default=3, help="repetitions of a row within a boot")
    parser.add_argument("--icount", action="store_true", help="count instructions instead of taking wall time")
    parser.add_argument("--verbose", action="store_true", help="show the serial port")
    args = parser.parse_args()
    rows = words(args.rows, ROWS, "row")
    configs = words(args.configs, CONFIGS, "configuration")
    build = machine.Build(args.build)
    micro, initramfs = build_micro(build)
    hz = 1e9 if args.icount else float(subprocess.run([micro, "-f"], check=True, stdout=subprocess.PIPE).stdout)
    results = {}
    for number in range(args.boots):
        for config in configs:
            begun = time.monotonic()
            m = machines.boot(config, build, initramfs, "bench.rows=%s bench.reps=%d" % (",".join(rows), args.reps),
                              args.icount, hv=args.hv)
            if args.verbose:
                m.echo = lambda text: (sys.stderr.write(text), sys.stderr.flush())
            try:
                found, info = machines.measure(m, LIMIT)
            except Failure as e:
                print("\n".join(m.log.split("\n")[-30:]))
                raise SystemExit("run.py: %s: %s" % (config, e))
            for row, values in found.items():
                # One value per boot: its repetitions differ by cache-like effects only, their median is the boot's.
                results.setdefault((row, config), []).append(stats.summary(values)["median"] * 1e9 / hz)
            print("boot %d of %d, %s: %.0f s (%s)" % (number + 1, args.boots, config, time.monotonic() - begun,
                                                      info.get("clocksource", "?")), file=sys.stderr, flush=True)
    print(table(rows, configs, results, "instructions" if args.icount else "nanoseconds"))


if __name__ == "__main__":
    main()
