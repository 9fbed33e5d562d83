# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's xenstore clients work against hvstored: over its Unix socket and, for dom0's kernel, over its ring.

Write, read, list, watch, remove, the exit codes of what does not exist, and a store that dom0's xenbus driver reached.
"""
import re
import shutil
import tempfile

from archive import dom0_with
from machine import SOAK, check, shell, wait_shell

RECONNECTS = 4000


def with_guest(build, name, directory):
    """dom0's initramfs with one of the tiny guests in it, as /name.elf."""
    shutil.copy(build.need("guest/%s.elf" % name), directory)
    return dom0_with(build, directory, [name + ".elf"])


def runner(m):
    """What dom0's shell says to a command that has to succeed."""
    def run(command, seconds=60):
        code, out = shell(m, command, seconds)
        check(code == 0, "%s: exit %d: %s" % (command, code, out))
        return out

    return run


def hostile(build):
    """
    A guest reconnects as fast as it can, leaves transactions open and reads nothing: the daemon's log and memory stay
    small, and others are served as ever.
    """
    with tempfile.TemporaryDirectory(prefix="annulus-store-") as d, \
            build.dom0(initramfs=with_guest(build, "evil-store", d)) as m:
        wait_shell(m)
        run = runner(m)

        def memory():
            return int(re.search(r"VmRSS:\s+(\d+)", run("cat /proc/$(pidof hvstored)/status")).group(1))

        before = memory()
        run("printf 'name=\"evil\"\\nkernel=\"/evil-store.elf\"\\nmemory=16\\n' >/evil.cfg")
        born = float(run("cut -d ' ' -f 1 /proc/uptime"))
        run("hvctl create -e /evil.cfg")
        m.expect(r"evil-store: reconnected %d times" % RECONNECTS, 300)
        # What others ask for is answered at once, while it goes on.
        for i in range(5):
            run("xenstore-write /tool/test/%d x && xenstore-read /tool/test/%d" % (i, i), 20)
        lines = int(run("cat /var/log/hvstored.log* | grep -c 'domain 1:'"))
        # 20 at once and 20 a minute since it is there, each with one that tells of those missing; what domain 0 caused.
        most = 2 * (20 + (float(run("cut -d ' ' -f 1 /proc/uptime")) - born) / 3) + 10
        check(lines <= most, "%d lines of the log are about it, at most %d should be" % (lines, most))
        size = sum(int(x) for x in run("wc -c </var/log/hvstored.log; ls /var/log/hvstored.log*").split()[:1])
        check(size < 32768, "the log has %d bytes" % size)
        # The next line that there is a budget for tells; the guest goes on.
        run("n=300; until grep -q 'lines suppressed' /var/log/hvstored.log; do n=$((n-1)); [ $n -gt 0 ] || break; "
            "usleep 200000; done; [ $n -gt 0 ]", 120)
        check(memory() < before + 32768, "the store daemon's memory grew from %d to %d KiB" % (before, memory()))
        run("hvctl destroy evil", 90)
        run("xenstore-rm /tool/test")
        # SIGHUP, after somebody has moved the log away.
        run("mv /var/log/hvstored.log /tmp/moved && kill -HUP $(pidof hvstored) && hvctl create -q -e /evil.cfg && "
            "grep -q 'domain 2: introduced' /var/log/hvstored.log && ! grep -q 'domain 2' /tmp/moved", 90)
        run("hvctl destroy evil", 90)
        check("audit clean" in run("hvctl debug audit"), "the audit is not clean")
        return "%d lines, %d bytes for %d reconnects" % (lines, size, RECONNECTS)


# Writes a value per key and notes it when the store has acknowledged it.
WRITER = """i=0
while [ -e /tmp/go ]; do
  i=$((i+1))
  while :; do xenstore-write /tool/k$((i%10)) $i 2>/dev/null && break; usleep 20000; done
  echo $i >/tmp/acked
done
"""


def killed(build):
    """
    The store daemon is killed again and again, under the load of dom0's programs and of a guest's ring: what was
    acknowledged is there, the guest is answered each of its requests, and hvctl goes on with the next one.
    """
    kills = 100 if SOAK else 4
    with tempfile.TemporaryDirectory(prefix="annulus-store-") as d, \
            build.dom0(initramfs=with_guest(build, "store-load", d)) as m:
        wait_shell(m)
        run = runner(m)

        run("printf 'name=\"load\"\nkernel=\"/store-load.elf\"\nmemory=16\n' >/load.cfg && hvctl create -e /load.cfg")
        m.expect(r"store-load: 50 rounds", 120)
        for line in WRITER.splitlines():
            run("echo '%s' >>/tmp/writer" % line)
        run("touch /tmp/go && (sh /tmp/writer >/dev/null 2>&1 & echo started)")
        for n in range(kills):
            # At a moment that the load decides: a different number of values later each time.
            run("a=$(cat /tmp/acked 2>/dev/null || echo 0); n=2000; "
                "until [ $(cat /tmp/acked || echo 0) -gt $((a+%d)) ]; do n=$((n-1)); [ $n -gt 0 ] || exit 1; usleep 10000; "
                "done 2>/dev/null; kill -9 $(cat /run/hvstored/hvstored.pid)" % (n % 4), 60)
            # hvctl finds no daemon, and waits for the next one; every second time it is killed under it.
            run("hvctl list >/tmp/list & " + ("usleep %d; kill -9 $(cat /run/hvstored/hvstored.pid); " % (n * 3000)
                                              if n % 2 else "") + "wait $! && grep -q load /tmp/list", 60)
        run("rm /tmp/go; n=500; until a=$(cat /tmp/acked) && [ \"$(xenstore-read /tool/k$((a%10)))\" = $a ]; do "
            "n=$((n-1)); [ $n -gt 0 ] || exit 1; usleep 20000; done", 60)
        run("a=$(cat /tmp/acked); for i in 0 1 2 3 4 5 6 7 8 9; do "
            "[ $(xenstore-read /tool/k$(((a-i)%10))) = $((a-i)) ] || exit 1; done", 60)
        log = run("cat /var/log/hvstored.log*")
        taken = log.count("goes on where the one before ended")
        check(taken >= kills, "%d kills, %d journals taken up: %s" % (kills, taken, log[-1500:]))
        check("disconnected" not in log and "damaged" not in log, "something was lost: %s" % log[-1500:])
        # The guest goes on, and so does dom0's kernel, whose watches are those of before.
        m.expect(r"store-load: \d+ rounds", 60)
        check("OK" in run("hvctl destroy load && echo OK", 90), "the guest does not end")
        # One that ends while the daemon does not run is cleaned up after by the next.
        run("hvctl create -e /load.cfg", 60)
        run("p=$(cat /run/hvstored/hvstored.pid); kill -STOP $p; hvctl destroy load & usleep 500000; kill -9 $p; wait $!; "
            "n=300; while xenstore-exists /local/domain/2; do n=$((n-1)); [ $n -gt 0 ] || exit 1; usleep 20000; done", 90)
        check("audit clean" in run("hvctl debug audit"), "the audit is not clean")
        return "%d kills" % kills


def cases(build):
    yield "clients", lambda: clients(build)
    yield "killed", lambda: killed(build)
    yield "hostile", lambda: hostile(build)


def clients(build):
    with build.dom0() as m:
        wait_shell(m)

        def run(command, want=0, text=None):
            code, out = shell(m, command)
            check(code == want, "%s: exit %d instead of %d: %s" % (command, code, want, out))
            check(text is None or text in out, "%s: %r is not in %r" % (command, text, out))
            return out

        run("xenstore-write /tool/test/a one /tool/test/b two")
        run("xenstore-read /tool/test/a /tool/test/b", text="one\ntwo")
        run("xenstore-list /tool/test", text="a\nb")
        run("xenstore-ls /tool", text='a = "one"')
        run("hvctl debug store /tool/test", text='/tool/test = ""\n/tool/test/a = "one"\n/tool/test/b = "two"')
        run("hvctl debug store /tool/test/none", want=1)
        run("xenstore-read /tool/test/none", want=1)
        run("xenstore-exists /tool/test/b")
        run("xenstore-exists /tool/test/none", want=1)
        # The first event is the watch itself.
        run("(xenstore-watch -n 2 /tool/test >/tmp/watch &); until grep -q test /tmp/watch; do usleep 100000; done; "
            "xenstore-write /tool/test/c three; until grep /tool/test/c /tmp/watch; do usleep 100000; done", text="/tool/test/c")
        run("xenstore-chmod /tool/test/a n0 r1 && xenstore-ls -p /tool/test", text="(n0,r1)")
        run("xenstore-rm /tool/test && xenstore-exists /tool/test", want=1)
        run("cat /sys/bus/xen/drivers_autoprobe 2>/dev/null; ls /sys/bus/xen-backend/drivers", text="vbd")
        run("dmesg | grep -i 'xenbus' | grep -iE 'fail|timeout|error'", want=1)
