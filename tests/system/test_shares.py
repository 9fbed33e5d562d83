# SPDX-License-Identifier: GPL-2.0-or-later
"""How the CPU is shared: weights of 1 to 2 within 3 %, a cap of 30 % within 2 %, and who sleeps runs in less than a tenth of a
slice when it wakes, while others never stop. By the clock of dom0, a tiny guest (tests/guest/shares), which counts instructions,
so that nothing depends on the machine below.

And dom0 as it is, with all its processes, beside guests that never stop: creating a guest takes at most twice as long as alone
(`make soak`).
"""
import re
import statistics

import guests
from machine import SOAK, Qemu, check, runner, wait_shell

CREATIONS = 9
SLOWER = 2.0  # beside as many that never stop as there are CPUs
CONFIG = 'name = "m"\nkernel = "/usr/lib/annulus/minimal-64.elf"\nextra = "hello"\nmemory = 8\n'


def tiny(build):
    modules = [(build.need("guest/shares.elf"), "")] + [guests.module(build, "shares")] * 2
    with Qemu(kernel=build.hv, cmdline="console=com1 com1=115200 dom0_mem=32M", cpus=1, mem=256, nic=None, icount=True,
              modules=modules) as m:
        m.expect(r"^RESULT shares PASS", 300, fail=r"^\(annulus\).*panic|RESULT \S+ FAIL.*")
        guests.judge_machine(m)
        return "; ".join(re.findall(r"^shares: (.*)", m.log, re.M))


def create(build):
    with build.dom0(cmdline="dom0_max_vcpus=1", icount=True, cpus=1) as m:
        wait_shell(m, 600)
        run = runner(m, 600)

        def creating():
            out = run("for i in %s; do hvctl create /m.cfg; hvctl destroy m; done" % " ".join(map(str, range(CREATIONS))))
            times = [float(t) for t in re.findall(r"created in ([\d.]+) ms", out)]
            check(len(times) == CREATIONS, "%d of %d creations: %s" % (len(times), CREATIONS, out))
            return times

        def hog(name):
            run("hvctl create -q /m.cfg 'name=\"%s\"' 'extra=\"hello spin\"'; "
                "until grep -q '^RESULT minimal PASS' /var/log/hvconsole/%s.log; do usleep 100000; done" % (name, name))

        run("cat >/m.cfg <<'EOT'\n%sEOT\n:" % CONFIG)
        creating()
        times = [("alone", creating())]
        hog("hog1")
        times.append(("beside one that never stops", creating()))
        hog("hog2")
        times.append(("beside two", creating()))
        # They had all of the CPU that dom0 did not take.
        run("sleep 1; hvctl list hog1 | awk 'NR == 2 { exit $6 < 0.4 }' && hvctl list hog2 | awk 'NR == 2 { exit $6 < 0.4 }'")
        run("hvctl destroy hog1 && hvctl destroy hog2 && hvctl debug audit")
        text = "; ".join("%s %.1f ms (%.1f to %.1f)" % (what, statistics.median(t), min(t), max(t)) for what, t in times)
        check(statistics.median(times[1][1]) <= SLOWER * statistics.median(times[0][1]), text)
        return text


def cases(build):
    yield "guests", lambda: tiny(build)
    if SOAK:
        yield "create", lambda: create(build)
