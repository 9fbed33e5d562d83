# SPDX-License-Identifier: GPL-2.0-or-later
"""The tiny guest kernels in Bochs (SMEP and SMAP on), all at once, on one and on two CPUs.

One boot carries them all as unprivileged domains, so that hostile ones also meet the others. Each must come to its own
verdict, and the audit after the last one has ended must be clean.
"""
import os
import tempfile

import guests
from machine import Bochs, Failure, Skip, check

AT_ONCE = 24  # boot modules that fit


def run(build, names, cpus):
    with tempfile.TemporaryDirectory(prefix="annulus-") as d:
        iso = build.iso(os.path.join(d, "guests.iso"), [guests.module(build, n) for n in names])
        with Bochs(iso, cpus=cpus, mem=1024) as m:
            guests.wait_end(m, 600)
            bad = []
            for n in names:
                try:
                    guests.judge(m.log, n)
                except Skip:
                    pass  # test_guest reports it
                except Failure as e:
                    bad.append(str(e))
            check(not bad, "; ".join(bad))
            m.check_audit()
            return "%d guests in %.0f s" % (len(names), m.seconds())


def cases(build):
    names = [n for n in build.guests() if guests.settings(build, n)["emulator"] != "qemu"]
    for cpus in (1, 2):
        for i in range(0, max(1, len(names)), AT_ONCE):
            some = names[i:i + AT_ONCE]
            if some:
                yield "cpus%d%s" % (cpus, ".%d" % (i // AT_ONCE) if i else ""), lambda s=some, c=cpus: run(build, s, c)
