# SPDX-License-Identifier: GPL-2.0-or-later
"""A cap, by the clock of who has it: dom0 is a tiny guest (tests/guest/cap)."""
import guests
from machine import Qemu


def run(build, cpus):
    with Qemu(kernel=build.hv, cmdline="console=com1 com1=115200 dom0_mem=32M", cpus=cpus, mem=256, nic=None,
              modules=[(build.need("guest/cap.elf"), "")]) as m:
        m.expect(r"^RESULT cap PASS", 60, fail=r"^\(annulus\).*panic|RESULT \S+ FAIL")
        guests.judge_machine(m)
        return "%.0f s" % m.seconds()


def cases(build):
    for cpus in 1, 2:
        yield "cpus%d" % cpus, lambda cpus=cpus: run(build, cpus)
