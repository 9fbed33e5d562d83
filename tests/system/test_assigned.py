# SPDX-License-Identifier: GPL-2.0-or-later
"""Two hostile domains, a 64-bit and a 32-bit one, that dom0 gave the same devices: I/O memory, ports and the clock's line.

dom0 is a tiny guest that audits all the time (tests/guest/device-giver, tests/guest/evil-devices).
"""
import re

import guests
from machine import Qemu, check


def run(build, cpu, cpus):
    modules = [(build.need("guest/device-giver.elf"), ""),
               (build.need("guest/evil-devices.elf"), "domU=evil-devices,mem=16M,vcpus=4"),
               (build.need("guest/evil-devices-32.elf"), "domU=evil-devices-32,mem=16M,vcpus=4")]
    with Qemu(kernel=build.hv, cmdline="console=com1 com1=115200 dom0_mem=32M", modules=modules, cpu=cpu, cpus=cpus, mem=384,
              nic=None) as m:
        m.expect(r"^RESULT device-giver PASS", 240, fail=r"^\(annulus\).*panic|RESULT \S+ FAIL")
        for d, name in ((1, "evil-devices"), (2, "evil-devices-32")):
            check(re.search(r"(?m)^\(d%d\) RESULT %s PASS" % (d, name), m.log), name + " did not come to its end")
        return "%d clean audits, %.0f s" % (guests.judge_machine(m), m.seconds())


def cases(build):
    yield "mapped", lambda: run(build, "qemu64,-svm", 2)
    yield "unmapped", lambda: run(build, "Nehalem", 2)
    yield "cpus1", lambda: run(build, "qemu64,-svm", 1)
