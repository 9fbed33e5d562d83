# SPDX-License-Identifier: GPL-2.0-or-later
"""What the boot log says of SVM and VT-x, with them and without, where PV guests run all the same; HVM domains of dom0."""
import os
import tempfile

import guests
from machine import SOAK, Bochs, Qemu, check

MACHINES = [("svm", "qemu64,+svm,+npt", "", r"SVM with nested paging, \d+ ASIDs"),
            ("off", "qemu64,+svm,+npt", "hvm=0", "none: hvm=0"),
            ("unpaged", "qemu64,+svm", "", "none: the CPU's SVM has no nested paging"),
            ("none", "qemu64,-svm", "", "none: the CPU has no SVM"),
            ("intel", "Nehalem", "", "none: the CPU has no VT-x")]


def boot(build, cpu, options, words):
    with Qemu(kernel=build.hv, cmdline="console=com1 com1=115200 " + options, cpu=cpu, modules=[guests.module(build, "hello")],
              mem=256, nic=None) as m:
        guests.run(m, ["hello"], keys=False)
        guests.judge(m.log, "hello")
        guests.judge_machine(m)
        found = m.lines(r"^\(annulus\).* hvm: ")
        check(len(found) == 1 and m.lines(r"^\(annulus\).* hvm: " + words), "the boot log says %s" % found)


def neighbour(build):
    """Beside PV guests on one CPU, whose selectors and tables are in use when the PVH guest's turn comes."""
    names = ["traps-32", "pvh", "segments"]
    with Qemu(kernel=build.hv, cmdline="console=com1 com1=115200", cpu=MACHINES[0][1], cpus=1, mem=guests.MEMORY, nic=None,
              modules=[guests.module(build, n) for n in names]) as m:
        guests.run(m, names, keys=True)
        for name in names:
            guests.judge(m.log, name)
        guests.judge_machine(m)


def turns(build):
    """Where the machine's CPUs take turns, QEMU delivers an injected interrupt twice ("Known" in docs/hvm.md), which the guest
    sees: the second comes with interrupts off."""
    with Qemu(kernel=build.hv, cmdline="console=com1 com1=115200", cpu=MACHINES[0][1], mem=guests.MEMORY, nic=None,
              one_thread=True, modules=[guests.module(build, "pvh-smp")] * 3) as m:
        guests.run(m, ["pvh-smp"] * 3, keys=True)
        guests.judge(m.log, "pvh-smp")
        guests.judge_machine(m)


TINY = ["pvh", "pvh-control", "dies-pvh-hole", "dies-pvh-triple", "dies-pvh-grant"]


def vtx(build, cpus, modules, options, see):
    """In the one emulator that has VT-x. Its CPU has L1TF and no way to flush what leaks, so that it has to be told."""
    with tempfile.TemporaryDirectory(prefix="annulus-") as d:
        iso = build.iso(os.path.join(d, "vtx.iso"), modules, options)
        with Bochs(iso, cpus=cpus, mem=256) as m:
            note = see(m)
            guests.judge_machine(m)
            return "%.0f s%s" % (m.seconds(), note)


def vtx_guests(build, names, cpus):
    """Tiny guests, each to its verdict."""
    def see(m):
        guests.run(m, names, keys=False, factor=4)
        check(m.lines(r"^\(annulus\).* hvm: VT-x with nested paging, VPID"), "the boot log says %s" % m.lines(r"\) .* hvm: "))
        return "".join(": " + said for said in (guests.judge(m.log, name) for name in names) if said)
    return vtx(build, cpus, [guests.module(build, n) for n in names], "hvm-unsafe", see)


def vtx_domain(build):
    """dom0's side: a state by a context, which the vCPU runs from."""
    def see(m):
        m.expect(r"^RESULT hvm-domain PASS", 240, fail=r"^\(annulus\).*panic|RESULT \S+ FAIL.*")
        check("came and went" in m.log, "it made no HVM domain")
        return ""
    return vtx(build, 1, [(build.need("guest/hvm-domain.elf"), "")], "hvm-unsafe dom0_mem=32M", see)


def vtx_refused(build):
    """Nobody told it: PV guests only."""
    def see(m):
        guests.run(m, ["hello"], keys=False, factor=4)
        guests.judge(m.log, "hello")
        found = m.lines(r"^\(annulus\).* hvm: ")
        check(len(found) == 1 and "none: a guest could read the L1 cache (L1TF)" in found[0], "the boot log says %s" % found)
        return ""
    return vtx(build, 1, [guests.module(build, "hello")], "", see)


def linux_modules(build, options="domU=linux,mem=256M,pvh", words=""):
    return [(build.need("kernel/vmlinuz"), options + " console=hvc0 earlyprintk=xen nokaslr panic=-1" + words),
            (build.need("guest.cpio.gz"), "initrd=linux")]


def see_linux(m, seconds):
    for words in ("Booting kernel on Xen PVH", "Xen HVM callback vector for event delivery is enabled", "Run /init as init"):
        m.expect(words, seconds, fail=r"^\(annulus\).*(?:panic|crashed)|Kernel panic")
    check(not m.lines("unchecked MSR access"), "its kernel meets an MSR that is not there")


def linux(build):
    """The stock kernel by its PVH entry point, from a boot module, to its first program. It has no console there but what it
    prints early."""
    with Qemu(kernel=build.hv, cmdline="console=com1 com1=115200", cpu=MACHINES[0][1], cpus=1, mem=768, nic=None,
              modules=linux_modules(build)) as m:
        see_linux(m, 120)
        return "%.0f s" % m.seconds()


def linux_xapic(build):
    """The same with two vCPUs and its local APICs as pages of memory."""
    with Qemu(kernel=build.hv, cmdline="console=com1 com1=115200 loglvl=all guest_loglvl=all", cpu=MACHINES[0][1], mem=768,
              nic=None, modules=linux_modules(build, "domU=linux,mem=256M,vcpus=2,pvh", " nox2apic")) as m:
        m.expect("x2apic disabled", 120, fail=r"^\(annulus\).*(?:panic|crashed)|Kernel panic")
        m.expect("Brought up 1 node, 2 CPUs", 120, fail=r"^\(annulus\).*(?:panic|crashed)|Kernel panic")
        m.expect("Run /init as init", 120, fail=r"^\(annulus\).*(?:panic|crashed)|Kernel panic")
        check(not m.lines("accesses a device"), "it has an instruction that is not done for it")
        return "%.0f s" % m.seconds()


def vtx_linux(build):
    """The same by VT-x."""
    with tempfile.TemporaryDirectory(prefix="annulus-") as d:
        iso = build.iso(os.path.join(d, "linux.iso"), linux_modules(build), "hvm-unsafe")
        with Bochs(iso, cpus=1, mem=768) as m:
            see_linux(m, 1200)
            return "%.0f s" % m.seconds()


def cases(build):
    for name, cpu, options, words in MACHINES:
        yield name, lambda c=cpu, o=options, w=words: boot(build, c, o, w)
    for cpus in 1, 2:
        yield "domain.cpus%d" % cpus, lambda n=cpus: guests.as_dom0(build, "hvm-domain", n, "came and went", cpu=MACHINES[0][1])
    yield "domain.none", lambda: guests.as_dom0(build, "hvm-domain", 1, "no HVM here")
    yield "neighbour", lambda: neighbour(build)
    yield "turns", lambda: turns(build)
    yield "linux", lambda: linux(build)
    yield "linux.xapic", lambda: linux_xapic(build)
    yield "vtx.bochs.tiny", lambda: vtx_guests(build, TINY, 1)
    yield "vtx.bochs.domain", lambda: vtx_domain(build)
    if SOAK:  # the first takes two minutes
        yield "vtx.bochs.smp", lambda: vtx_guests(build, ["pvh-smp"], 2)
        yield "vtx.bochs.xapic", lambda: vtx_guests(build, ["pvh-xapic"], 2)
        yield "vtx.bochs.refused", lambda: vtx_refused(build)
        yield "vtx.bochs.linux", lambda: vtx_linux(build)
