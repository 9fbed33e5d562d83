# SPDX-License-Identifier: GPL-2.0-or-later
"""The machines that `make bench` compares: one emulated PC with one CPU, the same kernel, the same workloads.

    bare             on the machine itself
    annulus-dom0     as dom0 of Annulus
    xen-dom0         as dom0 of Debian's Xen
    annulus-guest    in a guest that hvctl made on Annulus
    ...-nopv32       the same two with pv32=0: Annulus without what ring 1 makes necessary
    xen-guest        in a guest that xl made on Debian's Xen
    annulus-guest-window, -persistent
                     as annulus-guest, with disks of hvblkd's
    bare-32          the kernel of `make linux32` on the machine itself
    annulus-32       the same kernel as dom0 of Annulus, in ring 1
"""
import os
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
import catalogue  # noqa: E402
import machine  # noqa: E402
from machine import Failure  # noqa: E402

CPU = "qemu64,-svm"
MEMORY = 1280       # MiB of the machine
DOM0_MEMORY = 768   # MiB of dom0, and all that bare Linux is given
KERNEL_ARGS = "nokaslr norandmaps quiet"
TROUBLE = r"Kernel panic|PANIC|Panic on CPU|BUG: |BENCH-ERROR.*"


class BenchMachine(machine.Qemu):
    """icount: guest time is the number of executed instructions, and idling costs nothing."""

    def __init__(self, icount, plugin=None, **kw):
        super().__init__(nic=None, cpu=CPU, cpus=1, mem=MEMORY, **kw)
        at = self.argv.index("-accel") + 1
        self.argv[at] = "tcg,thread=single" if icount else "tcg,thread=multi"
        if icount:
            self.argv += ["-icount", "shift=0,sleep=off"]
        if plugin:
            self.argv += ["-plugin", plugin]


class Images:
    """Which initramfs a machine boots; they are made when they are first wanted."""

    def __init__(self, build):
        self.build = build
        self.made = {}

    def get(self, name):
        import image  # here, since the smallest image needs none of the packages that the others do
        if name not in self.made:
            if name == "host":
                self.made[name] = image.host(self.build, self.get("work"))
            else:
                self.made[name] = getattr(image, name)(self.build)
        return self.made[name]


def prepare(images, config, rows):
    """(initramfs, kernel arguments) for a machine that measures `rows` (names)."""
    kinds = {catalogue.BY_NAME[r].where for r in rows}
    inner = [r for r in rows if catalogue.BY_NAME[r].inner]
    args = "bench.rows=" + (",".join(inner) or "none")
    if config in catalogue.CONFIGS32:
        return images.get("i386"), args
    if catalogue.place(config) == "guest":
        stack = "hvctl" if config.startswith("annulus") else "xl"
        disk = "none" if "disk" not in kinds else config.split("-")[-1] if config in catalogue.CONFIGS_DISK else "kernel"
        return images.get("host"), "%s bench.stack=%s bench.peers=%d bench.create=%d bench.guest=%d bench.disk=%s" % (
            args, stack, "peers" in kinds, "host" in kinds, bool(inner or "boot" in kinds), disk)
    return images.get("work" if kinds & {"script", "boot", "disk"} else "micro"), args


def boot(config, build, initramfs, args, icount, hv=None, plugin=None):
    """The machine `config` with `initramfs`, whose kernel gets `args` besides."""
    kernel = build.need("kernel/vmlinuz" if config not in catalogue.CONFIGS32 else
                        "linux32/bzImage" if config == "bare-32" else "linux32/vmlinux")
    args = "%s %s" % (KERNEL_ARGS, args)
    kw = {"icount": icount, "plugin": plugin}
    if config in ("bare", "bare-32"):
        m = BenchMachine(**kw)
        m.argv += ["-kernel", kernel, "-initrd", initramfs, "-append", "console=ttyS0 mem=%dM %s" % (DOM0_MEMORY, args)]
        return m
    modules = [(kernel, "console=hvc0 " + args), (initramfs, "")]
    line = "console=com1 com1=115200 dom0_mem=%dM,max:%dM dom0_max_vcpus=1" % (DOM0_MEMORY, DOM0_MEMORY)
    if config.endswith("-nopv32"):
        line += " pv32=0"
    if config.startswith("annulus-"):
        return BenchMachine(kernel=hv or build.hv, cmdline=line, modules=modules, **kw)
    if config.startswith("xen-"):
        return BenchMachine(kernel=build.need("xen/xen.elf"), cmdline=line.replace("com1=115200", "com1=115200,8n1"),
                            modules=modules, **kw)
    raise Failure("there is no configuration '%s'" % config)


def measure(m, seconds):
    """Runs machine `m` to the end of its rows.

    Returns ({row: [ticks per operation]}, {what: information}, {row: operations in all}). `seconds` is how long the
    machine may be silent.
    """
    rows, info, operations = {}, {}, {}
    with m:
        while True:
            found = m.expect(r"BENCH(?:-INFO (\S+) (.*)| (\S+) (\d+) (\d+)|-END.*)\n", seconds, fail=TROUBLE)
            if found.group(1):
                info[found.group(1)] = found.group(2)
            elif found.group(3):
                row, n, ticks = found.group(3), int(found.group(4)), int(found.group(5))
                rows.setdefault(row, []).append(ticks / n)
                operations[row] = operations.get(row, 0) + n
            else:
                break
    if info.get("up"):
        rows["boot"] = [int(info["up"]) - int(info.get("boot-guest", 0))]
        operations["boot"] = 1
    return rows, info, operations
