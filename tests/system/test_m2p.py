# SPDX-License-Identifier: GPL-2.0-or-later
"""Both M2Ps as DOMID_XEN's frames: read-only, and for a privileged domain alone. dom0 is a tiny guest (tests/guest/m2p); what
others try is tests/guest/evil-m2p.
"""
import guests
from machine import Qemu


def run(build, mode):
    with Qemu(kernel=build.hv, cmdline="console=com1 com1=115200 dom0_mem=32M " + mode, cpus=1, mem=256, nic=None,
              modules=[(build.need("guest/m2p.elf"), "")]) as m:
        m.expect(r"^RESULT m2p PASS", 60, fail=r"^\(annulus\).*panic|RESULT \S+ FAIL")
        guests.judge_machine(m)
        return "%.0f s" % m.seconds()


def cases(build):
    for mode in "xpti=off", "xpti=on":
        yield mode.replace("=", "-"), lambda mode=mode: run(build, mode)
