#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""profile.py ROW [--config annulus-dom0] - where a row's instructions go, exactly, by function.

    tests/bench/profile.py fork                                   functions of hypervisor, kernel and user space
    tests/bench/profile.py fork --annotate hypercall_entry        the same, and one function's instructions with their counts
    tests/bench/profile.py fork --config bare                     the same on the bare machine (or xen-dom0: no function names)
    tests/bench/profile.py fork --against bare                    the kernel's functions that execute more than on bare

User functions have names in the rows of micro.c only. Rows of guests need --config annulus-guest; there, the kernel's
functions are dom0's and the guest's together.

A TCG plugin (count.c) counts every executed instruction between the row's begin and end; nothing is sampled. Columns:
instructions per operation, share, entries per operation (how often the function's first instruction was executed), function.
"""
import argparse
import bisect
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import catalogue  # noqa: E402
import machines  # noqa: E402
import run  # noqa: E402
from machines import Failure, machine  # noqa: E402

HYPERVISOR = 0xffff800000000000, 0xffff880000000000  # the ABI's hole for the hypervisor
KERNEL = 0xffff880000000000


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


def counts(build, config, row, hv):
    """({address: executions per operation}, instructions per operation by the clock)"""
    initramfs, args = machines.prepare(machines.Images(build), config, [row])
    out = build.file("bench/profile.%d" % os.getpid())
    m = machines.boot(config, build, initramfs, args + " bench.reps=1", True, hv=hv,
                      plugin="%s,out=%s" % (build.file("bench/count.so"), out))
    try:
        rows, _, operations = machines.measure(m, run.SILENCE)
    except Failure as e:
        raise SystemExit("%s\nprofile.py: %s: %s" % ("\n".join(m.log.split("\n")[-20:]), config, e))
    with open(out) as f:
        found = {int(a, 16): int(n) / operations[row] for a, n in (line.split() for line in f)}
    os.unlink(out)
    return found, sum(rows[row]) / len(rows[row])


def by_function(found, symbols):
    """{(where, name): [instructions, entries]}"""
    table = {}
    for address, n in found.items():
        if HYPERVISOR[0] <= address < HYPERVISOR[1]:
            where = "hypervisor"
        else:
            where = "kernel" if address >= KERNEL else "user"
        start, name = symbols[where].find(address) if symbols.get(where) else (0, where)
        entry = table.setdefault((where, name), [0.0, 0.0])
        entry[0] += n
        if address == start:
            entry[1] += n
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


def main():
    parser = argparse.ArgumentParser(description="where a benchmark row's instructions go")
    parser.add_argument("row")
    parser.add_argument("--config", default="annulus-dom0")
    parser.add_argument("--against", help="another configuration to compare the kernel's and user space's functions with")
    parser.add_argument("--build", default="build")
    parser.add_argument("--hv", help="another annulus.elf; its symbols are expected beside it as annulus.sym")
    parser.add_argument("--annotate", help="functions of the hypervisor, comma-separated, to show by instruction")
    parser.add_argument("--top", type=int, default=30, help="functions to show")
    args = parser.parse_args()
    run.words(args.row, [], [r.name for r in catalogue.ROWS if r.where != "boot"], "row")
    build = machine.Build(args.build)
    run.programs(build)
    sym = os.path.splitext(args.hv or build.hv)[0] + ".sym"
    symbols = {"hypervisor": elf_symbols(sym) if args.config.startswith("annulus") else None,
               "kernel": kernel_symbols(build), "user": elf_symbols(build.file("bench/micro"))}
    found, clock = counts(build, args.config, args.row, args.hv)
    table = by_function(found, symbols)
    total = sum(n for n, _ in table.values())
    print("%s on %s: %.0f instructions per operation (%.0f by the clock)" % (args.row, args.config, total, clock))
    for place in ("hypervisor", "kernel", "user"):
        n = sum(v[0] for k, v in table.items() if k[0] == place)
        print("  %-11s %12.1f  %5.1f %%" % (place, n, 100 * n / total))
    print("\n%12s %7s %10s  %-11s %s" % ("instr/op", "share", "entries/op", "where", "function"))
    for (place, name), (n, entries) in sorted(table.items(), key=lambda item: -item[1][0])[:args.top]:
        print("%12.1f %6.1f%% %10.2f  %-11s %s" % (n, 100 * n / total, entries, place, name))
    if args.against:
        other = by_function(counts(build, args.against, args.row, args.hv)[0], dict(symbols, hypervisor=None))
        print("\nkernel and user functions that execute more than on %s\n%12s %12s  %s" % (
            args.against, "more/op", "there/op", "function"))
        more = {k: v[0] - other.get(k, [0])[0] for k, v in table.items() if k[0] != "hypervisor"}
        for key, n in sorted(more.items(), key=lambda item: -item[1])[:args.top]:
            if n > 0:
                print("%12.1f %12.1f  %s" % (n, other.get(key, [0])[0], key[1]))
    for function in filter(None, (args.annotate or "").split(",")):
        print()
        annotate(sym, function, found)


if __name__ == "__main__":
    main()
