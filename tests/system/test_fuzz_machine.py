# SPDX-License-Identifier: GPL-2.0-or-later
"""In-machine fuzzing (fuzz_machine.py): four vCPUs of each of several domains do by chance what hostile kernels could do, while
dom0 audits and a victim watches itself: on a mapped and on an unmapped hypervisor in QEMU, and in Bochs, all with two CPUs.

One machine each, from seeds that are always the same; `make soak` goes on for ten minutes each, from a seed that it prints.
"""
import time

import fuzz_machine
from machine import SOAK


def cases(build):
    for kind in fuzz_machine.MACHINES:
        if SOAK:
            seed = int(time.time()) % 1000000 * 100
            yield kind, lambda k=kind, s=seed: fuzz_machine.session(build, k, s, 600)
        else:
            yield kind, lambda k=kind: fuzz_machine.session(build, k, 1, 0)
