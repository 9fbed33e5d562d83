# SPDX-License-Identifier: GPL-2.0-or-later
"""hvnetd carries the packets of stock Debian guests, and its processes can be killed at any time without a stream breaking.

Two guests and dom0 talk with each other through it: pings, a file from dom0's web server, and a stream of TCP from guest to
guest, whose checksum both ends take, while the worker and the supervisor are killed. The counts say that each byte from guest to
guest was copied once.
"""
import re
import tempfile

from archive import dom0_with_init
from machine import SOAK, check, shell, wait_shell

CONFIG = """name="%s"
kernel="/media/boot/vmlinuz"
ramdisk="/tmp/guest.gz"
extra="console=hvc0 %s"
memory=128
vcpus=1
vif=[ "mac=00:16:3e:00:00:%s,bridge=br0,backendtype=hvnetd%s" ]
"""


class Dom0:
    def __init__(self, m):
        self.m = m
        wait_shell(m, 300)
        self.run("cat /media/boot/guest.gz /net.gz >/tmp/guest.gz")

    def run(self, command, want=0, seconds=60):
        code, out = shell(self.m, command, seconds)
        check(want is None or code == want, "%s: exit %d: %s" % (command, code, out))
        return out

    def create(self, name, extra, mac, more=""):
        self.run("cat >/%s.cfg <<'EOT'\n%sEOT\n:" % (name, CONFIG % (name, extra, mac, more)))
        self.run("hvctl create -q /%s.cfg" % name, seconds=120)

    def until(self, name, pattern, seconds=120):
        """Waits for a line of a guest's; returns it."""
        log = "/var/log/hvconsole/%s.log" % name
        self.run("n=%d; until grep -a -q '%s' %s; do n=$((n-1)); [ $n -gt 0 ] || break; usleep 200000; done; [ $n -gt 0 ] || "
                 "{ tail -n 20 %s; cat /var/log/hvnetd.log; hvnetd --stats; dmesg | tail -n 20; false; }"
                 % (seconds * 5, pattern, log, log), seconds=seconds + 60)
        return self.run("grep -a '%s' %s | tail -n 1" % (pattern, log))

    def got_on(self):
        """Waits until the stream has: what the receiver counts is more than now by a quarter of a MiB, or it is over."""
        log = "/var/log/hvconsole/b.log"
        at = "$(grep -a 'NET at' %s | tail -n 1 | tr -dc 0-9)" % log
        return self.run("a=%s; n=300; until [ %s -gt $((a + 262144)) ] || grep -a -q 'NET stream' %s; do n=$((n-1)); "
                        "[ $n -gt 0 ] || break; usleep 200000; done; [ $n -gt 0 ] || { tail -n 5 %s; "
                        "cat /var/log/hvnetd.log; hvnetd --stats; dmesg | tail -n 20; false; }" % (at, at, log, log),
                        seconds=120)

    def counts(self):
        """By domain, what hvnetd --stats says."""
        lines = self.run("hvnetd --stats").splitlines()
        names = lines[0].split()
        return {int(line.split()[0]): dict(zip(names, map(int, line.split()))) for line in lines[1:]}


def test(build):
    with tempfile.TemporaryDirectory(prefix="annulus-net-") as d, \
            build.dom0(initramfs=dom0_with_init(build, d, "netstream/init", "net.gz")) as m:
        dom0 = Dom0(m)
        dom0.create("a", "net.ip=10.0.2.51", "51")
        dom0.until("a", "NET up")
        dom0.create("b", "net.ip=10.0.2.52 net.peer=10.0.2.51", "52", ",ip=10.0.2.52 fe80::1")
        dom0.until("b", "NET ping 10.0.2.51 5 of 5")
        dom0.until("b", "NET ping 10.0.2.15 5 of 5")
        ids = [int(dom0.run("hvctl domid " + name)) for name in "ab"]
        before = dom0.counts()
        want = dom0.run("cat /srv/www/16m.sha256").split()[0]
        dom0.until("b", "NET fetch " + want)
        dom0.until("b", "NET at")
        kills = 60 if SOAK else 4
        for kill in range(kills):
            dom0.got_on()
            # The worker, then the supervisor, with which the worker ends.
            if kill % 3 != 1:
                dom0.run("kill -9 $(pidof hvnetd-worker)")
            else:
                dom0.run("kill -9 $(ps -o pid,ppid,comm | awk -v g=$(cat /run/hvnetd/hvnetd.pid) '$2 == g { print $1 }')")
        dom0.got_on()
        dom0.run("touch /srv/www/stop")
        sent, got = [re.search(r"NET stream (\w+) (\d+)", dom0.until(name, "NET stream")) for name in "ab"]
        check(sent and got and sent.groups() == got.groups(), "sent %s, got %s" % (sent and sent.groups(), got and got.groups()))
        size = int(got.group(2))
        after = dom0.counts()
        a, b = after[ids[0]], after[ids[1]]
        check(a["taken-over"] == b["taken-over"] == kills, "%d kills, %d and %d times taken over"
              % (kills, a["taken-over"], b["taken-over"]))
        # What a sent since then went to b, but for its questions to dom0; each byte was copied once, from page to page, or
        # through us, and none where b had no room for a packet just then.
        did = {key: a[key] - before[ids[0]][key] for key in a}
        check(did["sent-bytes"] >= size, "%d bytes of the stream, %d sent" % (size, did["sent-bytes"]))
        once = (did["direct-bytes"] + did["head-bytes"] + did["bounced-bytes"]) / did["sent-bytes"]
        check(0.9 < once < 1.001, "%.4f copies of what was sent: %s" % (once, did))
        check(did["head-bytes"] + did["bounced-bytes"] < did["sent-bytes"] / 8, "not from page to page: %s" % did)
        check(did["malformed"] == did["errors"] == b["malformed"] == 0, "%s %s" % (a, b))
        # IPv6's first questions may come from nobody, about nothing that ip= names: a few.
        check(b["spoofed"] < 10, "%s" % b)
        # One more interface for b, and one less.
        dom0.run("hvctl network-attach b bridge=br0,backendtype=hvnetd,mac=00:16:3e:00:00:53")
        state = "[ \"$(xenstore-read /local/domain/0/backend/hvnet/%d/1/state)\" = 4 ]" % ids[1]
        dom0.run("n=150; until %s; do n=$((n-1)); [ $n -gt 0 ] || break; usleep 200000; done; %s" % (state, state), seconds=90)
        dom0.run("hvctl network-detach b 00:16:3e:00:00:53")
        dom0.run("hvctl network-list b | grep -c :53", want=1)
        dom0.run("hvctl destroy a; hvctl destroy b", seconds=90)
        left = dom0.run("ls /run/hvnetd /sys/class/net | grep -e [.]journal -e '^hvnet[0-9]'", want=None)
        check(left == "", "left behind: " + left)
        trouble = dom0.run("dmesg | grep -E 'Bad page|Bad rss|BUG' | head -n 5", want=None)
        check(not trouble, "dom0's kernel complains: " + trouble)
        dom0.run("hvctl debug audit | grep -q clean")
        return "%d MiB in one stream, %d kills, %.2f copies a byte" % (size >> 20, kills, once)
