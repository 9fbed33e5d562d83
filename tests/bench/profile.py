#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""profile.py ROW[,ROW...] [--config annulus-dom0] - where rows' instructions go, exactly, by function.

    tests/bench/profile.py fork                                   functions of hypervisor, kernel and user space
    tests/bench/profile.py fork --annotate type_get,table_undo    the same, and functions' instructions with their counts
    tests/bench/profile.py fork --config bare                     the same on the bare machine (or xen-dom0: no function names)
    tests/bench/profile.py fork --against bare                    the kernel's functions that execute more than on bare
    tests/bench/profile.py fork,pipe,mmap --bounds                what bounds the rows, beside build/bench/report.json: one
                                                                  line each, and the hypervisor's longest functions

User functions have names in the rows of micro.c only. Rows of guests need --config annulus-guest; there, the kernel's
functions are dom0's and the guest's together.

A TCG plugin (count.c) counts every executed instruction between a row's begin and end; nothing is sampled. Columns:
instructions per operation, share, entries per operation (how often the function's first instruction was executed), function.
"""
import argparse
import bisect
import json
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import catalogue  # noqa: E402
import machines  # noqa: E402
import run  # noqa: E402
import stats  # noqa: E402
from machines import Failure, machine  # noqa: E402

HYPERVISOR = 0xffff800000000000, 0xffff880000000000  # the ABI's hole for the hypervisor
KERNEL = 0xffff880000000000
FIRMWARE = 1 << 20, 0xc0000000  # below the one and above the other
PLACES = ("hypervisor", "kernel", "user", "decompressor", "firmware", "idle")


class Symbols:
    def __init__(self, pairs):
        pairs = sorted(set(pairs))
        self.addresses = [a for a, _ in pairs]
        self.names = [n for _, n in pairs]

    def find(self, address):
        """(start, name) of the function that holds `address`."""
        i = bisect.bisect_right(self.addresses, address) - 1
        if i < 0:
            return address, "(outside the image)"  # the stubs at which SYSCALL enters
        start = self.addresses[i]
        return start, self.names[bisect.bisect_left(self.addresses, start)]


def elf_symbols(path):
    out = subprocess.run(["nm", path], check=True, stdout=subprocess.PIPE, text=True).stdout
    return Symbols((int(a, 16), n) for a, n in re.findall(r"^([0-9a-f]+) [tTwW] (\S+)$", out, re.M))


def kernel_symbols(build):
    """Taken from the kernel itself once (nokaslr keeps them where they are), then kept beside it."""
    path = build.file("bench/symbols")
    if not os.path.exists(path) or os.path.getmtime(path) < os.path.getmtime(build.need("kernel/vmlinuz")):
        print("asking the kernel for its symbols (once)", file=sys.stderr)
        m = machines.boot("bare", build, machines.Images(build).get("micro"), "bench.symbols=1 bench.rows=none", False)
        with m:
            begin = m.expect(r"^BENCH-INFO clocksource .*\n", 120).end()
            end = m.expect(r"^BENCH-INFO symbols end", 600).start()
            text = m.log[begin:end]
        with open(path, "w") as f:
            f.write(text)
    with open(path) as f:
        return Symbols((int(a, 16), n) for a, n in re.findall(r"^([0-9a-f]{16}) (\S+)$", f.read(), re.M))


def counts(build, config, rows, hv):
    """{row: ({address: executions per operation}, instructions per operation by the clock)}"""
    initramfs, args = machines.prepare(machines.Images(build), config, rows)
    result = {}
    boot = "boot" in rows
    with tempfile.TemporaryDirectory(prefix="annulus-profile-") as d:
        m = machines.boot(config, build, initramfs, args + " bench.reps=1", True, hv=hv, plugin="%s,out=%s/window%s" % (
            build.file("bench/count.so"), d, ",reset=on" if boot and not config.endswith("-guest") else ""))
        try:
            clock, _, operations = machines.measure(m, run.SILENCE)
        except Failure as e:
            raise SystemExit("%s\nprofile.py: %s: %s" % ("\n".join(m.log.split("\n")[-20:]), config, e))
        # One window for each line of results, in the same order; before a guest's own is that of its boot.
        guest = catalogue.place(config) == "guest" and any(catalogue.BY_NAME[r].inner for r in rows)
        for window, row in enumerate(["boot"] * (boot or guest) + re.findall(r"BENCH (\S+) \d+ \d+\n", m.log)):
            if row not in rows:
                continue
            found = result.setdefault(row, ({}, sum(clock[row]) / len(clock[row])))[0]
            with open("%s/window.%d" % (d, window)) as f:
                for line in f:
                    address, n = line.split()
                    address = int(address, 16)
                    found[address] = found.get(address, 0) + int(n) / operations[row]
    return result


def profiles(build, config, rows, hv):
    """counts() of all rows; the boot has a machine of its own."""
    result = {}
    for some in (["boot"] if "boot" in rows else [], [r for r in rows if r != "boot"]):
        if some:
            result.update(counts(build, config, some, hv))
    return result


def place_of(address, booting, user):
    """Which of PLACES an address is in; while a machine boots, low addresses are firmware's or a loader's, too."""
    if HYPERVISOR[0] <= address < HYPERVISOR[1]:
        return "hypervisor"
    if address >= KERNEL:
        return "kernel"
    if not booting or user[0] <= address < user[1]:
        return "user"
    return "decompressor" if FIRMWARE[0] <= address < FIRMWARE[1] else "firmware"


def by_function(row, found, clock, symbols):
    """{(where, name): [instructions, entries]}. In the row `boot`, what the clock says more was time without work."""
    table = {}
    user = symbols["user"].addresses[0], symbols["user"].addresses[-1]
    for address, n in found.items():
        where = place_of(address, row == "boot", user)
        start, name = symbols[where].find(address) if symbols.get(where) else (0, where)
        entry = table.setdefault((where, name), [0.0, 0.0])
        entry[0] += n
        if address == start:
            entry[1] += n
    if row == "boot":
        table["idle", "(waiting)"] = [max(0, clock - sum(found.values())), 0]
    return table


def annotate(sym, function, found):
    out = subprocess.run(["objdump", "-d", "--no-show-raw-insn", "--disassemble=" + function, sym], check=True,
                         stdout=subprocess.PIPE, text=True).stdout
    for line in out.split("\n"):
        address = re.match(r"\s*([0-9a-f]{8,}):", line)
        if address:
            n = found.get(int(address.group(1), 16), 0)
            print("%10s %s" % ("%.2f" % n if n else "", line))
        elif line.endswith(">:"):
            print("           " + line)


def places(table):
    return {place: sum(v[0] for k, v in table.items() if k[0] == place) for place in PLACES}


def show(row, config, table, clock, top):
    total = sum(n for n, _ in table.values())
    print("\n%s on %s: %.0f instructions per operation (%.0f by the clock)" % (row, config, total, clock))
    for place, n in places(table).items():
        if n:
            print("  %-11s %12.1f  %5.1f %%" % (place, n, 100 * n / total))
    print("\n%12s %7s %10s  %-11s %s" % ("instr/op", "share", "entries/op", "where", "function"))
    for (place, name), (n, entries) in sorted(table.items(), key=lambda item: -item[1][0])[:top]:
        print("%12.1f %6.1f%% %10.2f  %-11s %s" % (n, 100 * n / total, entries, place, name))


def compare(table, other, against, top):
    print("\nkernel and user functions that execute more than on %s\n%12s %12s  %s" % (
        against, "more/op", "there/op", "function"))
    more = {k: v[0] - other.get(k, [0])[0] for k, v in table.items() if k[0] != "hypervisor"}
    for key, n in sorted(more.items(), key=lambda item: -item[1])[:top]:
        if n > 0:
            print("%12.1f %12.1f  %s" % (n, other.get(key, [0])[0], key[1]))


def bounds(build, tables, config):
    """Where the overhead of each row is spent, and what it may be (bare and half of Xen's overhead, from report.json)."""
    place = config.split("-")[-1]
    with open(build.need("bench/report.json")) as f:
        report = {r["name"]: r["instructions"] for r in json.load(f)["rows"]}
    print("| row | bare | allowed overhead | overhead | of it the kernel | of it the hypervisor | its longest functions |")
    print("|---|---:|---:|---:|---:|---:|---|")
    for row, table in tables.items():
        bare, xen = report[row].get("bare"), report[row].get("xen-" + place)
        spent = places(table)
        base = bare["median"] if bare else 0
        longest = sorted((v[0], k[1]) for k, v in table.items() if k[0] == "hypervisor")[::-1][:5]
        print("| %s | %s | %s | %s | %s | %s | %s |" % (
            row, stats.worth(base) if bare else "-", stats.worth((xen["median"] - base) / 2) if xen else "-",
            stats.worth(sum(spent.values()) - base), stats.worth(spent["kernel"] + spent["user"] - base),
            stats.worth(spent["hypervisor"]), ", ".join("`%s` %s" % (name, stats.worth(n)) for n, name in longest)))


def main():
    parser = argparse.ArgumentParser(description="where benchmark rows' instructions go")
    parser.add_argument("rows")
    parser.add_argument("--config", default="annulus-dom0")
    parser.add_argument("--against", help="another configuration to compare the kernel's and user space's functions with")
    parser.add_argument("--bounds", action="store_true", help="a Markdown table of what bounds each row")
    parser.add_argument("--build", default="build")
    parser.add_argument("--hv", help="another annulus.elf; its symbols are expected beside it as annulus.sym")
    parser.add_argument("--annotate", help="functions of the hypervisor, comma-separated, to show by instruction")
    parser.add_argument("--top", type=int, default=30, help="functions to show")
    args = parser.parse_args()
    rows = run.words(args.rows, [], run.ALL, "row")
    build = machine.Build(args.build)
    run.programs(build)
    sym = os.path.splitext(args.hv or build.hv)[0] + ".sym"
    symbols = {"hypervisor": elf_symbols(sym) if args.config.startswith("annulus") else None,
               "kernel": kernel_symbols(build), "user": elf_symbols(build.file("bench/micro"))}
    found = profiles(build, args.config, rows, args.hv)
    tables = {row: by_function(row, *found[row], symbols) for row in rows}
    if args.bounds:
        bounds(build, tables, args.config)
        return
    others = profiles(build, args.against, rows, args.hv) if args.against else {}
    for row in rows:
        show(row, args.config, tables[row], found[row][1], args.top)
        if others:
            compare(tables[row], by_function(row, *others[row], dict(symbols, hypervisor=None)), args.against, args.top)
        for function in filter(None, (args.annotate or "").split(",")):
            print()
            annotate(sym, function, found[row][0])


if __name__ == "__main__":
    main()
