# SPDX-License-Identifier: GPL-2.0-or-later
"""hvballoond shares memory among four guests of frontends/minimal, all that is free being its reserve.

One says that it uses more than it has, one that it uses little; one says nothing, and one says that it uses little and has no
balloon. Memory flows from the second to the first, and then nothing moves any more. The store daemon is killed; what was one's
need becomes the other's, and memory flows back. Somebody who writes rubbish, or that all is too little, gets no more than the
same as others, and nobody falls below the floor. The sum of all memory stays the same throughout.
"""
from machine import SOAK, Skip, check, runner, shell, wait_shell

FLOOR = 16
CONFIG = """name = "%s"
kernel = "/usr/lib/annulus/minimal-%d.elf"
extra = "hello %s"
memory = 64
memory_min = %d
"""
GUESTS = {  # bits, jobs
    "needy": (64, "balloon uses=40"),
    "rich": (32, "balloon uses=8"),
    "quiet": (64, "balloon"),
    "deaf": (64, ""),
}


def test(build):
    if not SOAK:
        raise Skip("it waits a minute for what does not happen: make soak")
    with build.dom0() as m:
        wait_shell(m)
        run = runner(m, 120)

        def has(name):
            return int(run("hvctl list %s | awk 'NR == 2 { print $3 }'" % name).split()[-1])

        def all_memory():
            free = int(run("hvctl info | sed -n 's/^memory.*, \\([0-9]*\\) MiB of it free.*/\\1/p'").split()[-1])
            return free, free + sum(has(name) for name in GUESTS)

        def until(name, low, high, seconds=60):
            command = "m=$(hvctl list %s | awk 'NR == 2 { print $3 }'); [ $m -ge %d ] && [ $m -le %d ]" % (name, low, high)
            code = shell(m, "n=%d; until %s; do n=$((n-1)); [ $n -gt 0 ] || break; sleep 1; done; [ $n -gt 0 ]"
                         % (seconds, command), 3 * seconds + 60)[0]
            if code:
                logs = shell(m, "hvctl list; cat /var/log/hvballoond.log; tail -n 5 /var/log/hvconsole/*.log")[1]
                check(False, "%s has not %d to %d MiB: %s" % (name, low, high, logs))

        def says(name, word):
            run("xenstore-write /local/domain/$(hvctl domid %s)/memory/meminfo '%s'" % (name, word))

        def same(what):
            free, now = all_memory()
            # MiB are rounded, one for each.
            check(abs(now - total) <= len(GUESTS) + 1, "%s: %d MiB in all, and %d before" % (what, now, total))
            check(free >= reserve - 2, "%s: %d MiB are free, and %d were to be left" % (what, free, reserve))
            for name in GUESTS:
                check(has(name) >= FLOOR, "%s: %s is below its floor" % (what, name))

        for name, (bits, jobs) in GUESTS.items():
            run("echo '%s' >/%s.cfg" % (CONFIG % (name, bits, jobs, FLOOR), name))
            run("hvctl create /%s.cfg" % name, "created in")
        for name in GUESTS:
            run("n=0; until grep -q '^RESULT minimal PASS' /var/log/hvconsole/%s.log || [ $n = 300 ]; do n=$((n+1)); "
                "usleep 100000; done; [ $n != 300 ]" % name)
        run("hvctl mem-set needy 24", "needy: 24 MiB")
        says("deaf", "4000")
        reserve, total = all_memory()
        # By its words alone it changes nothing.
        run("hvballoond --dry-run --interval=1 --reserve=%d && sleep 3" % reserve)
        run("grep 'needy.*would be told\\|rich.*would be told\\|deaf.*would be told' /var/log/hvballoond.log")
        check(has("rich") == 64 and has("needy") == 24, "a dry run")
        run("kill $(cat /run/hvballoond/hvballoond.pid); while [ -e /run/hvballoond/hvballoond.pid ]; do usleep 50000; done")
        run("rm /var/log/hvballoond.log; hvballoond --interval=1 --reserve=%d" % reserve)
        run("hvballoond", "another hvballoond runs already", status=1)
        until("needy", 47, 50)
        same("memory flows")
        check(has("quiet") == 64 and has("deaf") == 64, "who says nothing, or does nothing, keeps what it has")
        # The deaf one is asked no more after a while; then nothing changes.
        run("sleep 15; wc -l </var/log/hvballoond.log >/tmp/lines; sleep 6; "
            "[ $(cat /tmp/lines) = $(wc -l </var/log/hvballoond.log) ]")
        same("rest")
        # Another store daemon goes on (dom0's init starts it), and so do all.
        run("kill -9 $(cat /run/hvstored/hvstored.pid); sleep 1")
        says("rich", "%d 1" % (50 << 10))
        says("needy", "%d" % (8 << 10))
        until("rich", 59, 64)
        same("memory flows back")
        # A liar, and rubbish.
        says("needy", "9" * 38)
        says("rich", "9" * 38)
        says("quiet", "1024")
        run("sleep 20")
        needy, rich = has("needy"), has("rich")
        check(abs(needy - rich) <= 8, "needy has %d MiB and rich %d, and both want all" % (needy, rich))
        same("liars")
        says("quiet", "$(yes x | head -c 1000)")
        says("needy", "1 -1")
        run("sleep 3; [ -e /proc/$(cat /run/hvballoond/hvballoond.pid) ]")
        same("rubbish")
        run("kill $(cat /run/hvballoond/hvballoond.pid); while [ -e /run/hvballoond/hvballoond.pid ]; do usleep 50000; done")
        for name in GUESTS:
            check("FAIL" not in run("cat /var/log/hvconsole/%s.log" % name), name)
            run("hvctl destroy " + name)
        run("hvctl debug audit", "audit clean")
        check(not m.complaints(), "the hypervisor complained: " + "; ".join(m.complaints()[:3]))
