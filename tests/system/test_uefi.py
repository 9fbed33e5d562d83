# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine with UEFI firmware (OVMF): GRUB's EFI build starts the hypervisor, whose screen is the frame buffer; dom0's own
efibootmgr lists, makes and deletes boot entries by the firmware's runtime services, and one of them is still there after a reset.
A service that faults is an error to dom0, and the end of the services, and of nothing else."""
import os
import re
import shutil
import struct
import subprocess
import tempfile

import uefi
from archive import pack
from gdb import Gdb
from machine import Qemu, check, shell, wait_shell

GET_VARIABLE = 24 + 6 * 8  # in the table of runtime services
EFIVARS = "/sys/firmware/efi/efivars"
# Attributes; active, 4 bytes of path, the name in UCS-2, the path's end (UEFI 2.10, 3.1.3).
ENTRY = r"\7\0\0\0\1\0\0\0\4\0" + "".join(c + r"\0" for c in "Annulus test") + r"\0\0\177\377\4\0"
GLOBAL = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
OURS = "5c1a3f2e-0d3b-4c79-9d5a-9f2b8f5f6a11"


def dom0(build, out):
    """dom0's initramfs with efibootmgr behind it."""
    with tempfile.TemporaryDirectory(prefix="annulus-efi-") as d:
        program = shutil.which("efibootmgr", path="/usr/bin:/bin:/usr/sbin:/sbin")
        check(program, "efibootmgr is not installed: apt-get install efibootmgr")
        libraries = re.findall(r"=> (/\S+)", subprocess.run(["ldd", program], stdout=subprocess.PIPE, text=True).stdout)
        for f in [program] + libraries:
            to = d + (f if f in libraries else "/usr/sbin/efibootmgr")
            os.makedirs(os.path.dirname(to), exist_ok=True)
            shutil.copy(os.path.realpath(f), to)
        here = os.path.dirname(os.path.abspath(__file__))
        subprocess.run(["gcc", "-O1", "-static", "-s", "-o", d + "/usr/sbin/efi_breakpoint", here + "/efi_breakpoint.c"],
                       check=True)
        names = subprocess.run(["find", ".", "-mindepth", "1"], cwd=d, stdout=subprocess.PIPE, text=True, check=True).stdout
        with open(out, "wb") as f, open(build.need("dom0.cpio.gz"), "rb") as first:
            shutil.copyfileobj(first, f)
            f.write(pack(d, names.split()))


def image(build, d):
    """The CD that `make run` boots, with that initramfs, and a hypervisor that writes on the screen."""
    os.makedirs(d + "/b/kernel")
    os.symlink(build.need("kernel/vmlinuz"), d + "/b/kernel/vmlinuz")
    os.symlink(build.need("guest.cpio.gz"), d + "/b/guest.cpio.gz")
    dom0(build, d + "/b/dom0.cpio.gz")
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts", "iso.sh")
    done = subprocess.run([script, d + "/cd.iso", build.hv, d + "/b"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, env=dict(os.environ, HV_ARGS="console=com1,vga loglvl=all",
                                              DOM0_ARGS="annulus.guest=no annulus.drivers=no"))
    check(done.returncode == 0, "scripts/iso.sh failed: " + done.stdout)
    return d + "/cd.iso"


def machine(d, iso):
    return Qemu(machine="q35", cdrom=iso, nic=None, reboot=True,
                disks=uefi.flash(d + "/vars.fd"), extra=["-gdb", "unix:%s/gdb,server=on,wait=off" % d])


def glyphs(build):
    with open(build.need("hv/font.bin"), "rb") as f:
        font = f.read()
    return {font[i * 16:i * 16 + 16]: chr(32 + i) for i in range(95)}


def screen(build, m, d):
    """What stands on the screen, read by the font."""
    m.qmp("screendump", filename=d + "/screen.ppm")
    with open(d + "/screen.ppm", "rb") as f:
        data = f.read()
    head = re.match(rb"P6\s+(\d+)\s+(\d+)\s+255\s", data)
    width, height = int(head.group(1)), int(head.group(2))
    known, lines = glyphs(build), []
    for top in range(0, height - 15, 16):
        line = ""
        for left in range(0, width - 7, 8):
            at = [head.end() + ((top + y) * width + left) * 3 for y in range(16)]
            line += known.get(bytes(sum(0x80 >> x for x in range(8) if data[a + 3 * x]) for a in at), "\x7f")
        lines.append(line.rstrip())
    return lines


def boot(m):
    m.expect(r"^\(annulus\).* screen: \d+x\d+", 240)
    m.expect(r"^\(annulus\).* efi: UEFI \d\.\d+, runtime services$", 60)


def efivars(m):
    code, out = shell(m, "modprobe efivarfs; cd /sys/firmware/efi/efivars && mount -t efivarfs efivarfs . && cd . && ls | wc -l")
    check(code == 0 and int(out.split("\n")[-1]) > 5, "dom0 has no EFI variables: " + out)


def entries(m):
    code, out = shell(m, "efibootmgr -v", 120)
    check(code == 0 and "BootOrder:" in out, "efibootmgr lists nothing: " + out)
    return out


def variables(build):
    with tempfile.TemporaryDirectory(prefix="annulus-uefi-") as d:
        shutil.copy(uefi.VARIABLES, d + "/vars.fd")
        with machine(d, image(build, d)) as m:
            boot(m)
            m.expect(r"^\(annulus\).* boot: dom0 has", 120)
            m.qmp("stop")  # the screen is ours until dom0 has drivers
            lines = screen(build, m, d)
            m.qmp("cont")
            for what in (r"\(annulus\) .* efi: UEFI \d", r"\(annulus\) .* smp: 2 CPUs online"):
                check(any(re.search(what, l) for l in lines), "not on the screen: %s; but: %s" % (what, "\n".join(lines)))
            wait_shell(m, 300)
            efivars(m)
            check("Annulus test" not in entries(m), "there is an entry already")
            code, out = shell(m, "printf '\\7\\0\\0\\0hello' >%s/AnnulusTest-%s" % (EFIVARS, OURS))
            check(code == 0, "a variable cannot be made: " + out)
            # As efibootmgr -c does it for a disk, which this machine has none of: an entry, and it is the first of the order.
            code, out = shell(m, "printf '%s' >%s/Boot00AA-%s && efibootmgr -o 00AA,$(efibootmgr | sed -n 's/BootOrder: //p')" % (
                ENTRY, EFIVARS, GLOBAL), 120)
            check(code == 0, "an entry cannot be made: " + out)
            check("Annulus test" in entries(m), "the entry that was made is not listed")
            m.send("reboot -f\n")  # the reset is the hypervisor's
            boot(m)
            wait_shell(m, 300)
            efivars(m)
            out = entries(m)
            check("Annulus test" in out, "the entry did not survive the reset: " + out)
            number = re.search(r"Boot([0-9A-F]{4})\S* Annulus test", out).group(1)
            code, out = shell(m, "tail -c 5 %s/AnnulusTest-%s" % (EFIVARS, OURS))
            check((code, out) == (0, "hello"), "the variable is another one: " + out)
            code, out = shell(m, "efibootmgr -B -b " + number, 120)
            check(code == 0 and "Annulus test" not in entries(m), "the entry cannot be deleted: " + out)
            faults(m, d)
            m.send("poweroff -f\n")
            m.wait_exit(120)


def faults(m, d):
    """A process of dom0's has a breakpoint on GetVariable's first instruction, which then is one that there is not."""
    table = int(re.findall(r"efi: runtime services at (0x[0-9a-f]+)", m.log)[-1], 16)
    with Gdb(d + "/gdb") as g:
        (at,) = struct.unpack("<Q", g.read(table + GET_VARIABLE, 8))
    code, out = shell(m, "efi_breakpoint %x %s/AnnulusTest-%s" % (at, EFIVARS, OURS))
    check(code == 0, "a breakpoint in the firmware: exit %d: %s" % (code, out))
    with Gdb(d + "/gdb") as g:
        g.write(at, b"\x0f\x0b")
    code, out = shell(m, "cat %s/AnnulusTest-%s" % (EFIVARS, OURS))
    check(code != 0, "a service that faults answers: " + out)
    check(m.lines(r"\(annulus\).* E efi: exception 6,"), "the hypervisor did not see the firmware's #UD")
    check(m.lines(r"\(annulus\).* E efi: a runtime service faulted"), "the services are not switched off")
    code, out = shell(m, "printf '\\7\\0\\0\\0hello' >%s/Another-%s" % (EFIVARS, OURS))
    check(code != 0, "there are services after a fault")
    code, out = shell(m, "hvctl info")
    check(code == 0, "the host does not go on: " + out)


def cases(build):
    yield "variables", lambda: variables(build)
