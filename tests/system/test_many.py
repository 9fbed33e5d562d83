# SPDX-License-Identifier: GPL-2.0-or-later
"""Two hundred guests at once: how much longer the last takes to be created than the tenth, all answer, all memory comes back.

The machine has one CPU and its clock is the number of executed instructions, so that times are instructions of everybody:
dom0's kernel, the daemons, the hypervisor. The guest is frontends/minimal without devices.
"""
import re
import statistics

from machine import SOAK, Skip, check, runner, wait_shell

GUESTS = 200
CONFIG = """name = "m%d"
kernel = "/usr/lib/annulus/minimal-64.elf"
extra = "hello"
memory = 8
"""
SLOWER = 1.3             # the last ones against the tenth and those beside it
LIST = 50000000          # instructions of `hvctl list` with all of them
LISTS = 10
KEPT = 16                # frames that the hypervisor's small allocations may keep


def test(build):
    if not SOAK:
        raise Skip("two hundred guests and counted instructions take their time: make soak")
    with build.dom0(cmdline="dom0_max_vcpus=1", icount=True, cpus=1, mem=3072) as m:
        wait_shell(m, 600)

        run = runner(m, 600)

        def free():
            return int(re.search(r"free \((\d+) frames\)", run("hvctl info")).group(1))

        # A shell's loop: what is typed is not a part of it.
        run("cat >/create <<'EOT'\nn=$1\nwhile [ $n -le $2 ]; do\necho '%sEOT' | sed \"/^EOT/d; s/NUMBER/$n/\" >/m.cfg\n"
            "hvctl create /m.cfg || exit 1\nn=$((n + 1))\ndone\nEOT\n:" % CONFIG.replace("%d", "NUMBER"))
        # What is kept from the first one on; and memory that somebody had is cleared when nobody needs the CPU, which is no
        # matter of how many there are: all of it is like that.
        run("sh /create 1 1; hvctl shutdown --wait --timeout=600 m1; hvctl create -q /m.cfg memory=%d; "
            "hvctl shutdown --wait --timeout=600 m1; sleep 10; rm -f /var/log/hvconsole/m1.log" % (8 * GUESTS + 64))
        before = free()
        times = []
        for first in range(1, GUESTS + 1, 20):
            out = run("sh /create %d %d" % (first, min(first + 19, GUESTS)), "created in", 1800)
            times += [float(t) for t in re.findall(r"created in ([\d.]+) ms", out)]
        check(len(times) == GUESTS, "%d guests, %d times" % (GUESTS, len(times)))
        run("n=1; while [ $n -le %d ]; do until grep -q '^RESULT minimal PASS' /var/log/hvconsole/m$n.log; do usleep 100000; "
            "done; n=$((n + 1)); done" % GUESTS, seconds=1800)
        tenth, last = statistics.median(times[7:12]), statistics.median(times[-5:])
        up = "$(cut -d ' ' -f 1 /proc/uptime | tr -d .)"
        out = run("a=%s; for i in %s; do hvctl list >/dev/null; done; b=%s; echo took=$((b - a))"
                  % (up, " ".join(map(str, range(LISTS))), up))
        a_list = int(re.search(r"took=(\d+)", out).group(1)) * 10000000 // LISTS
        check(int(run("hvctl list | grep -c ' m[0-9]*\\|^m[0-9]'").split()[-1]) == GUESTS, "not all are in the list")
        # Each takes the word that it is to end, and does.
        run("hvctl shutdown --all --wait --timeout=600", seconds=1800)
        run("hvctl debug audit", "audit clean")
        now = free()
        check(now >= before - KEPT, "%d frames were free, %d are" % (before, now))
        check(not m.complaints(), "the hypervisor complained: " + "; ".join(m.complaints()[:3]))
        text = "the tenth in %.1f ms, the %dth in %.1f ms, a list in %.1f million instructions" % (
            tenth, GUESTS, last, a_list / 1e6)
        check(last <= SLOWER * tenth, text)
        check(a_list <= LIST, text)
        return text
