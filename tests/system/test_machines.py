# SPDX-License-Identifier: GPL-2.0-or-later
"""Machines as they come: a table of them, each with what is special about it and the line that the boot log has for that.

On some dom0 drives disks and network cards by its own drivers: each disk is read against a checksum that the host computed and
written, each card reaches the emulator's DHCP server behind it, and the interrupts are of the kinds that were asked for. On the
others a tiny guest runs: that the machine starts, keeps time and ends is all that is asked.
"""
import hashlib
import os
import re
import tempfile

import guests
import uefi
from machine import SOAK, Bochs, Qemu, Skip, check, shell, wait_shell

MIB = 8
CONTROLLERS = {  # of a disk: options for -device
    "ide": ["ide-hd,bus=ide.1"],
    "virtio-blk": ["virtio-blk-pci"],
    "virtio-scsi": ["virtio-scsi-pci,id=scsi", "scsi-hd,bus=scsi.0"],
    "nvme": ["nvme,serial=annulus"],
}
# Firmware, chipset and options; disks; cards; the interrupts that Linux names.
WITH_DOM0 = {
    "pc": (None, "pc", ["ide", "virtio-blk", "virtio-scsi", "nvme"], ["e1000", "virtio-net-pci", "e1000e"],
           ["ioapic-level", "msi-x?"]),
    "q35": (None, "q35", ["ide", "virtio-scsi", "nvme"], ["e1000e", "virtio-net-pci", "e1000"],
            ["ioapic-level", "msi", "msi-x?"]),
    "pc_bare": (None, "pc,hpet=off,pit=off", ["ide"], ["e1000"], ["ioapic-level"]),
    "q35_uefi": (uefi, "q35", ["ide", "virtio-blk", "nvme"], ["e1000e", "e1000"], ["ioapic-level", "msi", "msi-x?"]),
}
IN_EACH_TEST = ("pc", "q35", "no_clocks", "two_ioapics")  # the others are for `make soak`
SPARSE = "-machine memory-backend=m -object memory-backend-ram,id=m,size=256G,prealloc=off,reserve=off"
# QEMU's options; what the boot log says; whether the machine can switch itself off.
TINY = {
    "no_hpet": (dict(machine="pc,hpet=off"), r"HPET 0$", True),
    "no_pit": (dict(machine="pc,pit=off"), r"measured by the HPET$", True),
    "no_clocks": (dict(machine="q35,hpet=off,pit=off"), r"measured by the ACPI PM timer$", True),
    "no_pic": (dict(machine="q35,pic=off,pit=off"), r"acpi: 2 CPUs, 1 I/O APICs", True),
    "no_acpi": (dict(machine="pc,acpi=off"), r"measured by the 8254$", False),
    "two_ioapics": (dict(machine="microvm,ioapic2=on,acpi=on,pcie=on,rtc=on"), r"ioapic: GSIs 24-47 at", True),
    "cpus64": (dict(machine="q35", cpus=64, mem=1024), r"smp: 64 CPUs online", True),
    "ram_above": (dict(machine="pc,max-ram-below-4g=1G", mem=6144), r"memory: 60\d\d MiB RAM", True),
    "ram_130m": (dict(mem=130), r"memory: 1[23]\d MiB RAM", True),
    "ram_256g": (dict(machine="q35", cpu="qemu64,-svm,phys-bits=42", mem=256 << 10, extra=SPARSE.split()),
                 r"memory: 259\d\d\d MiB RAM", True),
}
PIECES = 130  # of a memory map that GRUB has cut up


def disks(m, want):
    """dom0 has a disk of each content, and can write to it."""
    code, out = shell(m, "cd /sys/block; for d in sd* vd* nvme*; do [ -e $d ] || continue; "
                         "echo \"$d $(sha256sum </dev/$d)\"; dd if=/dev/zero of=/dev/$d bs=1M count=1 conv=fsync 2>&1; done", 240)
    have = dict(reversed(line.split()[:2]) for line in out.splitlines() if re.match(r"\w+ [0-9a-f]{64}", line))
    for controller, (path, digest) in want.items():
        check(digest in have, "%s: no disk of that content: %s" % (controller, out))
        with open(path, "rb") as f:
            check(f.read(1 << 20) == bytes(1 << 20), "%s: what dom0 wrote did not reach the disk" % controller)
    return ["%s %s" % (c, have[d]) for c, (_, d) in want.items()]


def cards(m, nics):
    """There is a card for each of the emulator's networks, which are numbered: 10.1.N.0."""
    code, out = shell(m, "for i in /sys/class/net/eth*; do i=${i##*/}; brctl delif br0 $i; ip link set $i up; "
                         "udhcpc -i $i -n -q -t 8 -s /bin/true 2>&1; done", 240)
    for n, nic in enumerate(nics, 1):
        check("10.1.%d.2" % n in out, "no answer by way of the %s: %s" % (nic, out))


def with_dom0(build, firmware, machine, controllers, nics, irqs):
    with tempfile.TemporaryDirectory(prefix="annulus-") as d:
        extra, want = [], {}
        for n, controller in enumerate(controllers):
            path, data = os.path.join(d, controller), os.urandom(MIB << 20)
            with open(path, "wb") as f:
                f.write(data)
            want[controller] = path, hashlib.sha256(data).hexdigest()
            *bus, disk = CONTROLLERS[controller]
            extra += ["-drive", "file=%s,if=none,id=disk%d,format=raw" % (path, n)]
            for b in bus:
                extra += ["-device", b]
            extra += ["-device", "%s,drive=disk%d" % (disk, n)]
        for n, nic in enumerate(nics, 1):
            extra += ["-netdev", "user,id=n%d,net=10.1.%d.0/24,restrict=on" % (n, n), "-device", "%s,netdev=n%d" % (nic, n)]
        options = dict(machine=machine, nic=None, extra=extra)
        if firmware:
            with open(firmware.VARIABLES, "rb") as f, open(d + "/vars", "wb") as to:
                to.write(f.read())
            m = Qemu(iso=build.need("annulus.iso"), disks=firmware.flash(d + "/vars"), **options)
        else:
            m = build.dom0(disk_if=None, **options)
        with m:
            wait_shell(m, 400)
            found = disks(m, want)
            cards(m, nics)
            code, out = shell(m, "cat /proc/interrupts")
            for irq in irqs:
                check(re.search("xen-pirq +-%s " % irq, out), "no %s interrupt in use:\n%s" % (irq, out))
            check(not m.complaints(), "the hypervisor complained: " + "; ".join(m.complaints()[:3]))
            m.send("poweroff\n")
            m.wait_exit(60)
    return ", ".join(found + nics)


def ended(m, line, switches_off):
    found = m.expect(r"^\(annulus\).*%s" % line, 300)
    m.expect(r"RESULT hello PASS", 120)
    m.expect(r"audit: clean", 300)
    if switches_off:
        m.wait_exit(60)
    else:
        m.expect(r"cannot be switched off by software: halted", 60)
    return m.line_at(found.start()).split("] I ")[-1]


def tiny(build, options, line, switches_off):
    options = dict(dict(mem=256), **options)
    if options["mem"] > 64 << 10 and os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") < 8 << 30:
        raise Skip("the tables for so much memory need 3 GiB here")
    with Qemu(kernel=build.hv, cmdline="console=com1 com1=115200 loglvl=all", modules=[guests.module(build, "hello")], nic=None,
              **options) as m:
        return ended(m, line, switches_off)


def cut_up(build):
    """A memory map in many pieces, as some firmware has it: every other page of a MiB is not RAM."""
    with tempfile.TemporaryDirectory(prefix="annulus-") as d:
        cuts = "\n".join("cutmem %#x %#x" % (a, a + 0x1000) for a in range(0x8000000, 0x8000000 + PIECES * 0x2000, 0x2000))
        iso = build.iso(d + "/cut.iso", [(build.need("guest/hello.elf"), "domU=hello,mem=32M")], "loglvl=all", before=cuts)
        with Qemu(iso=iso, mem=256, nic=None) as m:
            what = ended(m, r"memory: \d+ MiB RAM", True)
            check(len(m.lines(r"memory map: .* RAM$")) > PIECES, "the memory map is in one piece: GRUB did not cut it up")
            return what


def x2apic(build):
    with tempfile.TemporaryDirectory(prefix="annulus-") as d:
        iso = build.iso(d + "/x2apic.iso", [(build.need("guest/hello.elf"), "domU=hello,mem=32M")], "loglvl=all x2apic")
        with Bochs(iso, cpus=2) as m:
            return ended(m, r"apic: x2APIC mode", True)


def cases(build):
    rows = [(name, lambda row=row: with_dom0(build, *row)) for name, row in WITH_DOM0.items()]
    rows += [(name, lambda row=row: tiny(build, *row)) for name, row in TINY.items()]
    rows += [("ram_in_pieces", lambda: cut_up(build)), ("x2apic_bochs", lambda: x2apic(build))]
    for name, function in rows:
        if SOAK or name in IN_EACH_TEST:
            yield name, function
