# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's stock kernel is dom0 in Bochs, the more exact machine: a CPU with SMEP and SMAP, which QEMU cannot offer.

It reaches the end of its /init with 2 virtual CPUs on 1 and on 2 physical ones, and powers the machine off. To save
minutes, the kernel is given as the ELF file that its bzImage packs, and dom0 loads no drivers for disks and networks.
"""
import os
import re
import tempfile

import kernels
from machine import SOAK, TROUBLE, Bochs, check


def boot(build, cpus):
    with tempfile.TemporaryDirectory(prefix="annulus-") as d:
        kernel = build.need("kernel/vmlinuz")
        elf = kernels.unpacked(kernel)
        if elf:
            kernel = os.path.join(d, "vmlinux")
            with open(kernel, "wb") as f:
                f.write(elf)
        iso = build.iso(os.path.join(d, "dom0.iso"),
                        [(kernel, "console=hvc0 annulus.guest=no annulus.drivers=no annulus.end=poweroff"),
                         (build.need("dom0.cpio.gz"), "")], "dom0_mem=400M dom0_max_vcpus=2")
        with Bochs(iso, cpus=cpus, mem=768) as m:
            m.expect(r"dom0: userspace after .*, 2 CPUs", 420, fail=TROUBLE)
            m.expect(r"dom0: ready", 240, fail=TROUBLE)
            seconds = m.seconds()
            check(not m.complaints(), "the hypervisor complained: " + "; ".join(m.complaints()[:3]))
            features = re.search(r"\(annulus\).*\bSMEP\b.*\bSMAP\b.*|\(annulus\).*\bSMAP\b.*\bSMEP\b.*", m.log, re.I)
            check(features, "the hypervisor's log names no SMEP and SMAP on a CPU that has them")
            return "ready after %.0f s" % seconds


def cases(build):
    yield "cpus2", lambda: boot(build, 2)
    if SOAK:
        yield "cpus1", lambda: boot(build, 1)
