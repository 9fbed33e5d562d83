# SPDX-License-Identifier: GPL-2.0-or-later
"""The tiny guest kernels in Bochs, the more exact machine (SMEP and SMAP on), on one and on two CPUs.

Each must come to its own verdict, the hypervisor must say nothing at error level, and the audit after the last one has ended
must be clean.
"""
import os
import tempfile

import guests
from machine import Bochs, Failure, Skip, check


def run(build, names, cpus):
    with tempfile.TemporaryDirectory(prefix="annulus-") as d:
        iso = build.iso(os.path.join(d, "guests.iso"), [guests.module(build, n) for n in names])
        with Bochs(iso, cpus=cpus, mem=guests.MEMORY) as m:
            guests.run(m, names, keys=False, factor=4)
            bad = []
            for n in names:
                try:
                    guests.judge(m.log, n)
                except Skip:
                    pass  # the guest's own reason stands in test_guest
                except Failure as e:
                    bad.append(str(e))
            check(not bad, "; ".join(bad))
            guests.judge_machine(m)
            return "%d guests in %.0f s" % (len(names), m.seconds())


def cases(build):
    for cpus in (1, 2):
        for i, names in enumerate(guests.batches(build, "bochs")):
            yield "cpus%d.%d" % (cpus, i), lambda n=names, c=cpus: run(build, n, c)
