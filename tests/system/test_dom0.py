# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's stock kernel is dom0 on 1, 2 and 4 CPUs, and always sees 2; also with the hypervisor unmapped.

It reaches its shell, the serial console takes input, its virtual CPUs are both online, and `poweroff` ends the machine.
"""
from machine import SOAK, check, shell, wait_shell


def boot(build, cpus, cpu="qemu64,-svm"):
    with build.dom0(cpus=cpus, cpu=cpu) as m:
        seconds = wait_shell(m)
        code, out = shell(m, "nproc")
        check(code == 0 and out == "2", "dom0 has %s CPUs, 2 were asked for" % out)
        code, out = shell(m, "uname -r; cat /sys/hypervisor/type")
        check(code == 0 and out.split("\n")[1] == "xen", "dom0 does not know its hypervisor: " + out)
        if cpu == "Nehalem":
            check("hypervisor unmapped" in m.log, "the hypervisor is mapped on a CPU with Meltdown")
        check(not m.complaints(), "the hypervisor complained: " + "; ".join(m.complaints()[:3]))
        m.send("poweroff\n")
        m.wait_exit(60)
        return "shell after %.1f s" % seconds


def cases(build):
    yield "cpus4", lambda: boot(build, 4)
    yield "meltdown", lambda: boot(build, 2, "Nehalem")
    if SOAK:
        yield "cpus1", lambda: boot(build, 1)
        yield "cpus2", lambda: boot(build, 2)
        yield "svm", lambda: boot(build, 2, "qemu64")
