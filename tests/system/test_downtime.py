# SPDX-License-Identifier: GPL-2.0-or-later
"""For how long a guest stands still that migrates: from its last instruction at the source to its first at the destination, in
instructions of everybody.

Source and destination are in one emulated machine of one CPU, whose clock is the number of executed instructions and which does
not wait while nobody has anything to do, so that the guest's time-stamp counter tells. The guest is frontends/minimal with 128
MiB, idle: without devices, and with a disk and an interface, which have to be closed and connected meanwhile.
"""
import re

from machine import SOAK, Skip, check, runner, wait_shell

CONFIG = """name = "g"
kernel = "/usr/lib/annulus/minimal-64.elf"
extra = "fill mib=8"
memory = 128
"""
DEVICES = """disk = [ "/srv/guests/g.img,raw,xvda,rw" ]
vif = [ "mac=00:16:3e:00:03:01,bridge=br0" ]
"""
# And the most instructions.
GUESTS = (("without devices", CONFIG, 50000000), ("with a disk and an interface", CONFIG + DEVICES, 150000000))


def test(build):
    if not SOAK:
        raise Skip("a dom0 whose instructions are counted takes its time: make soak")
    with build.dom0(cmdline="dom0_max_vcpus=1", icount=True, cpus=1) as m:
        wait_shell(m, 600)

        run = runner(m, 600)

        log = "/var/log/hvconsole/g.log /var/log/hvconsole/g--coming.log"
        upto = "until cat %s 2>/dev/null | grep -a -q '%%s' || cat %s 2>/dev/null | grep -a -q FAIL; do usleep 50000; done" % (
            log, log)
        found = {}
        for name, config, bound in GUESTS:
            run("rm -f %s; truncate -s 8M /srv/guests/g.img; echo '%s' >/g.cfg; hvctl create /g.cfg; " % (log, config)
                + upto % "RESULT minimal PASS", "created in")
            out = run("hvctl migrate --command='hvctl migrate-receive' g && { %s; }; cat %s" % (upto % "RESTORED", log))
            check("RESTORED 1" in out and "FAIL" not in out, out)
            n = found[name] = int(re.search(r"stood still for (\d+) ticks", out).group(1))
            print(name, re.findall("migrated in.*|stood still.*", out), flush=True)
            run("hvctl destroy g")
            check(n > 100000, "%s: nothing was measured: %d" % (name, n))
            check(n <= bound, "%s: stood still for %d instructions, the bound is %d" % (name, n, bound))
        check(not m.complaints(), "the hypervisor complained: " + "; ".join(m.complaints()[:3]))
        return ", ".join("%s %.1f million" % (name, n / 1e6) for name, n in found.items())
