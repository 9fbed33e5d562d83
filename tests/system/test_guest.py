# SPDX-License-Identifier: GPL-2.0-or-later
"""Every tiny guest kernel, one after the other, in QEMU on two CPUs.

Each runs as an unprivileged domain from a boot module, without dom0. It prints its own verdict; when it has ended (or was
crashed, if that is what it deserves), the hypervisor must still be there, its audit clean, and the machine powers off.
"""
import guests
from machine import Failure, Qemu, Skip


def run(build, name):
    s = guests.settings(build, name)
    if s["emulator"] == "bochs":
        raise Skip("only Bochs can show this (QEMU's TCG does not model it)")
    with Qemu(kernel=build.hv, cmdline="console=com1 com1=115200", modules=[guests.module(build, name)], mem=256,
              nic=None) as m:
        guests.wait_end(m, int(s["seconds"]))
        note = guests.judge(m.log, name)
        m.check_audit()
        return note


def cases(build):
    names = build.guests()
    if not names:
        def none():
            raise Failure("there is no guest kernel in %s: run make guests" % build.file("guest"))
        yield "none", none
    for name in names:
        yield name, lambda n=name: run(build, n)
