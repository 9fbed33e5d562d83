# SPDX-License-Identifier: GPL-2.0-or-later
"""The patched 64-bit Linux of linux-patches/x86_64/: in ring 1, in ring 3 where that is not to be had, and bare.

Its log says in which ring it runs (it has read %cs). Processes are made and ended by the hundred, talk through pipes and catch
signals, and a program looks for what a kernel can get wrong that leaves by its own IRETQ (linux64_check.c). The hypervisor does
not complain, and the audit is clean.

All of this needs what `make linux64` builds in a quarter of an hour; without it the tests are skipped.
"""
import contextlib
import os
import re
import shutil
import subprocess
import tempfile

from archive import HERE, pack
from machine import Qemu, check
from patched import TROUBLE, bare, built

QEMU = "qemu64,-svm"
FSGSBASE = "qemu64,+fsgsbase,-svm"


@contextlib.contextmanager
def files(build, kernel):
    """The kernel, and an initramfs with the program."""
    path, = built(build, "linux64", kernel)
    with tempfile.TemporaryDirectory(prefix="annulus-l64-") as d:
        os.mkdir(d + "/bin")
        done = subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-s", "-o", d + "/bin/check",
                               os.path.join(HERE, "linux64_check.c")], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        check(done.returncode == 0, "gcc: " + done.stdout.decode("utf-8", "replace"))
        shutil.copy(build.need("guest.cpio.gz"), d + "/root.gz")
        with open(d + "/root.gz", "ab") as f:
            f.write(pack(d, ["bin/check"]))
        yield path, d + "/root.gz"


def judge(text, ring, vcpus):
    """What the guest has said about itself."""
    def said(word):
        found = re.search(r"GUEST-%s (.*)" % word, text)
        check(found, "the guest said nothing about %s: %s" % (word, text[-2000:]))
        return found.group(1).strip()
    check(said("up").endswith("cpus %d" % vcpus), "GUEST-up " + said("up"))
    check(re.fullmatch(r"%d 0x[0-9a-f]*%x" % (ring, {1: 9, 3: 3}[ring]), said("ring")), "its kernel's ring: " + said("ring"))
    ran(text)


def ran(text):
    for what in ("processes", "check"):
        check(re.search(r"GUEST-%s ok\b" % what, text), "%s: %s" % (what, re.findall(r"GUEST-%s.*" % what, text)))


def module(build, cpu, options, ring, vcpus):
    """Next to nothing else."""
    with files(build, "vmlinux") as (vmlinux, root), \
            Qemu(kernel=build.hv, cmdline="console=com1 com1=115200 loglvl=all " + options, cpu=cpu, cpus=2, mem=512, nic=None,
                 modules=[(vmlinux, "domU=l64,mem=192M,vcpus=%d earlyprintk=xen console=hvc0 printk.devkmsg=on guest.name=l64 "
                                    "guest.job=processes guest.end=poweroff" % vcpus), (root, "initrd=l64")]) as m:
        m.expect(r"GUEST-done l64", 400, fail=TROUBLE)
        m.wait_exit(60)
        judge(m.log, ring, vcpus)
        m.check_audit()
        check(not m.complaints(), "the hypervisor complained: " + "; ".join(m.complaints()[:3]))


def on_bare(build):
    # It has no ACPI to power off by, or to find cores by: QEMU ends where a machine would start again, and has two sockets.
    with files(build, "bzImage") as (bzimage, root):
        ran(bare(bzimage, root, QEMU, "processes", "reboot", "2,sockets=2"))


def cases(build):
    yield "ring1", lambda: module(build, QEMU, "", 1, 2)
    yield "ring1-fsgsbase", lambda: module(build, FSGSBASE, "", 1, 4)
    yield "ring3", lambda: module(build, QEMU, "ring1=off", 3, 2)
    yield "bare", lambda: on_bare(build)
