# SPDX-License-Identifier: GPL-2.0-or-later
"""A Debian as a user has one gets the packages by apt, reboots through GRUB into Annulus, and has guests that start with it: on
BIOS and on UEFI.

Debian 12 with systemd, its own kernel and GRUB on a disk of its own. The packages are without lintian's errors. After
`apt install` and a reboot GRUB's default entry is Annulus, no unit has failed, the guests of /etc/annulus/auto run. When the
machine goes down the guests are saved, and they go on at the next boot. A boot that did not come to its end is followed by one of
the plain kernel. When the packages are purged nothing of theirs is left, and the machine boots. For `make soak`.
"""
import glob
import os
import re
import shutil
import subprocess
import tempfile

import uefi
from machine import SOAK, Qemu, Skip, check, shell, wait_shell

TINY = """name = "tiny"
kernel = "/usr/lib/annulus/minimal-64.elf"
memory = 32
"""
LINUX = """name = "linux"
kernel = "/srv/vmlinuz"
ramdisk = "/srv/guest.cpio.gz"
extra = "console=hvc0"
memory = 160
vcpus = 2
"""


def image(build):
    top = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    script = os.path.join(top, "scripts", "debian.sh")
    out = build.file("debian.img")
    sources = [script, build.need("kernel/vmlinuz"), build.need("guest.cpio.gz")]
    if not os.path.exists(out) or os.path.getmtime(out) < max(map(os.path.getmtime, sources)):
        done = subprocess.run([script, build.path, out], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        check(done.returncode == 0, "scripts/debian.sh failed: " + done.stdout[-2000:])
    return out


def packages(build):
    """Made anew; lintian has no errors in them."""
    top = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    done = subprocess.run([os.path.join(top, "scripts", "deb.sh"), build.path], cwd=top, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    check(done.returncode == 0, "scripts/deb.sh failed: " + done.stdout[-2000:])
    debs = sorted(f for f in glob.glob(build.file("deb/*.deb")) if "-dbgsym_" not in f)
    done = subprocess.run(["lintian", "--fail-on", "error", "--tag-display-limit", "0"] + debs, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    check(done.returncode == 0, "lintian: " + "; ".join(l for l in done.stdout.split("\n") if l.startswith("E:")))
    return debs


class Host:
    """The machine, from one power-on to the next power-off."""

    def __init__(self, disk, variables, extra=(), **kw):
        disks = ["file=%s,if=virtio,format=raw" % disk] + list(extra)
        if variables:
            disks += uefi.flash(variables)
        self.m = Qemu(mem=1536, cpus=2, disks=disks, nic=None, machine="q35" if variables else "pc", **kw)

    def __enter__(self):
        self.m.__enter__()
        return self

    def __exit__(self, *exc):
        self.m.__exit__(*exc)

    def run(self, command, text=None, seconds=120, code=0):
        got, out = shell(self.m, command, seconds)
        # What the hypervisor and its guests say comes to the same serial port.
        out = "\n".join(l for l in out.split("\n") if not re.match(r"\((annulus|d\d+)\) ", l))
        check(got == code, "%s: exit status %d: %s" % (command, got, out))
        check(text is None or re.search(text, out, re.M), "%s: %r is not in: %s" % (command, text, out))
        return out

    def up(self):
        """Until somebody can type, and all units have been started; none has failed."""
        wait_shell(self.m, 600)
        out = self.run("systemctl is-system-running --wait || true", seconds=600).strip()
        failed = self.run("systemctl --failed --no-legend --plain")
        check(out == "running" and not failed, "the system is %s, failed: %s; %s" % (
            out, failed, shell(self.m, "journalctl -b -p warning -n 30 --no-pager")[1] if failed else ""))

    def write(self, path, text):
        self.run("printf '%%s\\n' %s >%s" % (" ".join("'%s'" % l for l in text.strip().split("\n")), path))


def install(host, efi):
    host.up()
    host.run("mkdir -p /mnt/debs && mount -o ro /dev/vdb /mnt/debs")
    host.run("grub-install %s && update-grub" % ("--target=x86_64-efi" if efi else "/dev/vda"), "No error reported", 300)
    host.run("printf '%s\\n' 'GRUB_TERMINAL=serial' 'GRUB_TIMEOUT=1' >>/etc/default/grub")
    host.run("DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends /mnt/debs/*.deb", seconds=600)
    host.run("umount /mnt/debs")
    host.run("grep -c \"id 'annulus\" /boot/grub/grub.cfg")
    host.run("sed -i 's/^ANNULUS_DOM0_OPTIONS=.*/ANNULUS_DOM0_OPTIONS=\"console=hvc0\"/; "
             "s/^ANNULUS_AT_SHUTDOWN=.*/ANNULUS_AT_SHUTDOWN=save/; "
             "s/^ANNULUS_OPTIONS=.*/ANNULUS_OPTIONS=\"console=com1 dom0_mem=640M,max:640M\"/' /etc/default/annulus && "
             "update-grub", seconds=120)
    host.write("/etc/annulus/auto/10-tiny.cfg", TINY)
    host.write("/etc/annulus/auto/20-linux.cfg", LINUX)
    # On a plain kernel the units have nothing to do, and say so without failing.
    host.run("systemctl daemon-reload; systemctl start annulus-guests hvblkd hvnetd")
    host.run("systemctl is-active hvstored", code=3)
    host.m.send("systemctl poweroff\n")
    host.m.wait_exit(300)


def guests_run(host):
    out = host.run("hvctl list")
    for name in ("tiny", "linux"):
        check(re.search(r"(?m)^%s " % name, out), "%s does not run: %s; %s" % (
            name, out, shell(host.m, "journalctl -b -u annulus-guests --no-pager -n 20")[1]))


def own_grub(host):
    """In dom0, by the firmware's services: an entry is there, GRUB makes it anew, another comes and goes."""
    host.run("efibootmgr -v", r"Boot\d+\* debian\t.*grubx64.efi")
    host.run("efibootmgr -q -b $(efibootmgr | sed -n 's/Boot\\(....\\)\\* debian.*/\\1/p') -B; efibootmgr | grep -c debian; "
             "grub-install --target=x86_64-efi", "No error reported", 300)
    host.run("efibootmgr -v", r"Boot\d+\* debian\t.*grubx64.efi")
    host.run("efibootmgr -q -c -d /dev/vda -p 2 -L other -l '\\EFI\\other.efi' && efibootmgr", "other", 120)
    host.run("efibootmgr -q -b $(efibootmgr | sed -n 's/Boot\\(....\\)\\* other.*/\\1/p') -B && ! efibootmgr | grep other")


def first_boot(host, efi):
    host.m.expect(r"\(annulus\) .* Annulus", 300)
    host.up()
    host.run("systemctl is-active hvstored hvconsoled hvblkd hvnetd annulus-guests")
    host.run("hvctl info", "annulus")
    if efi:
        own_grub(host)
    guests_run(host)
    # hvstored is replaced, as an upgrade does it, and killed: the guests stay, and nobody else is restarted.
    host.run("before=$(systemctl show -P MainPID hvconsoled annulus-guests); kill -9 $(cat /run/hvstored/hvstored.pid); "
             "n=300; until systemctl -q is-active hvstored; do n=$((n-1)); [ $n -gt 0 ] || exit 1; sleep 0.1; done; "
             "dpkg-reconfigure annulus-tools && systemctl restart hvstored && "
             "[ \"$before\" = \"$(systemctl show -P MainPID hvconsoled annulus-guests)\" ]", seconds=120)
    guests_run(host)
    # What GRUB wrote down is taken back: the next boot is into Annulus, too.
    host.run("grub-editenv - list; ! grub-editenv - list | grep annulus_boot")
    host.run("n=300; until grep -q GUEST-up /var/log/hvconsole/linux.log; do n=$((n-1)); [ $n -gt 0 ] || exit 1; "
             "sleep 0.2; done", seconds=300)


def second_boot(host):
    host.m.expect(r"\(annulus\) .* Annulus 0", 400)
    host.up()
    guests_run(host)
    # Its console's log has one boot: it was saved, and went on.
    host.run("cat /var/log/hvconsole/linux.log* | grep -c 'Linux version'", "^1$")
    host.run("ls /var/lib/annulus/saved/ | wc -l", "^0$")
    host.run("sed -i 's/=save/=shutdown/' /etc/default/annulus && systemctl stop annulus-guests && hvctl list | wc -l", "^2$",
             300)
    # As a boot leaves it that does not come through.
    host.run("grub-editenv - set annulus_boot=begun")
    host.run("sed -i 's/^GRUB_CMDLINE_LINUX=.*/GRUB_CMDLINE_LINUX=\"console=ttyS0\"/' /etc/default/grub && update-grub",
             seconds=120)
    host.m.send("reboot\n")


def plain_boot(host):
    host.m.expect(r"this one is without it", 400)
    host.up()
    host.run("! [ -d /proc/xen ] && ! grub-editenv - list | grep annulus_boot")


def purge(host):
    """Nothing is left but what the user made, which goes before here."""
    host.run("rm /etc/annulus/auto/*.cfg; systemctl stop annulus-guests; "
             "DEBIAN_FRONTEND=noninteractive apt-get purge -q -y annulus annulus-hypervisor annulus-tools libhvctl1 libhvctl-dev",
             seconds=400)
    left = host.run("find / -xdev \\( -iname '*annulus*' -o -name 'hv*d.service' -o -name hvctl \\) ! -name annulus-host; "
                    "grep -l annulus /boot/grub/grub.cfg; true")
    check(not left, "after purging there is still: " + left)


def run(build, efi):
    debs = packages(build)
    with tempfile.TemporaryDirectory(prefix="annulus-deb-") as d:
        disk = os.path.join(d, "disk.img")
        subprocess.run(["cp", "--sparse=always", image(build), disk], check=True)
        variables = None
        if efi:
            variables = os.path.join(d, "vars.fd")
            shutil.copy(uefi.VARIABLES, variables)
        os.mkdir(d + "/debs")
        for f in debs:
            shutil.copy(f, d + "/debs")
        subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", d + "/debs", d + "/debs.img", "48M"], check=True)
        with Host(disk, variables, ["file=%s/debs.img,if=virtio,format=raw,readonly=on" % d],
                  kernel=build.need("debian.img.vmlinuz"), cmdline="root=LABEL=debian ro console=ttyS0 quiet",
                  modules=[(build.need("debian.img.initrd"), "")]) as host:
            install(host, efi)
        with Host(disk, variables, reboot=True) as host:
            first_boot(host, efi)
            host.m.send("reboot\n")
            second_boot(host)
            plain_boot(host)
            purge(host)
            host.m.send("systemctl poweroff\n")
            host.m.wait_exit(300)
        # By power, since Debian's own kernel under this firmware does not always come through a reset.
        with Host(disk, variables) as host:
            host.up()
            host.m.send("systemctl poweroff\n")
            host.m.wait_exit(300)


def cases(build):
    def case(efi):
        if not SOAK:
            raise Skip("it takes ten minutes: SOAK=1 make system T=deb, or make soak")
        run(build, efi)

    yield "bios", lambda: case(False)
    yield "uefi", lambda: case(True)
