# SPDX-License-Identifier: GPL-2.0-or-later
"""dom0 drives the machine's devices with its own drivers: IDE, AHCI and virtio disks, e1000 and virtio network cards.

INTx on the old chipset, MSI and MSI-X on q35. 32 MiB are read from each disk against a checksum that the host computed, and
the network card reaches the emulator's DHCP server.
"""
import hashlib
import os
import re
import tempfile

from machine import check, shell, wait_shell

MIB = 32


def run(build, machine, disk, nic, device, irq):
    with tempfile.TemporaryDirectory(prefix="annulus-") as d:
        path = os.path.join(d, "disk")
        data = os.urandom(MIB << 20)
        with open(path, "wb") as f:
            f.write(data)
        drive = "file=%s,format=raw,readonly=off,%s" % (path, disk)
        extra = ("-device", "ide-hd,drive=d0,bus=ide.1") if "id=d0" in disk else ()
        with build.dom0(machine=machine, nic=nic, disk_if=None, extra=("-drive", drive) + extra) as m:
            wait_shell(m)
            code, out = shell(m, "sha256sum </dev/%s" % device, 120)
            check(code == 0 and out.split()[0] == hashlib.sha256(data).hexdigest(), "the disk reads wrong: " + out)
            code, out = shell(m, "dd if=/dev/zero of=/dev/%s bs=1M count=8 conv=fsync" % device, 60)
            check(code == 0, "writing: " + out)
            with open(path, "rb") as f:
                check(f.read(8 << 20) == b"\0" * (8 << 20), "what dom0 wrote did not reach the disk")
            code, out = shell(m, "udhcpc -i br0 -n -q -t 5 -s /bin/true", 60)
            check(code == 0 and "10.0.2." in out, "no answer from the network: " + out)
            code, out = shell(m, "cat /proc/interrupts")
            check(re.search("xen-pirq +-%s " % irq, out), "no %s interrupt in use:\n%s" % (irq, out))
            check(not m.complaints(), "the hypervisor complained: " + "; ".join(m.complaints()[:3]))


def cases(build):
    yield "ide_e1000", lambda: run(build, "pc", "if=ide,index=1", "e1000", "sda", "ioapic-level")
    yield "virtio", lambda: run(build, "pc", "if=virtio", "virtio-net-pci", "vda", "msi-x?")
    yield "ahci_q35", lambda: run(build, "q35", "if=none,id=d0", "e1000", "sda", "msi")
