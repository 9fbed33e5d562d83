# SPDX-License-Identifier: GPL-2.0-or-later
"""Every tiny guest kernel, in QEMU: the ABI as guests see it, and hostile guests.

On two CPUs guest by guest; on one, on four, and on a CPU with Meltdown (where the hypervisor is not mapped while guests run) all
in one verdict.

They run as unprivileged domains from boot modules, without dom0, many in one machine, so that hostile ones also meet the
others. Each prints its own verdict or is crashed if that is what it deserves; audits run meanwhile and at the end, when the
machine powers off.
"""
import re

import guests
from machine import Failure, Qemu, Skip, check


class Batch:
    """A machine's worth of guests; it runs when the first of them is asked for."""

    def __init__(self, build, names, options="", **machine):
        self.build, self.names, self.cmdline, self.options = build, names, options, machine
        self.machine = self.error = None

    def boot(self):
        if self.machine or self.error:
            return
        try:
            with Qemu(kernel=self.build.hv, cmdline="console=com1 com1=115200 " + self.cmdline,
                      modules=[guests.module(self.build, n) for n in self.names], mem=guests.MEMORY, nic=None,
                      **self.options) as m:
                self.machine = m  # of which the log stays
                guests.run(m, self.names, keys=True)
                self.seconds = m.seconds()
        except Failure as e:
            self.error = e

    def guest(self, name):
        self.boot()
        if not self.machine:
            raise self.error
        return guests.judge(self.machine.log, name)

    def end(self):
        self.boot()
        if self.error:
            raise self.error
        audits = guests.judge_machine(self.machine)
        return "%d guests, %d clean audits, %.0f s" % (len(self.names), audits, self.seconds)

    def all(self):
        bad = []
        note = self.end()
        for name in self.names:
            try:
                self.guest(name)
            except Skip:
                pass  # reported where it is a test of its own
            except Failure as e:
                bad.append(str(e))
        check(not bad, "; ".join(bad))
        return note


MACHINES = [("meltdown", {"cpu": "Nehalem", "cpus": 2}), ("cpus1", {"cpus": 1}), ("cpus4", {"cpus": 4})]


# What no emulated CPU asks for, patched in all the same: every way in and out must still work.
FORCED = ["fast-paths", "iret", "wild-iret", "user-mode", "traps", "events", "sysenter", "sysenter-32",
          "flags", "flags-32"]
FORCED_OPTIONS = "spec-ctrl=bti-thunk=retpoline,rsb,md-clear"


def forced(build, cpu):
    batch = Batch(build, FORCED, FORCED_OPTIONS, cpu=cpu, cpus=2)
    note = batch.all()
    for words in ("branches by retpolines", "registers cleared, return stack filled; on exit: buffers cleared"):
        check(words in batch.machine.log, "the boot log does not say '%s'" % words)
    code(batch.machine, {"retpolines", "return stack", "return stack of 64-bit", "VERW"})
    return note


def code(m, wanted):
    """The places in the code, as the hypervisor found them after writing them over: all of what is wanted, none of the rest."""
    found = m.lines(r"mitigations: places in the code:")
    check(found, "the boot log does not say what the code looks like")
    places = re.findall(r"(\w[\w -]*) (\d+) of (\d+)", found[0].split("code:")[1])
    check({p[0] for p in places} >= wanted and all(int(p[2]) for p in places), found[0])
    for what, n, of in places:
        check(int(n) == (int(of) if what in wanted else 0), "%s: %s" % (what, found[0]))


def ring1(build, cpu, allowed):
    """pv32=: what is chosen and written into the code; with pv32=0 a 32-bit kernel is refused and nobody else notices."""
    # A CPU without Meltdown, AMD's; and Intel's, which needs as much for its 64-bit guests already.
    wanted = {"LFENCE"} if cpu.startswith("qemu64") else {"retpolines", "return stack", "return stack of 64-bit"}
    with Qemu(kernel=build.hv, cmdline="console=com1 com1=115200 " + ("pv32=1" if allowed else "pv32=0"), cpu=cpu,
              modules=[guests.module(build, n) for n in ("hello", "hello-32")], mem=guests.MEMORY, nic=None) as m:
        guests.run(m, ["hello", "hello-32"], keys=False)
        guests.judge(m.log, "hello")
        code(m, wanted | ({"return stack"} if allowed else set()))
        check(m.lines("kernels in ring 1 are %s" % ("allowed" if allowed else "refused")), "the boot log hides pv32=")
        check(bool(m.lines(r"on entry: .*return stack filled")) == ("return stack" in wanted or allowed), "the return stack")
        if allowed:
            guests.judge(m.log, "hello-32")
            guests.judge_machine(m)
        else:
            check("RESULT hello-32" not in m.log, "a 32-bit kernel runs in spite of pv32=0")
            check(m.lines(r" W d2: a 32-bit domain is refused: .*pv32=0"), "the log does not say why")
            check(m.lines(r" E hello-32 cannot be started: .*pv32=0 refuses: take pv32=0 off"), "nor what to do")
            m.check_audit()


def sysenter(build):
    """Its third way in: on a CPU that has it, a hypervisor that stays mapped."""
    batch = Batch(build, ["sysenter", "sysenter-32", "dies-sysenter", "flags", "flags-32"], "xpti=no", cpu="Nehalem", cpus=2)
    note = batch.all()
    check("hypervisor mapped while guests run" in batch.machine.log, "xpti=no does not leave the hypervisor mapped")
    check("sysenter PASS" in batch.machine.log and "dies-sysenter DIES" in batch.machine.log, "the CPU has no SYSENTER")
    return note


def other(name, emulator):
    def skipped():
        raise Skip("only %s can show this" % emulator)
    return name, skipped


def cases(build):
    check(build.guests(), "there is no guest kernel in %s: run make first" % build.file("guest"))
    for i, names in enumerate(guests.batches(build, "qemu")):
        if guests.left_to_soak(names[0], "qemu"):
            continue
        s = guests.settings(names[0])
        counted, cmdline, cpu = s["icount"] == "yes", s["options"], {"cpu": s["cpu"]} if s["cpu"] else {}
        batch = Batch(build, names, cmdline, icount=counted, cpus=1 if counted else 2, **cpu)
        yield "machine%d" % i, batch.end
        for name in names:
            yield name, lambda b=batch, n=name: b.guest(n)
        for what, options in MACHINES if not counted else ():
            if s["kind"] == "pvh" and "cpu" in options:
                continue  # a CPU that it cannot run on
            yield "%s.%d" % (what, i), Batch(build, names, cmdline, **{**cpu, **options}).all
    for cpu in ("qemu64,-svm", "Nehalem"):
        yield "mitigations.%s" % cpu.split(",")[0], lambda c=cpu: forced(build, c)
        for allowed in (True, False):
            yield "pv32-%d.%s" % (allowed, cpu.split(",")[0]), lambda c=cpu, a=allowed: ring1(build, c, a)
    yield "sysenter.mapped", lambda: sysenter(build)
    for name in build.guests():
        s = guests.settings(name)
        if s["emulator"] not in ("any", "qemu"):
            yield other(name, s["emulator"])
