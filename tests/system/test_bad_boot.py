# SPDX-License-Identifier: GPL-2.0-or-later
"""Bad boot input: the hypervisor says in one line what is wrong, where, and what to do, and the machine ends.

No module, damaged and foreign kernels, impossible ELF files, too little memory; an unknown option is named and the boot
goes on.
"""
import os
import tempfile

import kernels
from machine import Qemu, check

ARGS = "console=com1 com1=115200 "


def refused(build, pattern, kernel=None, cmdline="", mem=512):
    """Boot with this file as dom0's kernel: an error line that matches, then the end of the machine."""
    with tempfile.TemporaryDirectory(prefix="annulus-") as d:
        modules = []
        if kernel is not None:
            path = os.path.join(d, "kernel")
            with open(path, "wb") as f:
                f.write(kernel)
            modules = [(path, "console=hvc0")]
        with Qemu(kernel=build.hv, cmdline=ARGS + cmdline, modules=modules, mem=mem, cpus=1, nic=None) as m:
            line = m.expect(r"\(annulus\) \[[^]]*\] E (?=.*(?:%s)).*" % pattern, 60).group(0)
            m.wait_exit(30)
            check(":" in line.split("] E ", 1)[1], "the line does not say where or what to do: " + line)
            check("BUG" not in m.log, "the hypervisor called it a bug of its own")
            return line.split("] E ", 1)[1]


def vmlinuz(build):
    with open(build.need("kernel/vmlinuz"), "rb") as f:
        return bytearray(f.read())


def hello32(build):
    with open(build.need("guest/hello-32.elf"), "rb") as f:
        return f.read()


def damaged(build):
    data = vmlinuz(build)
    for at in range(len(data) // 2, len(data) // 2 + 64):
        data[at] ^= 0x5a
    return refused(build, r"corrupt|damaged", data)


def cut(build):
    data = vmlinuz(build)
    return refused(build, r"corrupt|damaged|truncated|cut", data[:len(data) // 3])


def option(build):
    with Qemu(kernel=build.hv, cmdline=ARGS + "nosuchoption=7", mem=256, cpus=1, nic=None) as m:
        m.expect(r"\(annulus\) \[[^]]*\] W .*unknown option 'nosuchoption", 60)


def rate(build):
    with Qemu(kernel=build.hv, cmdline=ARGS + "sched_ratelimit_us=99", mem=256, cpus=1, nic=None) as m:
        m.expect(r"\(annulus\) \[[^]]*\] W .*sched_ratelimit_us: use 0, or 100 to 500000 microseconds", 60)


def cases(build):
    yield "no_module", lambda: refused(build, r"module")
    yield "damaged_kernel", lambda: damaged(build)
    yield "cut_kernel", lambda: cut(build)
    yield "text_file", lambda: refused(build, r"kernel|ELF|bzImage", b"this is not a kernel\n" * 300)
    yield "not_pv", lambda: refused(build, r"note|PV|Xen", kernels.not_pv())
    yield "overlap", lambda: refused(build, r"overlap", kernels.overlapping())
    yield "out_of_range", lambda: refused(build, r"segment|range|address", kernels.out_of_range())
    yield "machine_memory", lambda: refused(build, r"memory", bytes(vmlinuz(build)), mem=64)
    yield "dom0_memory", lambda: refused(build, r"memory|dom0_mem", bytes(vmlinuz(build)), cmdline="dom0_mem=8M")
    yield "pv32_off", lambda: refused(build, r"dom0 .*pv32=0 refuses: take pv32=0 off", hello32(build), cmdline="pv32=0")
    yield "unknown_option", lambda: option(build)
    yield "rate_limit", lambda: rate(build)
