# SPDX-License-Identifier: GPL-2.0-or-later
"""What the boot log says of SVM, on machines with it and without, where PV guests run all the same; HVM domains of dom0."""
import guests
from machine import Qemu, check

MACHINES = [("svm", "qemu64,+svm,+npt", "", r"SVM with nested paging, \d+ ASIDs"),
            ("off", "qemu64,+svm,+npt", "hvm=0", "none: hvm=0"),
            ("unpaged", "qemu64,+svm", "", "none: the CPU's SVM has no nested paging"),
            ("none", "qemu64,-svm", "", "none: the CPU has no SVM"),
            ("intel", "Nehalem", "", "none: only AMD's SVM is made use of")]


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


def linux(build):
    """The stock kernel by its PVH entry point, from a boot module, to its first program. It has no console there but what it
    prints early."""
    with Qemu(kernel=build.hv, cmdline="console=com1 com1=115200", cpu=MACHINES[0][1], cpus=1, mem=768, nic=None,
              modules=[(build.need("kernel/vmlinuz"), "domU=linux,mem=256M,pvh console=hvc0 earlyprintk=xen nokaslr panic=-1"),
                       (build.need("guest.cpio.gz"), "initrd=linux")]) as m:
        for words in ("Booting kernel on Xen PVH", "Xen HVM callback vector for event delivery is enabled", "Run /init as init"):
            m.expect(words, 120, fail=r"^\(annulus\).*(?:panic|crashed)|Kernel panic")
        check(not m.lines("unchecked MSR access"), "its kernel meets an MSR that is not there")
        return "%.0f s" % m.seconds()


def cases(build):
    for name, cpu, options, words in MACHINES:
        yield name, lambda c=cpu, o=options, w=words: boot(build, c, o, w)
    for cpus in 1, 2:
        yield "domain.cpus%d" % cpus, lambda n=cpus: guests.as_dom0(build, "hvm-domain", n, "came and went", cpu=MACHINES[0][1])
    yield "domain.none", lambda: guests.as_dom0(build, "hvm-domain", 1, "no HVM here")
    yield "neighbour", lambda: neighbour(build)
    yield "linux", lambda: linux(build)
