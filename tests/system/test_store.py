# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's xenstore clients work against hvstored: over its Unix socket and, for dom0's kernel, over its ring.

Write, read, list, watch, remove, the exit codes of what does not exist, and a store that dom0's xenbus driver reached.
"""
from machine import check, shell, wait_shell


def test(build):
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
        run("(xenstore-watch -n 2 /tool/test >/tmp/watch &) ; usleep 500000; xenstore-write /tool/test/c three; "
            "usleep 500000; cat /tmp/watch", text="/tool/test/c")
        run("xenstore-chmod /tool/test/a n0 r1 && xenstore-ls -p /tool/test", text="(n0,r1)")
        run("xenstore-rm /tool/test && xenstore-exists /tool/test", want=1)
        run("cat /sys/bus/xen/drivers_autoprobe 2>/dev/null; ls /sys/bus/xen-backend/drivers", text="vbd")
        run("dmesg | grep -i 'xenbus' | grep -iE 'fail|timeout|error'", want=1)
