# SPDX-License-Identifier: GPL-2.0-or-later
"""NMIs without pause while guests go in and out: whatever one interrupts, in the guest or in any stub, goes on as if nothing had
been. In unmapped mode they come on either of two roots and have to know which."""
import guests
from machine import Failure, Qemu, check

NAMES = ["hostile", "evil-debug"]
RING1 = ["r1-fast", "evil-debug-r1"]
ENOUGH = 20  # a machine may be slow to take them


def run(build, cpu, names=NAMES):
    sent = 0
    with Qemu(kernel=build.hv, cmdline="console=com1 com1=115200", cpu=cpu, modules=[guests.module(build, n) for n in names],
              mem=guests.MEMORY, nic=None) as m:
        m.expect(r"^\(annulus\).* boot: d\d+ is " + names[-1], 60)  # the machine's own start takes none
        while not m.lines(r"^\(annulus\).*all domains have ended"):
            check(m.clock() < 240 and m.alive(), "the guests have not ended after %d NMIs" % sent)
            check(not m.lines(r"^\(annulus\).*panic"), "a panic after %d NMIs" % sent)
            try:
                m.qmp("inject-nmi")
                sent += 1
            except (OSError, ValueError, Failure):
                pass  # it has powered off
            m.pump(0.005)
        guests.run(m, names, keys=False)
        for name in names:
            guests.judge(m.log, name)
        guests.judge_machine(m)
    check(sent >= ENOUGH, "only %d NMIs" % sent)
    return "%d NMIs" % sent


def cases(build):
    yield "mapped", lambda: run(build, "qemu64,-svm")
    yield "unmapped", lambda: run(build, "Nehalem")
    # On a guest's view, in the stub that bounces system calls without C.
    yield "ring1", lambda: run(build, "qemu64,-svm,+fsgsbase", RING1)
