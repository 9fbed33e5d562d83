# SPDX-License-Identifier: GPL-2.0-or-later
"""How the CPU is shared: weights of 1 to 2 within 3 %, a cap of 30 % within 2 %, and who sleeps runs in less than a tenth of a
slice when it wakes, while others never stop. By the clock of dom0, a tiny guest (tests/guest/shares), which counts instructions,
so that nothing depends on the machine below.
"""
import re

import guests
from machine import Qemu


def test(build):
    modules = [(build.need("guest/shares.elf"), "")] + [guests.module(build, "shares")] * 2
    with Qemu(kernel=build.hv, cmdline="console=com1 com1=115200 dom0_mem=32M", cpus=1, mem=256, nic=None, icount=True,
              modules=modules) as m:
        m.expect(r"^RESULT shares PASS", 300, fail=r"^\(annulus\).*panic|RESULT \S+ FAIL.*")
        guests.judge_machine(m)
        return "; ".join(re.findall(r"^shares: (.*)", m.log, re.M))
