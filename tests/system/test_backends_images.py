# SPDX-License-Identifier: GPL-2.0-or-later
"""hvblkd serves images: a stock Debian guest has a qcow2 disk, which stands on a raw file, and does not notice when the worker,
the supervisor and qemu-nbd are killed or told to end; what it wrote is in the image, which is without a fault, and the file below
is as it was. Then what goes wrong with images: each is refused with one line, and nothing stays behind.
"""
import os
import shutil
import subprocess
import tempfile

import test_backends
from archive import pack
from machine import check


def program(root, path):
    """A program of this machine, with the libraries that it is linked to."""
    out = subprocess.run(["ldd", path], stdout=subprocess.PIPE, check=True, text=True).stdout
    for word in [path] + [w for w in out.split() if w.startswith("/")]:
        to = root + word
        if not os.path.exists(to):
            os.makedirs(os.path.dirname(to), exist_ok=True)
            shutil.copy(os.path.realpath(word), to)


def initramfs(build, directory):
    path = test_backends.initramfs(build, directory)
    root = os.path.join(directory, "qemu")
    program(root, "/usr/bin/qemu-nbd")
    program(root, "/usr/bin/qemu-img")
    names = sorted(os.path.relpath(os.path.join(d, n), root) for d, dirs, files in os.walk(root) for n in dirs + files)
    with open(path, "ab") as f:
        f.write(pack(root, names))
    return path


def refused(dom0, disk, line):
    dom0.config("", disk)
    out = dom0.run("hvctl create -q /v.cfg 2>&1", want=1)
    check(out.strip() == "hvctl: " + line, "create says %r instead of %r" % (out.strip(), line))
    dom0.run("! pidof qemu-nbd && [ $(hvctl list | wc -l) = 2 ] && ! xenstore-exists /local/domain/0/backend/hvblk")


def clean(dom0):
    dom0.until("! pidof hvblkd-worker && ! pidof qemu-nbd && [ -z \"$(ls /run/hvblkd | grep -v pid)\" ]")


def mistakes(dom0):
    begin = "hvblkd cannot serve the disk xvda: "
    dom0.run("cd /srv/guests && cp v.qcow2 w.qcow2 && printf X | dd of=w.qcow2 bs=1 count=1 conv=notrunc 2>/dev/null")
    refused(dom0, "/srv/guests/w.qcow2,qcow2,xvda,rw", begin + "/srv/guests/w.qcow2 is no qcow2 image, or a broken one; correct "
            "format=, or check it with qemu-img info")
    dom0.run("cd /srv/guests && qemu-img create -q -f qcow2 -F raw -b /init x.qcow2")
    refused(dom0, "/srv/guests/x.qcow2,qcow2,xvda,rw", begin + "the backing file /init of /srv/guests/x.qcow2 is in no directory "
            "that is allowed; put it below /var/lib/annulus/images, or add its directory to /etc/annulus/backing-directories")
    refused(dom0, "vdev=xvda,target=nbd+unix:///x?socket=/nowhere", begin + "qemu-nbd cannot open nbd+unix:///x?socket=/nowhere: "
            "No such file or directory; see whether that server runs")
    overlays(dom0)
    clean(dom0)


def overlays(dom0):
    """What overlay= makes, and takes for one; nothing of it stays when a creation fails."""
    over = "vdev=xvda,overlay=/srv/guests/o.qcow2,target="
    refused(dom0, over + "/srv/none", "the disk /srv/none (xvda) cannot be found: No such file or directory; correct 'disk' in "
            "the configuration")
    refused(dom0, over + "/init", "hvblkd cannot serve the disk xvda: the backing file /init of /srv/guests/o.qcow2 is in no "
            "directory that is allowed; put it below /var/lib/annulus/images, or add its directory to "
            "/etc/annulus/backing-directories")
    dom0.run("! ls /srv/guests/o.qcow2*")
    refused(dom0, "vdev=xvda,overlay=/srv/guests/w.qcow2,target=/srv/guests/v.img", "/srv/guests/w.qcow2 (xvda) is there already "
            "and is no overlay over /srv/guests/v.img (raw); give another name, or remove it if nobody needs it")
    dom0.config("", over + "/srv/guests/v.img")
    for time in range(2):
        # The second time it is there, and the base may be shared for reading only.
        dom0.run("hvctl create -q -p /v.cfg", seconds=120)
        dom0.run("hvctl block-list v", text=r"xvda +rw +\w+ +/srv/guests/o.qcow2")
        dom0.run("hvctl dump-config v", text="overlay=/srv/guests/o.qcow2, target=/srv/guests/v.img")
        dom0.run("hvctl block-attach v /srv/guests/v.img,raw,xvdb,rw 2>&1", 1, "/srv/guests/v.img .xvdb. is in use by domain")
        dom0.run("hvctl destroy v", seconds=60)
        dom0.run("qemu-img info -f qcow2 /srv/guests/o.qcow2", text="backing file: /srv/guests/v.img")
    dom0.run("qemu-img check -q -f qcow2 /srv/guests/o.qcow2")


def qcow2(build):
    with tempfile.TemporaryDirectory(prefix="annulus-backends-") as d, build.dom0(initramfs=initramfs(build, d)) as m:
        dom0 = test_backends.Dom0(m)
        dom0.run("mkdir -p /etc/annulus && echo /srv/guests >/etc/annulus/backing-directories")
        dom0.run("cd /srv/guests && sha256sum <v.img >/sum && qemu-img create -q -f qcow2 -F raw -b v.img v.qcow2")
        dom0.config("verify.mount=yes verify.seconds=20", "/srv/guests/v.qcow2,qcow2,xvda,rw")
        dom0.run("hvctl create -q /v.cfg", seconds=120)
        dom0.run("hvctl block-list v", text=r"xvda +rw +\w+ +/srv/guests/v.qcow2")
        dom0.until("grep -a -q 'VERIFY mounted' %s || grep -a -q 'VERIFY error' %s" % (test_backends.LOG, test_backends.LOG))
        dom0.progress()
        kills = 0
        for what in ("kill -9 $(pidof hvblkd-worker)", "kill $(pidof qemu-nbd)",
                     "kill -9 $(ps -o pid,ppid,comm | awk -v g=$(cat /run/hvblkd/hvblkd.pid) '$2 == g { print $1 }')",
                     "kill -9 $(pidof hvblkd-worker)"):
            dom0.run(what, want=None)
            kills += 1
            dom0.progress()
            if kills == 2:
                test_backends.resized(dom0, "/srv/guests/v.qcow2", 40)
        dom0.until("grep -a -q 'VERIFY done' %s" % test_backends.LOG)
        out = dom0.run("grep -a VERIFY %s" % test_backends.LOG)
        check(" 0 errors" in out and "VERIFY error" not in out, out)
        dom0.until("! hvctl domid v 2>/dev/null")
        clean(dom0)
        dom0.run("qemu-img info -f qcow2 /srv/guests/v.qcow2", text="40 MiB")
        dom0.run("cd /srv/guests && qemu-img check -q -f qcow2 v.qcow2 && sha256sum <v.img | cmp - /sum")
        mistakes(dom0)
        dom0.run("hvctl debug audit", text="clean")
        return "%d kills" % kills


def cases(build):
    yield "qcow2", lambda: qcow2(build)
