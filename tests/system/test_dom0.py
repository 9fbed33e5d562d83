# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's stock kernel is dom0 on 1, 2 and 4 CPUs, and always sees 2; also with the hypervisor unmapped.

It reaches its shell, the serial console takes input, its virtual CPUs are both online, a 32-bit process gets through to it by
the instruction of its CPU, and `poweroff` ends the machine.
"""
import base64
import gzip
import os
import subprocess
import tempfile

from machine import SOAK, check, shell, wait_shell


def process32(m, cpu):
    """SYSENTER of 32-bit processes on Intel's CPUs, SYSCALL on AMD's."""
    with tempfile.TemporaryDirectory(prefix="annulus-") as d:
        program = os.path.join(d, "vdso32")
        subprocess.run(["gcc", "-m32", "-O1", "-static", "-nostdlib", "-fno-pic", "-fno-stack-protector", "-fcf-protection=none",
                        "-Wl,--build-id=none", "-s", "-o", program, "tests/system/vdso32.c"], check=True)
        with open(program, "rb") as f:
            text = base64.b64encode(gzip.compress(f.read())).decode()
    # No longer lines than the console takes at once.
    for i in range(0, len(text), 160):
        shell(m, "echo %s >>/tmp/vdso32.text" % text[i:i + 160])
    shell(m, "base64 -d /tmp/vdso32.text | gzip -d >/tmp/vdso32; chmod +x /tmp/vdso32")
    code, out = shell(m, "/tmp/vdso32", 60)
    want = "sysenter right" if cpu == "Nehalem" else "syscall right"
    check(code == 0 and want in out, "a 32-bit process says '%s' instead of '%s'" % (out, want))


def boot(build, cpus, cpu="qemu64,-svm"):
    with build.dom0(cpus=cpus, cpu=cpu) as m:
        seconds = wait_shell(m)
        code, out = shell(m, "nproc")
        check(code == 0 and out == "2", "dom0 has %s CPUs, 2 were asked for" % out)
        code, out = shell(m, "uname -r; cat /sys/hypervisor/type")
        check(code == 0 and out.split("\n")[1] == "xen", "dom0 does not know its hypervisor: " + out)
        if cpu == "Nehalem":
            check("hypervisor unmapped" in m.log, "the hypervisor is mapped on a CPU with Meltdown")
        process32(m, cpu)
        check(not m.complaints(), "the hypervisor complained: " + "; ".join(m.complaints()[:3]))
        m.send("poweroff\n")
        m.wait_exit(60)
        return "shell after %.1f s" % seconds


def cases(build):
    yield "cpus4", lambda: boot(build, 4)
    yield "meltdown", lambda: boot(build, 2, "Nehalem")
    yield "svm_cpus1", lambda: boot(build, 1, "qemu64")
    if SOAK:
        yield "cpus1", lambda: boot(build, 1)
        yield "cpus2", lambda: boot(build, 2)
        yield "svm", lambda: boot(build, 2, "qemu64")
