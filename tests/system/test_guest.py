# SPDX-License-Identifier: GPL-2.0-or-later
"""Every tiny guest kernel, in QEMU on two CPUs: the ABI as guests see it, and hostile guests.

They run as unprivileged domains from boot modules, without dom0, many in one machine, so that hostile ones also meet the
others. Each prints its own verdict or is crashed if that is what it deserves; audits run meanwhile and at the end, when the
machine powers off.
"""
import guests
from machine import Failure, Qemu, Skip, check


class Batch:
    """A machine's worth of guests; it runs when the first of them is asked for."""

    def __init__(self, build, names):
        self.build, self.names, self.machine, self.error = build, names, None, None

    def boot(self):
        if self.machine or self.error:
            return
        try:
            with Qemu(kernel=self.build.hv, cmdline="console=com1 com1=115200",
                      modules=[guests.module(self.build, n) for n in self.names], mem=guests.MEMORY, nic=None) as m:
                self.machine = m
                guests.run(m, self.names, keys=True)
        except Failure as e:
            self.error = e

    def guest(self, name):
        self.boot()
        note = guests.judge(self.machine.log, name) if self.machine else None
        if not self.machine:
            raise self.error
        return note

    def end(self):
        self.boot()
        if self.error:
            raise self.error
        audits = guests.judge_machine(self.machine)
        return "%d guests, %d clean audits, %.0f s" % (len(self.names), audits, self.machine.seconds())


def other(name, emulator):
    def skipped():
        raise Skip("only %s can show this" % emulator)
    return name, skipped


def cases(build):
    check(build.guests(), "there is no guest kernel in %s: run make first" % build.file("guest"))
    for i, names in enumerate(guests.batches(build, "qemu")):
        batch = Batch(build, names)
        yield "machine%d" % i, batch.end
        for name in names:
            yield name, lambda b=batch, n=name: b.guest(n)
    for name in build.guests():
        s = guests.settings(name)
        if s["emulator"] not in ("any", "qemu"):
            yield other(name, s["emulator"])
