# SPDX-License-Identifier: GPL-2.0-or-later
"""A 64-bit kernel in ring 1 by way of the toolstack: created by hvctl beside a stock dom0, and not saved, dom0 being told why.

Where the mode is off the same kernel begins in ring 3.
"""
import tempfile

from machine import PROMPT, check, shell, wait_shell
from test_store import with_guest


def created(build, options, said):
    with tempfile.TemporaryDirectory(prefix="annulus-ring1-") as d, \
            build.dom0("loglvl=all " + options, initramfs=with_guest(build, "r1-hello", d)) as m:
        wait_shell(m)

        def run(command, seconds=60, want=0):
            code, out = shell(m, command, seconds)
            check(code == want, "%s: exit %d: %s" % (command, code, out))
            return out

        run("printf 'name=\"r1\"\\nkernel=\"/r1-hello.elf\"\\nmemory=16\\n' >/r1.cfg")
        run("hvctl create -q -p /r1.cfg")
        if not options:
            why = run("hvctl save r1 /tmp/r1.save 2>&1", want=1)
            check("its 64-bit kernel runs in ring 1" in " ".join(why.split()), "hvctl save says: " + why)
            run("[ ! -e /tmp/r1.save ] && hvctl list | grep -q r1")
        # Not by run(), which would pass over what the guest says meanwhile.
        m.send("hvctl unpause r1\n")
        m.expect(r"\(d1\) RESULT r1-hello " + said, 180, fail=r"\(d1\) RESULT r1-hello FAIL.*|^\(annulus\).*(?:panic| E ).*")
        m.expect(PROMPT, 30)
        run("hvctl debug audit | grep -q clean")


def cases(build):
    yield "created", lambda: created(build, "", "PASS")
    yield "off", lambda: created(build, "ring1=off", "SKIP")
