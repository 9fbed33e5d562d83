# SPDX-License-Identifier: GPL-2.0-or-later
"""What a guest can hold: the longest that each global lock was held, the longest stretch with interrupts off and the longest
interrupt, in instructions, while hostile guests run; and how often a CPU that runs none of them was asked to flush its TLB.

The bounds are those of the table in docs/security.md: about twice what was measured.
"""
import re

import guests
from machine import Qemu, check

BOUNDS = {"console lock": 8000, "heap lock": 8000, "slab lock": 500, "lock of foreign mappers": 500, "domain list lock": 500,
          "wall clock lock": 500, "paging lock": 500, "an interrupt": 4000, "interrupts off": 60000}
# What only dom0, a domain with a device or another CPU can have: nothing, where there is none.
NOBODYS = ["console input lock", "interrupt vectors lock", "PCI port lock", "debug keys lock", "clock lock", "call lock",
           "flush lock"]
FLUSHES = 64  # of the thousands that were tried
HOSTILE = ["evil-counts", "evil-continue", "evil-exchange", "evil-storm", "memory-op", "console", "grants"]
KINDS = ["r1-entry", "events-r1", "timers-r1", "sched-r1", "hello", "events", "events-32", "timers-32"]


def run(build, modules, names, cpus):
    with Qemu(kernel=build.hv, cmdline="console=com1 com1=115200 latency=1", modules=modules, mem=guests.MEMORY, nic=None,
              icount=True, cpus=cpus) as m:
        m.expect(r"^\(annulus\).*all domains have ended", 300, fail=r"^\(annulus\).*panic")
        m.expect(r"^\(annulus\).*latency: CPU %d was asked" % (cpus - 1), 60)
        m.wait_exit(30)
    for name in names:
        guests.judge(m.log, name)
    guests.judge_machine(m)
    found = re.findall(r"latency: (.*): (\d+) cycles in ([^\r\n]*)", m.log)
    check({what for what, _, _ in found} == set(BOUNDS) | set(NOBODYS), "not every lock is in the table: %s" % found)
    worst = {what: max(int(c) for w, c, _ in found if w == what) for what in BOUNDS}
    # The emulator counts the other CPU's instructions, too.
    for what, cycles, where in found if cpus == 1 else []:
        bound = BOUNDS.get(what, 0)
        check(int(cycles) <= bound, "%s: %s instructions in %s, the bound is %d" % (what, cycles, where, bound))
        check(bound < 1000 or int(cycles) > 0, "%s: nothing was measured" % what)
    return worst, [int(n) for n in re.findall(r"was asked (\d+) times to flush", m.log)]


def holds(build):
    worst, _ = run(build, [guests.module(build, n) for n in HOSTILE], HOSTILE, 1)
    return ", ".join("%s %d" % item for item in worst.items())


def looking(build):
    """The guest that looks for the longest, with as many vCPUs as there may be."""
    worst, _ = run(build, [(build.need("guest/evil-hold.elf"), "domU=evil-hold,mem=64M,vcpus=64")], ["evil-hold"], 1)
    check(worst["interrupts off"] > 10000, "63 vCPUs were not woken at once: %s" % worst)
    return ", ".join("%s %d" % item for item in worst.items())


def flushes(build):
    image = build.need("guest/evil-flush.elf")
    worst, asked = run(build, [(image, "domU=neighbour,mem=16M idle"), (image, "domU=evil-flush,mem=16M storm")],
                       ["evil-flush"], 2)
    check(worst["heap lock"] > 0, "nothing was measured")
    check(len(asked) == 2 and max(asked) <= FLUSHES, "CPUs were asked %s times to flush" % asked)
    return "asked %s times" % asked


def kinds(build):
    """Guests of all kinds on the same CPUs, by the wrapped ways in and out: what is measured is others' matter."""
    with Qemu(kernel=build.hv, cmdline="console=com1 com1=115200 latency=1", modules=[guests.module(build, n) for n in KINDS],
              mem=guests.MEMORY, nic=None, cpus=2) as m:
        guests.run(m, KINDS, keys=True)
        for name in KINDS:
            guests.judge(m.log, name)
        return "%d clean audits" % guests.judge_machine(m)


def cases(build):
    yield "kinds", lambda: kinds(build)
    yield "holds", lambda: holds(build)
    yield "looking", lambda: looking(build)
    yield "flushes", lambda: flushes(build)
