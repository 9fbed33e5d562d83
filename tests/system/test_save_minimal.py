# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel of frontends/, 64-bit and in ring 1, is saved and restored again and again, with a disk and an interface.

It sums up its memory, a part of which it has filled with random words, stands still, and sums it up again: in another domain, or
in the same after a checkpoint. Then it takes console, store, disk, interface and balloon up again, asks dom0 for echoes, reads
which generation it is of and begins its random numbers anew. Everything that it finds wrong is a line with FAIL. Every domain has
another generation than the one before. Then by pipes; a save while the disk is being written and read; one in vain, and the
guest goes on; and in the end nothing is left.
"""
import re

from machine import SOAK, check, shell, wait_shell

WIDTHS = (64, 32)
CYCLES = 500 if SOAK else 3     # of each width
CONFIG = """name = "m%(bits)d"
kernel = "/usr/lib/annulus/minimal-%(bits)d.elf"
extra = "%(jobs)s fill mib=8 ip=10.0.2.%(bits)d/24 peer=10.0.2.15"
memory = 16
disk = [ "/srv/guests/m%(bits)d.img,raw,xvda,rw" ]
vif = [ "mac=00:16:3e:00:01:%(bits)d,bridge=br0" ]
"""
# Its result: the line with these words comes for the $3rd time, or one with FAIL.
FUNCTIONS = r"""
log() { echo /var/log/hvconsole/$1.log; }
upto() {
	n=0
	until [ $(grep -a -c "$2" $(log $1)) -ge $3 ] || grep -a -q FAIL $(log $1); do
		n=$((n + 1)); [ $n -lt 1200 ] || break; usleep 50000
	done
	if grep -a -q FAIL $(log $1) || [ $n = 1200 ]; then tail -n 12 $(log $1); hvctl list; return 1; fi
}
cycle() {
	{ hvctl save $1 /srv/$1.img && hvctl restore /srv/$1.img; } >/tmp/out 2>&1 || { cat /tmp/out; return 1; }
	upto $1 "RESULT minimal RESTORED" $2 && rm /srv/$1.img
}
cycles() { i=$2; while [ $i -le $3 ]; do cycle $1 $i || { echo cycle $i; return 1; }; i=$((i + 1)); done; }
"""
SNAPSHOT = "{ xenstore-ls -f /; hvctl list | awk '{ print $1, $2 }'; losetup -a; ls /sys/class/net; }"


def test(build):
    with build.dom0() as m:
        wait_shell(m)

        def run(command, text=None, seconds=120, status=0):
            code, out = shell(m, command, seconds)
            check(code == status, "%s: exit status %d: %s" % (command, code, out))
            check(text is None or text in out, "%s: %r is not in: %s" % (command, text, out))
            return out

        for line in FUNCTIONS.strip().split("\n"):
            m.send(line + "\n")
        run("type cycles", "function")
        run(SNAPSHOT + " >/tmp/before")
        start = {}
        for bits in WIDTHS:
            name = "m%d" % bits
            config = CONFIG % {"bits": bits, "jobs": "read net balloon"}
            run("truncate -s 8M /srv/guests/%s.img; echo '%s' >/%s.cfg" % (name, config, name))
            run("hvctl create /%s.cfg && upto %s 'RESULT minimal PASS' 1" % (name, name), "created in")
            run("hvctl save --checkpoint %s /srv/c.img && upto %s 'RESULT minimal CANCELLED' 1 && rm /srv/c.img" % (name, name))
            begin = m.seconds()
            run("cycles %s 1 %d" % (name, CYCLES), seconds=60 + 20 * CYCLES)
            start[bits] = (m.seconds() - begin) / CYCLES
            # Through a pipe, and by the log: every generation is another, and so are the random numbers.
            run("hvctl save %s - >/srv/p.img && cat /srv/p.img | hvctl restore - && rm /srv/p.img && "
                "upto %s 'RESULT minimal RESTORED' %d" % (name, name, CYCLES + 1))
            out = run("grep -a 'generation' $(log %s)" % name) if not SOAK else ""
            found = re.findall(r"generation (\d+:\d+), random numbers begun anew: ([0-9a-f]{8})", out)
            check(SOAK or (len(set(g for g, r in found)) == CYCLES + 1 and len(set(r for g, r in found)) == CYCLES + 1),
                  "%d bits: not %d generations: %s" % (bits, CYCLES + 1, out))
            # The balloon follows, the interface answers.
            run("ping -c 2 -W 20 10.0.2.%d" % bits, "2 packets received")
            # No room: a line, and it goes on.
            run("mkdir -p /mnt/small; mount -t tmpfs -o size=64k small /mnt/small; hvctl save %s /mnt/small/x; r=$?; "
                "umount /mnt/small; [ $r = 1 ] && upto %s 'RESULT minimal CANCELLED' 2" % (name, name), "No space left")
            run("hvctl shutdown --timeout=100 %s" % name)
            check("FAIL" not in run("tail -n 20 $(log %s)" % name), "a failure at the end")
            # In the middle of writing and reading back.
            run("echo '%s' >/%s.cfg; rm $(log %s)" % (CONFIG % {"bits": bits, "jobs": "block"}, name, name))
            run("hvctl create /%s.cfg && upto %s '^block 51712' 1 && cycle %s 1 && upto %s 'RESULT minimal PASS' 1"
                % (name, name, name, name), seconds=240)
            run("hvctl destroy %s" % name)
        run("n=0; until %s >/tmp/after; diff /tmp/before /tmp/after || [ $n = 300 ]; do n=$((n+1)); usleep 100000; done; "
            "[ $n -lt 300 ]" % SNAPSHOT)
        run("hvctl debug audit", "audit clean")
        check(not m.complaints(), "the hypervisor complained: " + "; ".join(m.complaints()[:3]))
        return ", ".join("%d bits: %.2f s a cycle" % (b, start[b]) for b in WIDTHS)
