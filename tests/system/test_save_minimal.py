# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel of frontends/, 64-bit and in ring 1, is saved and restored again and again, with a disk and an interface.

It sums up its memory, a part of which it has filled with random words, stands still, and sums it up again: in another domain, or
in the same after a checkpoint. Then it takes console, store, disk, interface and balloon up again, asks dom0 for echoes, reads
which generation it is of and begins its random numbers anew. Everything that it finds wrong is a line with FAIL. Every domain has
another generation than the one before. Then by pipes, with a reader that refuses and with nobody at the other end; a save while
the disk is being written and read; one in vain, and the guest goes on. It migrates within its host: no faster than it is told,
not at all where it could not stand still for as short as it is asked, and with --force all the same. In the end nothing is left.
"""
import re

from machine import SOAK, check, runner, wait_shell

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
log() { echo /var/log/hvconsole/$1.log; ls /var/log/hvconsole/$1--coming.log 2>/dev/null; }
upto() {
	n=0
	until [ $(cat $(log $1) | grep -a -c "$2") -ge $3 ] || grep -a -q FAIL $(log $1); do
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
MIGRATE = "hvctl migrate --command='hvctl migrate-receive' %s "


def migrate(run, name):
    """Within its host, thrice, behind CYCLES + 1 restorations."""
    def went(options, count):
        return run(MIGRATE % options + "%s && upto %s 'RESULT minimal RESTORED' %d" % (name, name, CYCLES + 1 + count),
                   "migrated in")

    run("hvctl migrate --command='tee /tmp/wire | hvctl migrate-receive' %s && upto %s 'RESULT minimal RESTORED' %d"
        % (name, name, CYCLES + 2), "migrated in")
    # Busy machines may take longer for it, but never shorter. At such a rate it would stand still for long.
    out = went("--downtime=60000 --bandwidth=%s" % ("256K" if name == "m64" else "1M"), 2)
    took, tenth, mib = map(int, re.search(r"migrated in (\d+)\.(\d) s, stood still for \d+ ms; \d+ rounds, (\d+) MiB",
                                          out).groups())
    check(mib >= 1, "nothing to be sent: " + out)
    check(name != "m64" or (took + (tenth + 1) / 10) * 256 >= (mib - 0.5) * 1024, "more than 256 KiB/s: " + out)
    # What words and devices take is more than a millisecond.
    run(MIGRATE % "--downtime=1" + name, "the guest writes too much", status=1)
    went("--downtime=1 --force", 3)


# What came over the wire comes again: the half of it, and then nothing; all of it under another token, and is called back.
AGAIN = """{ head -c $(($(wc -c </tmp/wire) / 2)) /tmp/wire; exec sleep 1000; } | hvctl migrate-receive >/dev/null 2>/tmp/half &
h=$!
until hvctl list %(name)s 2>/dev/null && [ -s /run/hvctl/coming/$(head -n 1 /tmp/wire | cut -d ' ' -f 5) ]; do
kill -0 $h || break; usleep 50000; done
t=$(echo %(name)s | md5sum | cut -d ' ' -f 1)
n=$(($(wc -c </tmp/wire) - 73)) # but GO and BYE
{ echo "annulus migrate 2 take $t"; head -c $n /tmp/wire | tail -c +57; } >/tmp/again; : >/tmp/words
{ cat /tmp/again; i=0; until grep -q -e READY -e '^no ' /tmp/words || [ $i = 600 ]; do i=$((i + 1)); usleep 50000; done
echo "$t BACK"; } |
hvctl migrate-receive >/tmp/words; r=$?; killall sleep; cat /tmp/words /tmp/half; rm /tmp/wire /tmp/again /tmp/half /tmp/words
ls -A /run/hvctl/coming; [ $r = 0 ] && [ -z "$(ls -A /run/hvctl/coming)" ]"""


def comes_again(run, name):
    """The guest is no more; a part of it comes, the link is cut, and it comes anew: what came first is not in its way."""
    out = run(AGAIN % {"name": name}, "READY")
    check("somebody took down what was here of it" in out and "UNKNOWN" in out, out)


def test(build):
    with build.dom0() as m:
        wait_shell(m)

        run = runner(m, 120)

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
            # Into a restore of the same host, where the name is in use: neither has it for a moment, and it goes on.
            out = run("hvctl save %s - 2>/tmp/save | hvctl restore - 2>/tmp/restore; cat /tmp/save /tmp/restore; "
                      "upto %s 'RESULT minimal CANCELLED' 2" % (name, name), "is in use by domain")
            check("went away before its end" in out, "save says: " + out)
            # Nobody reads, nobody writes: whoever waits is interrupted.
            run("mkfifo /tmp/f; sleep 1000 </tmp/f & s=$!; hvctl save --plain %s - >/tmp/f & p=$!; "
                "until hvctl list %s | grep -q shutdown; do usleep 50000; done; kill -INT $p; wait $p; r=$?; kill $s; "
                "[ $r = 1 ] && upto %s 'RESULT minimal CANCELLED' 3" % (name, name, name), seconds=180)
            run("sleep 1000 >/tmp/f & s=$!; hvctl restore - </tmp/f & p=$!; until grep -q 'hvctl' "
                "/proc/$p/cmdline && grep -q 'SigCgt:.*7$' /proc/$p/status; do usleep 50000; done; kill -INT $p; wait $p; "
                "r=$?; kill $s; rm /tmp/f; [ $r = 1 ]")
            if not SOAK:
                migrate(run, name)
            # The balloon follows, the interface answers.
            run("ping -c 2 -W 20 10.0.2.%d" % bits, "2 packets received")
            # No room: a line, and it goes on.
            run("mkdir -p /mnt/small; mount -t tmpfs -o size=64k small /mnt/small; hvctl save %s /mnt/small/x; r=$?; "
                "umount /mnt/small; [ $r = 1 ] && upto %s 'RESULT minimal CANCELLED' 4" % (name, name), "No space left")
            run("hvctl shutdown --timeout=100 %s" % name)
            check("FAIL" not in run("tail -n 20 $(log %s)" % name), "a failure at the end")
            if not SOAK:
                comes_again(run, name)
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
