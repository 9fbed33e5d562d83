#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""run.py - the benchmark: the same kernel and workloads on bare (emulated) hardware, on Annulus and on Debian's Xen.

While tuning:
    tests/bench/run.py --icount --rows null-syscall,fork --configs bare,annulus-dom0,xen-dom0 [--hv FILE]
`make bench` runs all of it: --rows all --configs all --icount --boots 5 --wall 3 --report. See docs/performance.md.
"""
import argparse
import concurrent.futures
import datetime
import json
import os
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import catalogue  # noqa: E402
import chart  # noqa: E402
import machines  # noqa: E402
import stats  # noqa: E402
from machines import Failure, machine  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))
SMALL = [r.name for r in catalogue.ROWS if r.where == "init"]
ALL = [r.name for r in catalogue.ROWS]
SILENCE = 900  # seconds without a result that make a machine count as dead
MODES = {"icount": "instructions", "wall": "nanoseconds"}


def words(text, default, known, what):
    chosen = default if not text else known if text == "all" else [w for w in text.split(",") if w]
    for w in chosen:
        if w not in known:
            raise SystemExit("run.py: there is no %s '%s'; there are: %s" % (what, w, " ".join(known)))
    return [w for w in known if w in chosen]


def programs(build, configs=()):
    """The benchmark's own programs, built if they are not."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MAKE") and k != "MFLAGS"}
    wanted = ["bench-programs"] + ["bench-programs32"] * bool(set(configs) & set(catalogue.CONFIGS32))
    done = subprocess.run(["make", "-s", "-C", TREE, "B=" + build.path] + wanted, env=environment)
    if done.returncode:
        raise SystemExit("run.py: make %s failed" % " ".join(wanted))


def choose_configs(args, build):
    """The machines that are asked for; `all` has those of Linux i386 if its kernel was built."""
    chosen = words(args.configs, catalogue.TUNING, catalogue.EVERY, "configuration")
    if not os.path.exists(build.file("linux32/vmlinux")) and set(chosen) & set(catalogue.CONFIGS32):
        if args.configs != "all":
            raise SystemExit("run.py: there is no kernel for %s: make linux32" % " and ".join(catalogue.CONFIGS32))
        print("run.py: without Linux i386: there is no %s (make linux32)" % build.file("linux32/vmlinux"), file=sys.stderr)
        chosen = catalogue.CONFIGS + catalogue.CONFIGS_DISK
    return chosen


class Run:
    """All machines of a run, and what they measured."""

    def __init__(self, args, build, rows, configs):
        self.args, self.build, self.rows, self.configs = args, build, rows, configs
        self.images = machines.Images(build)
        self.values = {}   # (mode, row, config) -> [value of each boot]
        self.done = 0
        self.seconds = {}  # (mode, config) -> the latest machine's, to tell how long the rest takes
        self.begun = time.monotonic()
        self.lock = threading.Lock()
        self.clocks = {}
        self.about = self.machine()  # now: the tree may change while the machines run
        hz = subprocess.run([build.file("bench/micro"), "-f"], check=True, stdout=subprocess.PIPE).stdout
        self.ns_per_tick = {"icount": 1.0, "wall": 1e9 / float(hz)}
        self.jobs = [("icount", n, c) for n in range(args.icount_boots) for c in configs]
        self.jobs += [("wall", n, c) for n in range(args.wall_boots) for c in configs]

    def one(self, job):
        mode, number, config = job
        rows = [r for r in self.rows if catalogue.measured(catalogue.BY_NAME[r], config)]
        if not rows:
            return
        begun = time.monotonic()
        with self.lock:
            initramfs, kernel_args = machines.prepare(self.images, config, rows)
        m = machines.boot(config, self.build, initramfs, "%s bench.reps=%d" % (kernel_args, self.args.reps),
                          mode == "icount", hv=self.args.hv)
        if self.args.verbose:
            m.echo = lambda text: (sys.stderr.write(text), sys.stderr.flush())
        try:
            found, info, _ = machines.measure(m, SILENCE)
        except Failure as e:
            log = self.build.file("bench/%s.log" % config)
            with open(log, "w") as f:
                f.write(m.log)
            raise Failure("%s: %s\n%s\n(all of its serial port: %s)" % (config, e, "\n".join(m.log.split("\n")[-15:]), log))
        with self.lock:
            for row in rows:
                if row not in found:
                    raise Failure("%s did not report the row %s" % (config, row))
                # One value per boot: repetitions within a boot are not independent.
                value = stats.summary(found[row])["median"] * self.ns_per_tick[mode]
                self.values.setdefault((mode, row, config), []).append(value)
            self.clocks[config] = info.get("clocksource", "")
            self.done += 1
            self.seconds[mode, config] = time.monotonic() - begun
            self.progress(job)

    def progress(self, job):
        elapsed = time.monotonic() - self.begun
        left = elapsed / self.done * (len(self.jobs) - self.done)
        print("  [%2d of %d] %s, boot %d, %s: %.0f s%s" % (
            self.done, len(self.jobs), MODES[job[0]], job[1] + 1, job[2], self.seconds[job[0], job[2]],
            ", about %.0f min left" % (left / 60) if left > 90 else ""), file=sys.stderr, flush=True)

    def run(self):
        counted = [j for j in self.jobs if j[0] == "icount"]
        # Instructions do not depend on what else the host does: as many at once as asked for. Wall time does.
        with concurrent.futures.ThreadPoolExecutor(self.args.jobs) as pool:
            tasks = [pool.submit(self.one, j) for j in counted]
            try:
                for t in concurrent.futures.as_completed(tasks):
                    t.result()
            except BaseException:
                for t in tasks:
                    t.cancel()
                machine._kill_all()
                raise
        for job in self.jobs:
            if job[0] == "wall":
                self.one(job)

    def report(self):
        """What was measured, as it goes to report.json."""
        modes = [m for m in MODES if any(k[0] == m for k in self.values)]
        rows = []
        for name in self.rows:
            row = catalogue.BY_NAME[name]
            entry = {"name": name, "title": row.title, "has_bare": row.has_bare}
            for mode in modes:
                cells = {c: stats.summary(self.values[mode, name, c]) for c in self.configs if (mode, name, c) in self.values}
                entry[MODES[mode]] = cells
                entry[MODES[mode] + "_verdict"] = {
                    place: stats.judge(cells.get("bare"), cells.get("annulus-" + place), cells.get("xen-" + place),
                                       row.same, row.has_bare)
                    for place in ("dom0", "guest") if "annulus-" + place in cells}
            rows.append(entry)
        return {"date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
                "machine": self.about, "configurations": self.configs, "clock_sources": self.clocks,
                "boots": {"instructions": self.args.icount_boots, "nanoseconds": self.args.wall_boots},
                "repetitions": self.args.reps, "rows": rows}

    def machine(self):
        def output(*command):
            try:
                return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                      cwd=TREE).stdout.strip().split("\n")[0]
            except OSError:
                return ""

        def content(path):
            try:
                with open(path) as f:
                    return f.read().strip()
            except OSError:
                return ""
        model = [l.split(":", 1)[1].strip() for l in content("/proc/cpuinfo").split("\n") if l.startswith("model name")]
        return {"host": "%d CPUs, %s" % (os.cpu_count(), model[0] if model else "?"),
                "emulator": output("qemu-system-x86_64", "--version"), "emulated": "1 CPU %s, %d MiB" % (
                    machines.CPU, machines.MEMORY), "kernel": content(self.build.file("kernel/version")),
                "xen": content(self.build.file("xen/version")), "annulus": output("git", "describe", "--always", "--dirty")}


def cell(summary, base):
    if not summary:
        return "-"
    ratio = " %5.2fx" % (summary["median"] / base["median"]) if base and base is not summary else ""
    spread = "±%.0f%%" % (50 * summary["spread"]) if summary["n"] > 1 else ""
    return "%s %3s%s" % (stats.worth(summary["median"]), spread, ratio)


def short(verdict):
    if not verdict:
        return "-"
    if verdict["verdict"] == "not judged":
        return "not judged"
    return "%-4s %s" % (verdict["verdict"], "%.0f %%" % (100 * verdict["share"]) if verdict["share"] is not None else
                        verdict["reason"].split(" from")[0])


def table(report, unit, configs, disks=False):
    """Text: the median, half the spread and the ratio to bare for each machine; Annulus' share of Xen's overhead."""
    places = [p for p in ("dom0", "guest") if "annulus-" + p in configs]
    rows = [r for r in report["rows"] if catalogue.of_disk(r) == disks]
    width = max([len(r["title"]) for r in rows] + [len(unit) + 14]) + 1
    head = "%-*s" % (width, unit + " per operation") + "".join("%21s" % catalogue.TITLES[c] for c in configs)
    head += "".join("   %-14s" % (p + " verdict") for p in places)
    lines = [head, "-" * len(head)]
    for row in rows:
        cells = row.get(unit, {})
        if not set(cells) & set(configs):
            continue
        base = cells.get("bare-32" if configs[0] in catalogue.CONFIGS32 else "bare")
        text = "%-*s" % (width, row["title"]) + "".join("%21s" % cell(cells.get(c), base) for c in configs)
        text += "".join("   %-14s" % short(row.get(unit + "_verdict", {}).get(p)) for p in places)
        lines.append(text.rstrip())
    return "\n".join(lines)


def tally(report, unit):
    words_of = [v["verdict"] for row in report["rows"] for v in row.get(unit + "_verdict", {}).values()]
    return "%d ok, %d miss, %d not judged" % tuple(words_of.count(w) for w in ("ok", "miss", "not judged"))


def main():
    parser = argparse.ArgumentParser(description="Annulus' benchmark")
    parser.add_argument("--build", default="build")
    parser.add_argument("--hv", help="another annulus.elf than the build's")
    parser.add_argument("--rows", help="comma-separated, or all; default: " + ",".join(SMALL) + "; further: " +
                        ",".join(r for r in ALL if r not in SMALL))
    parser.add_argument("--configs", help="comma-separated, or all; default: " + ",".join(catalogue.TUNING) +
                        "; further: " + ",".join(c for c in catalogue.EVERY if c not in catalogue.TUNING))
    parser.add_argument("--boots", type=int, default=1)
    parser.add_argument("--reps", type=int, default=3, help="repetitions of a row within a boot")
    parser.add_argument("--icount", action="store_true", help="count instructions, in --boots boots")
    parser.add_argument("--wall", type=int, metavar="BOOTS", help="take wall time, in so many boots")
    parser.add_argument("--jobs", type=int, default=1, help="machines at once while instructions are counted")
    parser.add_argument("--report", action="store_true", help="write report.json and report.svg")
    parser.add_argument("--verbose", action="store_true", help="show the serial port")
    args = parser.parse_args()
    args.icount_boots = args.boots if args.icount else 0
    args.wall_boots = args.wall if args.wall is not None else 0 if args.icount else args.boots
    rows = words(args.rows, SMALL, ALL, "row")
    build = machine.Build(args.build)
    configs = choose_configs(args, build)
    programs(build, configs)
    run = Run(args, build, rows, configs)
    try:
        run.run()
    except Failure as e:
        raise SystemExit("run.py: %s" % e)
    report = run.report()
    for mode, unit in MODES.items():
        if any(k[0] == mode for k in run.values):
            for kind, disks in ((catalogue.CONFIGS, False), (catalogue.OF_DISKS, True), (catalogue.CONFIGS32, False)):
                some = [c for c in configs if c in kind]
                if some and any(catalogue.of_disk(r) == disks and set(r.get(unit, {})) & set(some) for r in report["rows"]):
                    print("\n" + table(report, unit, some, disks))
            if mode == "icount" and any(c.startswith("xen-") for c in configs):
                print("Annulus' overhead at most half of Xen's: " + tally(report, unit))
    if args.report:
        path = build.file("bench/report.json")
        with open(path, "w") as f:
            json.dump(report, f, indent=1)
            f.write("\n")
        chart.write(report, build.file("bench/report.svg"))
        print("\n%s, %s" % (path, build.file("bench/report.svg")))


if __name__ == "__main__":
    main()
