# SPDX-License-Identifier: GPL-2.0-or-later
"""The demo's whole checklist, from GRUB2's ISO: on a CPU without and with SVM, on 1, 2 and 4 CPUs.

`make test` runs it on 2 CPUs without SVM, as `make demo` does (dom0 on 1 CPU with SVM and disks and networks on 1 CPU have tests
of their own), `make soak` on all.
"""
import demo
from machine import SOAK, check


def run(build, cpu, cpus):
    lines = []
    failures, log = demo.run(build, cpu=cpu, cpus=cpus, out=lines.append)
    if failures:
        print("\n".join("  | " + l for l in lines))
    check(not failures, "; ".join(l for l in lines if l.startswith("FAIL")))
    return lines[-1]


def cases(build):
    yield "cpus2", lambda: run(build, "qemu64,-svm", 2)
    if SOAK:
        yield "svm_cpus1", lambda: run(build, "qemu64", 1)
        yield "cpus1", lambda: run(build, "qemu64,-svm", 1)
        yield "cpus4", lambda: run(build, "qemu64,-svm", 4)
        yield "svm", lambda: run(build, "qemu64", 2)
