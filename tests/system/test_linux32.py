# SPDX-License-Identifier: GPL-2.0-or-later
"""The patched 32-bit Linux of linux-patches/ in ring 1: as guest with 1 and 4 vCPUs, as dom0, behind Debian's PV GRUB, and bare.

In ring 1 its log says so (it has read %cs), it writes its disk and reads it back, fetches a file over its network and runs six
of stress-ng's loads at once: ten seconds here, five minutes under SOAK. Neither kernel nor hypervisor has anything to complain
about, it shuts down and the audit is clean. GRUB, which nobody here wrote, is started as the guest's kernel, finds its
configuration on the guest's disk and boots the kernel from there.

All of this needs what `make linux32` builds in a quarter of an hour; without it the tests are skipped.
"""
import hashlib
import os
import re
import tempfile

from machine import SOAK, Qemu, Skip, check
from patched import TROUBLE, bare, built, config, console, dom0, image, run

STRESS = 300 if SOAK else 10
LOADS = ("cpu", "vm", "fork", "mmap", "signal", "pipe")
GRUB = "/usr/lib/grub-xen/grub-i386-xen.bin"

CONFIG = """name = "l32"
kernel = "/l32/vmlinux"
ramdisk = "/l32/root.gz"
extra = "console=hvc0 guest.name=l32 guest.ip=10.0.2.31 guest.job=stress guest.seconds=%d"
memory = 256
vcpus = %d
disk = [ '/srv/guests/l32.img,raw,xvda,rw' ]
vif = [ 'mac=00:16:3e:00:00:31,bridge=br0' ]
"""

GRUB_CONFIG = """name = "g32"
kernel = "/l32/grub.bin"
memory = 192
vcpus = 1
disk = [ '/l32/%s.img,raw,xvda,rw' ]
"""

GRUB_CFG = """set timeout=0
menuentry 'Linux in ring 1' {
	echo 'loading from the disk of the guest'
	linux /boot/bzImage console=hvc0 guest.name=g32 guest.job=idle booted.by=grub
	initrd /boot/root.gz
}
"""


def judge(text, vcpus, file_sum):
    """What the guest has said about itself: raise unless all of it is as it must be; returns a note."""
    def said(word):
        found = re.search(r"GUEST-%s (.*)" % word, text)
        check(found, "the guest said nothing about " + word)
        return found.group(1).strip()
    check(said("up").endswith("cpus %d" % vcpus), "GUEST-up " + said("up"))
    check(re.fullmatch(r"1 0x[0-9a-f]*1", said("ring")), "its kernel does not run in ring 1: " + said("ring"))
    check(re.fullmatch(r"[0-9a-f]{64}", said("disk")), "disk: " + said("disk"))
    check(said("ping").startswith("ok"), "ping: " + said("ping"))
    check(said("fetch").split()[0] == file_sum, "fetched the wrong bytes: %s instead of %s" % (said("fetch"), file_sum))
    check(said("stress") == "0", "stress-ng: exit code " + said("stress"))
    done = dict(re.findall(r"stress-ng: metrc: \[\d+\] (\w+) +(\d+) ", text))
    for load in LOADS: # in a short time on a busy machine not even one of the big ones may come to its end
        check(load in done and (int(done[load]) > 0 or not SOAK), "stress-ng did nothing of '%s'" % load)
    complaints = re.findall(r"GUEST-complaint .*", text)
    check(not complaints, "; ".join(complaints[:3]))
    return "%d s of stress-ng, %s" % (STRESS, ", ".join("%s %s" % (load, done[load]) for load in LOADS))


def guest(build, vcpus):
    vmlinux, root = built(build, "linux32", "vmlinux", "root.cpio.gz")
    with dom0(build, lambda d: {"vmlinux": vmlinux, "root.gz": root}) as m:
        config(m, "/l32.cfg", CONFIG % (STRESS, vcpus))
        file_sum = run(m, "cat /srv/www/16m.sha256")
        run(m, "guest-disk l32 128")
        run(m, "hvctl create /l32.cfg", 120)
        console(m, "l32", "GUEST-done", 600 + 3 * STRESS)
        run(m, "hvctl debug audit")
        run(m, "hvctl shutdown -w l32", 120)
        text = console(m, "l32", "GUEST-done", 1)
        note = judge(text, vcpus, file_sum)
        # What it wrote is on the disk.
        written = re.search(r"GUEST-disk (\S+)", text).group(1)
        out = run(m, "mount -o loop,ro /srv/guests/l32.img /mnt && sha256sum </mnt/data.bin && umount /mnt")
        check(out.split()[0] == written, "the disk has %s, the guest wrote %s" % (out.split()[0], written))
        run(m, "hvctl debug audit")
        m.check_audit()
        check(not m.complaints(), "the hypervisor complained: " + "; ".join(m.complaints()[:3]))
        out = run(m, "dmesg -r | sed -n '/BUG\\|WARNING:\\|Oops\\|Call Trace/p'")
        check(not out, "dom0 complained: " + out)
        return note


SERVER = """#!/bin/sh
while read -r line; do [ ${#line} -gt 1 ] || break; done
printf 'HTTP/1.0 200 OK\\r\\n\\r\\n'
exec cat %s
"""


def as_dom0(build, cpus=2):
    vmlinux, root = built(build, "linux32", "vmlinux", "root.cpio.gz")
    with tempfile.TemporaryDirectory(prefix="annulus-l32-") as d:
        content = os.urandom(16 << 20)
        with open(d + "/16m.bin", "wb") as f:
            f.write(content)
        with open(d + "/serve", "w") as f:
            f.write(SERVER % (d + "/16m.bin"))
        os.chmod(d + "/serve", 0o755)
        image(d + "/disk.img", "128M", "l32", {"empty": os.devnull})
        with Qemu(kernel=build.hv, cmdline="console=com1 com1=115200 dom0_mem=512M dom0_max_vcpus=2", cpus=cpus, mem=768,
                  modules=[(vmlinux, "console=hvc0 guest.name=l32 guest.ip=10.0.2.15 guest.peer=10.0.2.2 guest.www=10.0.2.100 "
                                     "guest.disk=/dev/sda guest.job=stress guest.end=key guest.seconds=%d" % STRESS),
                           (root, "")],
                  disks=["file=%s/disk.img,if=ide,format=raw" % d], nic=None,
                  extra=["-netdev", "user,id=n,restrict=on,guestfwd=tcp:10.0.2.100:8080-cmd:%s/serve" % d,
                         "-device", "e1000,netdev=n"]) as m:
            m.expect(r"GUEST-done l32", 600 + 3 * STRESS, fail=TROUBLE)
            m.send("\x01\x01\x01A")
            m.expect(r"audit: clean", 60)
            m.send("\x01\x01\x01\n")
            m.wait_exit(120)
            note = judge(m.log, 2, hashlib.sha256(content).hexdigest())
            check(not m.complaints(), "the hypervisor complained: " + "; ".join(m.complaints()[:3]))
            return note


def grub(build):
    bzimage, root = built(build, "linux32", "bzImage", "small.cpio.gz")
    if not os.path.exists(GRUB):
        raise Skip("%s is not there: apt-get install grub-xen-host" % GRUB)

    def files(d):
        with open(d + "/grub.cfg", "w") as f:
            f.write(GRUB_CFG)
        image(d + "/with.img", "64M", "guest", {"boot/grub/grub.cfg": d + "/grub.cfg", "boot/bzImage": bzimage,
                                                "boot/root.gz": root})
        image(d + "/without.img", "8M", "guest", {"nothing": os.devnull})
        return {"grub.bin": GRUB, "with.img": d + "/with.img", "without.img": d + "/without.img"}
    with dom0(build, files) as m:
        # A disk without a configuration: the prompt, and commands.
        config(m, "/g.cfg", GRUB_CONFIG % "without")
        run(m, "hvctl create /g.cfg", 120)
        m.send("hvctl console g32\n")
        m.expect(r"grub> ", 120)
        m.send("ls (xen/xvda)/\n")
        m.expect(r"nothing", 60)
        m.send("\x1d")
        m.expect(r"dom0# ", 20)
        run(m, "hvctl destroy g32")
        run(m, "rm /var/log/hvconsole/g32.log")
        # The disk with the kernel.
        config(m, "/g.cfg", GRUB_CONFIG % "with")
        run(m, "hvctl create /g.cfg", 120)
        text = console(m, "g32", "GUEST-up g32 .* cpus 1", 600)
        for words in ("GRUB", "loading from the disk of the guest", r"kernel code runs in ring 1 ",
                      r"ommand line: .*booted\.by=grub"):
            check(re.search(words, text), "'%s' is missing in: %s" % (words, text[-2000:]))
        run(m, "hvctl debug audit")
        run(m, "hvctl shutdown -w g32", 120)
        run(m, "hvctl debug audit")
        m.check_audit()
        check(not m.complaints(), "the hypervisor complained: " + "; ".join(m.complaints()[:3]))


def on_bare(build, cpu):
    bare(*built(build, "linux32", "bzImage", "small.cpio.gz"), cpu)


def cases(build):
    yield "vcpus1", lambda: guest(build, 1)
    yield "vcpus4", lambda: guest(build, 4)
    yield "dom0", lambda: as_dom0(build)
    yield "grub", lambda: grub(build)
    yield "bare", lambda: on_bare(build, "qemu64")
    if SOAK:
        yield "bare32", lambda: on_bare(build, "qemu32,+pae,-lm")
