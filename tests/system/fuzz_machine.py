#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""fuzz_machine.py --build DIR [--seconds N] [--seed N] [--machine mapped|unmapped|bochs] - fuzz the hypervisor from inside.

A machine has a tiny dom0 that audits all the time and handles domains roughly (tests/guest/fuzz-auditor), a victim that looks
whether it stays as it was (fuzz-victim), and domains that fuzz (fuzz), two that mean to live on and some that do not care, each
with a seed of its own. The hypervisor may crash a fuzzing domain, and nothing else: every audit must be clean, nothing may be
said at error level, the victim and dom0 must come to their ends. Then the next machine starts, with the next seeds, until the
time is over. A finding is repeated with --seed N (as far as races permit); the log is in BUILD/fuzz/machine.log.
"""
import argparse
import os
import re
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import machine  # noqa: E402
from machine import Bochs, Failure, Qemu, check  # noqa: E402

MEMORY = 384           # MiB
CMDLINE = "dom0_mem=32M"
MACHINES = {           # of a kind: CPU, operations on each vCPU, how many domains mean to live on, how many do not
    "mapped": ("qemu64,-svm", 4000, 2, 4),
    "unmapped": ("Nehalem", 1500, 1, 3),
    "bochs": ("broadwell_ult", 2000, 1, 2),
}
PATIENCE = {"mapped": 180, "unmapped": 180, "bochs": 420}  # seconds without a line from the machine that are too many


def modules(build, kind, seed):
    _, ops, tame, wild = MACHINES[kind]
    out = [(build.need("guest/fuzz-auditor.elf"), ""),
           (build.need("guest/fuzz-victim.elf"), "domU=fuzz-victim,mem=16M,vcpus=2")]
    for i in range(tame + wild):
        out.append((build.need("guest/fuzz.elf"), "domU=fuzz%d,mem=16M,vcpus=5 seed=%d ops=%d wild=%d"
                    % (i, seed + i, ops, i >= tame)))
    return out


def seeds(kind):
    """How many seeds a machine uses up."""
    return MACHINES[kind][2] + MACHINES[kind][3]


def judge(m):
    """Raise unless the hypervisor came through; returns (operations that were counted, audits, domains crashed)."""
    wrong = m.lines(r"^\(annulus\) \[[^]]*\] E |^\(annulus\).*panic|RESULT fuzz-\S+ FAIL")
    check(not wrong, "; ".join(wrong[:3]))
    audits = m.lines(r"^\(annulus\).*audit: ")
    check(audits, "the hypervisor printed no audit line")
    for line in audits:
        check("audit: clean" in line, line.strip())
    check(re.search(r"(?m)^\(d1\) RESULT fuzz-victim PASS", m.log), "the victim did not come to its end")
    check(re.search(r"(?m)^RESULT fuzz-auditor PASS", m.log), "dom0 did not come to its end")
    done = sum(int(n) for n in re.findall(r"(?m)^\(d\d+\) fuzz: seed \d+: (\d+) operations", m.log))
    check(done, "no fuzzing domain came to its end")
    return done, len(audits), len(m.lines(r"^\(annulus\).* d\d+(v\d+)? (was )?crashed"))


def over(m):
    return re.search(r"(?m)^\(annulus\).*dom0 powers the machine off", m.log)


def run(build, kind, seed):
    """One machine; returns what judge() does. The Failure of a finding names the seed."""
    cpu = MACHINES[kind][0]
    with tempfile.TemporaryDirectory(prefix="annulus-") as d:
        if kind == "bochs":
            iso = build.iso(os.path.join(d, "fuzz.iso"), modules(build, kind, seed), CMDLINE)
            m = Bochs(iso, cpu=cpu, cpus=2, mem=MEMORY)
        else:
            m = Qemu(kernel=build.hv, cmdline="console=com1 com1=115200 " + CMDLINE, modules=modules(build, kind, seed), cpu=cpu,
                     cpus=2, mem=MEMORY, nic=None)
        try:
            with m:
                while not over(m):
                    try:
                        m.expect(r"\n", PATIENCE[kind], fail=r"^\(annulus\).*panic")
                    except Failure:
                        # Its last line may have no end.
                        if not over(m):
                            raise
                return judge(m)
        except Failure as e:
            os.makedirs(build.file("fuzz"), exist_ok=True)
            with open(build.file("fuzz/machine.log"), "w") as f:
                f.write(m.log)
            raise Failure("%s, seed %d: %s" % (kind, seed, e))


def session(build, kind, seed, seconds, show=False):
    """Machines until the time is over, at least one; returns a text with numbers."""
    end, machines, total = time.monotonic() + seconds, 0, [0, 0, 0]
    while not machines or time.monotonic() < end:
        result = run(build, kind, seed + machines * seeds(kind))
        total = [a + b for a, b in zip(total, result)]
        machines += 1
        if show:
            print("%s, seed %d: %d operations, %d audits, %d domains crashed" % (
                (kind, seed + (machines - 1) * seeds(kind)) + result), flush=True)
    return "%d machines from seed %d on, %d operations and more, %d clean audits, %d domains crashed" % (
        machines, seed, total[0], total[1], total[2])


def main():
    parser = argparse.ArgumentParser(description="Fuzz the hypervisor from inside a machine")
    parser.add_argument("--build", default="build")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 1000000 * 100)
    parser.add_argument("--machine", choices=sorted(MACHINES), default="mapped")
    args = parser.parse_args()
    try:
        print(session(machine.Build(args.build), args.machine, args.seed, args.seconds, True))
    except (Failure, machine.Skip) as e:
        print("FINDING: %s" % e)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
