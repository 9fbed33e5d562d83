# SPDX-License-Identifier: GPL-2.0-or-later
"""The tiny guest kernels in Bochs, the more exact machine (SMEP and SMAP on), on two CPUs and (in `make soak`, since QEMU has
the same machines of one CPU, and this one has them on two) on one.

64-bit kernels in ring 1 have machines of their own: an AMD CPU, where they are offered, and (in `make soak`) Intel's, which has
Meltdown and an unmapped hypervisor.

Each must come to its own verdict, the hypervisor must say nothing at error level, and the audit after the last one has ended
must be clean.
"""
import os
import tempfile

import guests
from machine import SOAK, Bochs, Failure, Skip, check


RING1 = [("amd", 2, "", "ryzen"), ("meltdown", 1, "ring1=unsafe", "broadwell_ult")]


def run(build, names, cpus, options="", cpu="broadwell_ult"):
    with tempfile.TemporaryDirectory(prefix="annulus-") as d:
        iso = build.iso(os.path.join(d, "guests.iso"), [guests.module(build, n) for n in names],
                        options or guests.settings(names[0])["options"])
        with Bochs(iso, cpu=cpu, cpus=cpus, mem=guests.MEMORY) as m:
            guests.run(m, names, keys=False, factor=4)
            bad = []
            for n in names:
                try:
                    guests.judge(m.log, n)
                except Skip as e:
                    # The guest's own reason stands in test_guest.
                    check("no 64-bit kernel in ring 1" not in str(e), "%s is skipped" % n)
                except Failure as e:
                    bad.append(str(e))
            check(not bad, "; ".join(bad))
            guests.judge_machine(m)
            return "%d guests in %.0f s" % (len(names), m.seconds())


def two(build, name):
    """dom0 and domain 2 are the two halves of `name`; domain 1 is there so that domain 2 begins on CPU 0, as dom0 does."""
    with tempfile.TemporaryDirectory(prefix="annulus-") as d:
        vcpus = guests.settings(name)["vcpus"]
        modules = [(build.need("guest/%s.elf" % name), ""), guests.module(build, "hello"),
                   (build.need("guest/%s.elf" % name), "domU=%s,mem=16M,vcpus=%s" % (name, vcpus))]
        iso = build.iso(os.path.join(d, "guests.iso"), modules, "dom0_mem=32M dom0_max_vcpus=2")
        with Bochs(iso, cpus=2, mem=256) as m:
            m.expect(r"^RESULT %s PASS" % name, 240, fail=r"RESULT %s FAIL.*|^\(annulus\).*(?:panic| E ).*" % name)
            guests.judge(m.log, name)
            m.expect(r"dom0 powers the machine off", 30)
            return "%.0f s" % m.seconds()


def cases(build):
    for name in ("foreign-tlb", "evil-accessed"):
        yield name, lambda n=name: two(build, n)
    for what, cpus, options, cpu in RING1 if SOAK else RING1[:1]:
        for i, names in enumerate(guests.batches(build, "bochs", ring1=True)):
            names = [n for n in names if not guests.left_to_soak(n, "bochs.ring1")]
            if not names:
                continue
            yield "ring1.%s.%d" % (what, i), lambda n=names, c=cpus, o=options, p=cpu: run(build, n, c, o, p)
    for cpus in (1, 2) if SOAK else (2,):
        for i, names in enumerate(guests.batches(build, "bochs", ring1=False)):
            names = [n for n in names if not guests.left_to_soak(n, "bochs.cpus%d" % cpus)]
            if names:
                yield "cpus%d.%d" % (cpus, i), lambda n=names, c=cpus: run(build, n, c)
