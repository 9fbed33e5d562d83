# SPDX-License-Identifier: GPL-2.0-or-later
"""hvblkd serves a stock Debian guest, and its processes can be killed at any time without the guest noticing.

The guest mounts a file system on a raw file, then runs diskverify (tests/system/diskverify): mixed reads and writes, 32 at
once, each block with its number, version and CRC-32C. Meanwhile workers and the supervisor are killed. Once with pages that
stay mapped and once with windows.
"""
import os
import re
import shutil
import subprocess
import tempfile

from archive import dom0_with, pack
from machine import SOAK, check, shell, wait_shell

HERE = os.path.dirname(os.path.abspath(__file__))
CONFIG = """name="v"
kernel="/media/boot/vmlinuz"
ramdisk="/tmp/guest.gz"
extra="console=hvc0 %s"
memory=192
vcpus=2
disk=[ "%s" ]
"""


def initramfs(build, directory):
    """dom0's initramfs, with what makes the guest's into one that runs diskverify as /verify.gz."""
    guest = os.path.join(directory, "guest")
    os.makedirs(guest + "/sbin")
    shutil.copy(os.path.join(HERE, "diskverify/init"), guest)
    subprocess.run(["gcc", "-std=gnu11", "-O2", "-static", "-D_GNU_SOURCE", "-o", guest + "/sbin/diskverify",
                    os.path.join(HERE, "diskverify/diskverify.c")], check=True)
    with open(os.path.join(directory, "verify.gz"), "wb") as f:
        f.write(pack(guest, ["init", "sbin", "sbin/diskverify"]))
    return dom0_with(build, directory, ["verify.gz"])


LOG = "/var/log/hvconsole/v.log"


class Dom0:
    def __init__(self, m):
        self.m = m
        wait_shell(m, 300)
        self.run("cat /media/boot/guest.gz /verify.gz >/tmp/guest.gz; guest-disk v 32")

    def run(self, command, want=0, text=None, seconds=60):
        code, out = shell(self.m, command, seconds)
        check(code == want if want is not None else True, "%s: exit %d: %s" % (command, code, out))
        check(text is None or re.search(text, out), "%s: no %r in: %s" % (command, text, out))
        return out

    def config(self, extra, disk="/srv/guests/v.img,raw,xvda,rw,backendtype=hvblkd"):
        self.run("cat >/v.cfg <<'EOT'\n%sEOT\n:" % CONFIG % (extra, disk))

    def until(self, command, seconds=120):
        self.run("n=%d; until %s; do n=$((n-1)); [ $n -gt 0 ] || break; usleep 200000; done; [ $n -gt 0 ] || "
                 "{ tail -n 20 %s; cat /var/log/hvblkd.log; dmesg | tail -n 20; false; }" % (seconds * 5, command, LOG),
                 seconds=seconds + 60)

    def progress(self):
        """Waits until the guest has got on."""
        self.run("a=$(grep -a -c 'VERIFY at' %s); n=300; until [ $(grep -a -c 'VERIFY at' %s) -gt $a ] || "
                 "grep -a -q 'VERIFY done' %s; do n=$((n-1)); [ $n -gt 0 ] || break; usleep 100000; done; "
                 "[ $n -gt 0 ] || { tail -n 20 %s; cat /var/log/hvblkd.log; dmesg | tail -n 20; false; }"
                 % (LOG, LOG, LOG, LOG), seconds=90)


def resized(dom0, image, mib):
    """xvda becomes so large in use, by hvctl and then by a look at it; it does not become smaller."""
    dom0.run("hvctl block-resize v xvda %dM" % mib, text="xvda: %d bytes" % (mib << 20))
    dom0.until("grep -a -q 'VERIFY size %d' %s" % (mib << 11, LOG))
    dom0.run("hvctl block-resize v xvda 1M 2>&1", 1, "xvda has %d bytes, and with 1048576 what the guest has" % (mib << 20))
    dom0.run("hvctl block-resize v xvdb 64M 2>&1", 1, "domain . has no disk xvdb; see hvctl block-list")
    dom0.run("truncate -s 40M /srv/guests/other; mv %s /srv/guests/held; "
             "mv /srv/guests/other %s; hvctl block-resize v xvda 64M 2>&1" % (image, image), 1,
             "is another file than the one that xvda is in")
    dom0.run("mv /srv/guests/held %s" % image)


def killed(build, mode, seconds, extra=""):
    with tempfile.TemporaryDirectory(prefix="annulus-backends-") as d, build.dom0(initramfs=initramfs(build, d)) as m:
        dom0 = Dom0(m)
        dom0.config("verify.mount=yes verify.seconds=%d %s" % (seconds, extra),
                    "/srv/guests/v.img,raw,xvda,rw,backendtype=hvblkd" + (",data-mode=" + mode if mode else ""))
        dom0.run("hvctl create -q /v.cfg", seconds=120)
        dom0.until("grep -a -q 'VERIFY mounted' %s || grep -a -q 'VERIFY error' %s" % (LOG, LOG))
        dom0.run("cat %s | grep -a VERIFY" % LOG, text="VERIFY mounted")
        kills = 0
        dom0.progress()
        while not re.search("VERIFY done", dom0.run("grep -a VERIFY %s | tail -n 3" % LOG)):
            # The worker, then the supervisor, whose death ends the workers as well, and the worker twice again.
            if kills % 4 != 1:
                dom0.run("kill -9 $(pidof hvblkd-worker)", want=None)
            else:
                dom0.run("kill -9 $(ps -o pid,ppid,comm | awk -v g=$(cat /run/hvblkd/hvblkd.pid) "
                         "'$2 == g { print $1 }')")
            kills += 1
            dom0.progress()
            if kills == 1 and mode == "persistent":
                resized(dom0, "/srv/guests/v.img", 40)
            if kills == 1:
                # What was written before the kill is counted still.
                reads, writes = dom0.run("hvblkd --stats | awk '$1 == 1 && $2 == 51712 { print $3, $4 }'").split()
                check(int(reads) > 0 and int(writes) > 0, "hvblkd --stats: %s reads, %s writes" % (reads, writes))
        out = dom0.run("grep -a VERIFY %s" % LOG)
        check(re.search(r"VERIFY done \d+ operations, 0 errors", out) and "VERIFY error" not in out, out)
        dom0.until("! hvctl domid v 2>/dev/null")
        taken = len(re.findall("taken over", dom0.run("cat /var/log/hvblkd.log")))
        check(kills >= 2 and taken >= kills - 1, "%d kills, %d times taken over" % (kills, taken))
        dom0.until("! pidof hvblkd-worker && [ -z \"$(ls /run/hvblkd/*.journal 2>/dev/null)\" ]")
        trouble = dom0.run("dmesg | grep -E 'Bad page|Bad rss|BUG' | head -n 5", want=None)
        check(not trouble, "dom0's kernel complains: " + trouble)
        dom0.run("hvctl debug audit", text="clean")
        ops = re.search(r"VERIFY done (\d+)", out).group(1)
        return "%s operations, %d kills" % (ops, kills)


def cases(build):
    yield "kill_kept", lambda: killed(build, "persistent", 120 if SOAK else 14)
    yield "kill_window", lambda: killed(build, "window", 120 if SOAK else 10)
