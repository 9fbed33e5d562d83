# SPDX-License-Identifier: GPL-2.0-or-later
"""A running guest migrates: stock Linux with two vCPUs, a disk and an interface, within one host.

The guest of test_save.py: it counts rounds on its console, with what a part of its memory has in it, that its disk gave back what
was written, that dom0 answers, and what its clocks say. Wherever it goes on, the count goes on where it was. The link is a pipe
that is cut at random places, in either direction: afterwards there is one guest, and it is whole.
"""
import random

import test_save
from machine import SOAK, check, shell, wait_shell

LOGS = "/var/log/hvconsole/s1.log /var/log/hvconsole/s1--coming.log"
RECEIVE = "hvctl migrate-receive"
MIGRATE = "hvctl migrate --downtime=30000 --command='%s' s1"
# What the receiver says: its greeting, "good", its token and READY.
GREETING, GOOD, READY = 18, 5, 39


# A link that takes the receiver with it when that has said READY, and is gone from then on.
LINK = """[ -e /tmp/gone ] && exit 1
[ -e /tmp/cut ] || exec hvctl migrate-receive
rm /tmp/cut; touch /tmp/gone
sh -c "echo \\$\\$ >/tmp/pid; exec hvctl migrate-receive" |
{ dd bs=1 count=%d; dd bs=1 count=%d of=/tmp/ready; kill -9 $(cat /tmp/pid); cat /tmp/ready; } 2>/dev/null
""" % (GREETING + GOOD, READY)

# One that is cut among the pages, of which the other end hears nothing.
HALF = ("exec 5<&0 </dev/null; { dd bs=65536 count=300 <&5; exec sleep 1000 5<&-; } 2>/dev/null | "
        "%s 2>/tmp/said 5<&- & exec 5<&-; wait" % RECEIVE)


class Guest(test_save.Guest):
    def rounds(self):
        out = self.run("cat %s 2>/dev/null; true" % LOGS)
        # Each domain that it was has its own log, and names come again: in the order of its counting.
        return sorted((int(n), md5, disk, net, int(up), int(date)) for n, md5, disk, net, up, date in
                      test_save.ROUND.findall(out))

    def good(self):
        return self.run("cat %s 2>/dev/null | grep -a -c '^GUEST-count .*disk=ok net=ok'; true" % LOGS).strip()

    def wait_rounds(self, beyond):
        wait = ("n=0; until [ $(cat %s 2>/dev/null | grep -a -c '^GUEST-count .*disk=ok net=ok') -gt %d ]; do n=$((n+1)); "
                "[ $n -lt 1800 ] || break; usleep 100000; done; [ $n -lt 1800 ]" % (LOGS, beyond))
        code, _ = shell(self.m, wait, 240)
        if code:
            check(False, "no more rounds: " + shell(self.m, "tail -n 30 %s; hvctl list; hvctl dmesg | tail -n 8" % LOGS)[1])

    def one(self, what):
        """Exactly one guest, which goes on, and nobody waits for anything."""
        self.goes_on(what)
        out = self.run("hvctl list")
        check(out.count("s1") == 1, "%s: not one guest: %s" % (what, out))
        out = self.run("ls -A /run/hvctl/leaving /run/hvctl/coming | grep -v -e : -e '^$'; true").strip()
        check(not out, "%s: something is left: %s" % (what, out))


def test(build):
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    with build.dom0() as m:
        wait_shell(m)
        g = Guest(m)
        g.run("truncate -s 8M /srv/guests/s1.img; dmesg -n 4; echo '%s' >/s1.cfg" % test_save.CONFIG)
        g.run("hvctl create /s1.cfg", "created in", 240)
        g.wait_rounds(2)
        for i in range(20 if SOAK else 1):
            print(g.run(MIGRATE % RECEIVE, "migrated in", 240), flush=True)
            g.one("migration %d" % (i + 1))
        # Who does not speak the language, and who refuses: the guest does not notice.
        g.run(MIGRATE % "hvctl no-such-verb", "nothing at the other host takes a guest", status=1)
        g.run(MIGRATE % "echo annulus migrate 7; cat", "migrates in another way", status=1)
        g.run("ip link set br0 down; ip link set br0 name br9; %s" % (MIGRATE % RECEIVE), "there is no bridge br0", status=1)
        g.run("ip link set br9 name br0; ip link set br0 up")
        g.one("after refusals")
        for i in range(20 if SOAK else 1):
            # Reads of what has come, at most so many bytes each: among its pages, mostly.
            cut = chance.randrange(1, 1000)
            out = g.run(MIGRATE % ("dd bs=65536 count=%d 2>/dev/null | %s" % (cut, RECEIVE)), None, 240, None)
            g.one("seed %d, cut after %d reads: %s" % (seed, cut, out))
        # The link is cut, and the other end is not told: what came of it is taken down, and who waits for more lets go of it.
        g.run(MIGRATE % HALF, "the link to the other host broke", 240, 1)
        g.run("hvctl destroy s1--coming && until [ -s /tmp/said ]; do usleep 50000; done; cat /tmp/said; killall sleep",
              "somebody took down what was here of it")
        g.one("a copy was destroyed")
        # READY is not heard: it stays. That it runs is not heard: another link settles it.
        for name, cut in (("in READY", GREETING + GOOD + chance.randrange(READY)), ("before RUNNING", GREETING + GOOD + READY)):
            if name == "in READY" and not SOAK:
                continue
            g.run("touch /tmp/cut")
            command = "if rm /tmp/cut; then %s | dd bs=1 count=%d; else %s; fi 2>/dev/null" % (RECEIVE, cut, RECEIVE)
            out = g.run(MIGRATE % command, None, 240, 1 if name == "in READY" else 0)
            g.one("cut %s: %s" % (name, out))
        # GO is lost with the process that was to hear it: nobody runs it, until the link is back or a person decides.
        for how in ("by itself", "by a person") if SOAK else ("by a person", ):
            g.run("echo '%s' >/link.sh; rm -f /tmp/gone; touch /tmp/cut" % LINK)
            out = g.run(MIGRATE % "sh /link.sh", "stands still here", 240, 1)
            token = out.split("--resolve ")[1].split(".")[0]
            rounds = len(g.rounds())
            g.run("hvctl unpause s1--coming", "comes from another host", status=1)
            g.run("hvctl migrate --resolve=%s" % token, "does not answer", status=1)
            check(len(g.rounds()) == rounds, "it runs, and nobody has said that it may")
            if how == "by itself":
                g.run("rm /tmp/gone")
            else:
                g.run("hvctl migrate --resolve=%s --here" % token, "runs here", 240)
                # Until the other host has heard it, it is remembered.
                g.run("rm /tmp/gone; hvctl migrate --resolve=%s" % token, "is settled")
            g.one("settled " + how)
        g.run("hvctl debug audit", "audit clean")
        g.run("hvctl destroy s1")
        check(not m.complaints(), "the hypervisor complained: " + "; ".join(m.complaints()[:3]))
