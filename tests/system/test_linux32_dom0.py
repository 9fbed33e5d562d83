# SPDX-License-Identifier: GPL-2.0-or-later
"""A 32-bit dom0, whose kernel runs in ring 1, does what the 64-bit one does: the demo's whole checklist from GRUB2's ISO.

The same toolstack, compiled for i386, starts a 64-bit stock guest and a 32-bit one of 2 vCPUs, at the same time, with disks and
network, twice; both kernels of 32 bits have to report that they run with CPL 1. Needs the kernel of `make linux32`.
"""
import os

import demo
from machine import SOAK, Skip, check


def test(build):
    if not os.path.exists(build.file("annulus32.iso")):
        if not SOAK:
            raise Skip("there is no 32-bit kernel in %s: make linux32, or make soak" % build.file("linux32"))
        build.need("annulus32.iso")
    lines = []
    failures, _ = demo.run(build, out=lines.append, bits=32)
    if failures:
        print("\n".join("  | " + l for l in lines))
    check(not failures, "; ".join(l for l in lines if l.startswith("FAIL")))
    return lines[-1]
