# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests are saved to files and go on from them: stock Linux with two vCPUs, a disk and an interface.

The guest counts rounds on its console, and each says what a part of its memory has in it, that its disk gave back what was
written, that dom0 answers, and what its clocks say. After a checkpoint, a save and a restore the count goes on where it was, the
memory is the same, disk and network work, and no clock has gone back. What fails leaves the guest running and no file.
"""
import re

from machine import SOAK, check, shell, wait_shell

CONFIG = """name = "s1"
kernel = "/media/boot/vmlinuz"
ramdisk = "/media/boot/guest.gz"
extra = "console=hvc0 guest.name=s1 guest.ip=10.0.2.41 guest.job=count"
memory = 128
vcpus = 2
disk = [ "/srv/guests/s1.img,raw,xvda,rw" ]
vif = [ "mac=00:16:3e:00:00:51,bridge=br0" ]
"""
LOG = "/var/log/hvconsole/s1.log"
CYCLES = 20 if SOAK else 1
ROUND = re.compile(r"GUEST-count (\d+) (\w+) disk=(.*) net=(\w+) (\d+) (\d+)")
SNAPSHOT = "{ xenstore-ls -f /; hvctl list | awk '{ print $1, $2 }'; losetup -a; ls /sys/class/net; }"


class Guest:
    def __init__(self, m):
        self.m = m

    def run(self, command, text=None, seconds=120, status=0):
        code, out = shell(self.m, command, seconds)
        check(status is None or code == status, "%s: exit status %d: %s" % (command, code, out))
        check(text is None or text in out, "%s: %r is not in: %s" % (command, text, out))
        return out

    def rounds(self):
        out = self.run("cat %s" % LOG)
        return [(int(n), md5, disk, net, int(up), int(date)) for n, md5, disk, net, up, date in ROUND.findall(out)]

    def wait_rounds(self, beyond):
        """Until a round beyond this one has the disk and the network at work."""
        wait = ("n=0; until [ $(grep -a -c '^GUEST-count .*disk=ok net=ok' %s) -gt %d ]; do n=$((n+1)); "
                "[ $n -lt 1800 ] || break; usleep 100000; done; [ $n -lt 1800 ]" % (LOG, beyond))
        code, _ = shell(self.m, wait, 240)
        if code:
            check(False, "no more rounds: " + shell(self.m, "tail -n 30 %s; hvctl list; hvctl dmesg | tail -n 8" % LOG)[1])

    def good(self):
        return self.run("grep -a -c '^GUEST-count .*disk=ok net=ok' %s" % LOG).strip()

    def goes_on(self, what):
        self.wait_rounds(int(self.good()) + 2)
        rounds = self.rounds()
        for a, b in zip(rounds, rounds[1:]):
            check(b[0] == a[0] + 1, "%s: round %d follows %d" % (what, b[0], a[0]))
            check(b[1] == a[1], "%s: its memory has changed in round %d" % (what, b[0]))
            check(b[4] >= a[4], "%s: the time since its start went back from %d to %d" % (what, a[4], b[4]))
            check(b[5] >= a[5], "%s: the date went back from %d to %d" % (what, a[5], b[5]))
        check(not [r for r in rounds if r[2] != "ok"], "%s: the disk did not give back what was written: %s" % (what, rounds))


def test(build):
    with build.dom0() as m:
        wait_shell(m)
        g = Guest(m)
        g.run("truncate -s 8M /srv/guests/s1.img; dmesg -n 4; echo '%s' >/s1.cfg; %s >/tmp/before" % (CONFIG, SNAPSHOT))
        g.run("hvctl create /s1.cfg", "created in", 240)
        g.wait_rounds(3)
        g.run("hvctl save --checkpoint s1 /srv/c.img", seconds=240)
        g.goes_on("after a checkpoint")
        for cycle in range(CYCLES):
            g.run("hvctl save s1 /srv/s.img && ls -l /srv", "s.img", 240)
            g.run("hvctl list s1", "there is no domain", status=3)
            g.run("hvctl restore /srv/s.img && rm /srv/s.img", "restored", 240)
            g.goes_on("cycle %d" % (cycle + 1))
        # No room: a line, and nothing has happened.
        g.run("mkdir -p /mnt/small; mount -t tmpfs -o size=64k small /mnt/small; hvctl save s1 /mnt/small/x",
              "No space left", status=1, seconds=240)
        g.run("ls -A /mnt/small | wc -l; umount /mnt/small", "0")
        g.goes_on("after what failed")
        g.run("hvctl debug audit", "audit clean")
        g.run("hvctl destroy s1")
        # A byte is wrong; a pipe ends in the middle: a line each, and no domain.
        g.run("{ head -c 100000 /srv/c.img; printf x; tail -c +100002 /srv/c.img; } >/srv/x.img; "
              "hvctl restore --name=x /srv/x.img", "damaged", status=1)
        g.run("head -c 100000 /srv/c.img | hvctl restore --name=x -", "take another copy", status=1)
        g.run("rm /srv/*.img")
        g.run("%s >/tmp/after; diff /tmp/before /tmp/after" % SNAPSHOT)
        g.run("hvctl debug audit", "audit clean")
        check(not m.complaints(), "the hypervisor complained: " + "; ".join(m.complaints()[:3]))
