# SPDX-License-Identifier: GPL-2.0-or-later
"""The demo's whole checklist, from GRUB2's ISO: on a CPU without and with SVM, on 1, 2 and 4 CPUs."""
import demo
from machine import check


def run(build, cpu, cpus):
    lines = []
    failures, log = demo.run(build, cpu=cpu, cpus=cpus, out=lines.append)
    if failures:
        print("\n".join("  | " + l for l in lines))
    check(not failures, "; ".join(l for l in lines if l.startswith("FAIL")))
    return lines[-1]


def cases(build):
    for cpus in (2, 1, 4):
        yield "cpus%d" % cpus, lambda n=cpus: run(build, "qemu64,-svm", n)
    yield "svm", lambda: run(build, "qemu64", 2)
