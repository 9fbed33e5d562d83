# SPDX-License-Identifier: GPL-2.0-or-later
"""hvctl in dom0: the life of a guest by hand, its console, and what hvctl says to bad input.

Every refusal is one line that names the thing, exits non-zero, and leaves nothing: no domain, no memory, no store entry,
no loop device.
"""
import re

from machine import SOAK, check, shell, wait_shell

CONFIG = """name = "%(name)s"
kernel = "/media/boot/vmlinuz"
ramdisk = "/media/boot/guest.gz"
extra = "console=hvc0 guest.name=%(name)s guest.job=idle"
memory = 128
vcpus = 1
"""


class Dom0:
    def __init__(self, m):
        self.m = m

    def run(self, command, want=0, text=None, seconds=60):
        code, out = shell(self.m, command, seconds)
        check(code == want if want is not None else code != 0, "%s: exit %d: %s" % (command, code, out))
        check(text is None or re.search(text, out), "%s: no %r in: %s" % (command, text, out))
        return out

    def config(self, path, text):
        self.run("cat >%s <<'EOT'\n%sEOT\n:" % (path, text))

    def wait_up(self, name):
        self.run("i=0; until grep -a -q ^GUEST-up /var/log/hvconsole/%s.log; do i=$((i+1)); [ $i -lt 1200 ] || break; "
                 "usleep 100000; done; [ $i -lt 1200 ]" % name, seconds=150)

    def gone(self, name):
        self.run("i=0; while hvctl domid %s >/dev/null 2>&1; do i=$((i+1)); [ $i -lt 600 ] || break; usleep 100000; "
                 "done; [ $i -lt 600 ]" % name, seconds=90)

    def state(self):
        """What a failed command must not have changed."""
        return self.run("hvctl list | awk '{ print $1, $2 }'; hvctl debug heap | grep free; losetup -a; "
                        "xenstore-ls /local/domain | grep -v '^ '; ls /sys/class/net")


def life(build):
    with build.dom0() as m:
        wait_shell(m)
        d = Dom0(m)
        d.config("/tmp/a.cfg", CONFIG % {"name": "alpha"})
        d.run("hvctl create /tmp/a.cfg", text="alpha", seconds=120)
        d.wait_up("alpha")
        d.run("hvctl list", text=r"alpha +1 +128 +1")
        d.run("hvctl --version; hvctl info", text="Annulus|annulus")
        d.run("hvctl list --json", text=r'"name": "alpha"')
        d.run("hvctl domid alpha", text="^1$")
        d.run("hvctl domname 1", text="^alpha$")
        # A guest that is paused uses no CPU time.
        d.run("hvctl pause alpha && hvctl list", text=r"alpha .*paused")
        d.run("a=$(hvctl list | awk '$1 == \"alpha\" { print $NF }'); sleep 2; "
              "b=$(hvctl list | awk '$1 == \"alpha\" { print $NF }'); echo $a $b; [ \"$a\" = \"$b\" ]")
        d.run("hvctl unpause alpha && hvctl list", text=r"alpha .*(running|blocked)")
        d.run("hvctl rename alpha beta && hvctl domid beta", text="^1$")
        d.run("hvctl uptime beta", text=r"\d")
        # The console: attach, see the guest's output, detach with Ctrl-].
        m.send("hvctl console beta\n")
        m.expect(r"GUEST-up alpha", 30)
        m.send("\x1d")
        m.expect(r"dom0# ", 20)
        d.run("hvctl dmesg", text=r"\(annulus\).*Annulus")
        d.run("hvctl rename beta alpha")
        d.run("hvctl reboot alpha", seconds=30)
        d.run("i=0; until hvctl domid alpha 2>/dev/null | grep -q '^2$'; do i=$((i+1)); [ $i -lt 900 ] || break; "
              "usleep 100000; done; hvctl list; cat /var/log/hvctl/alpha.log; hvctl domid alpha", text="(?m)^2$", seconds=150)
        d.run("hvctl destroy alpha")
        d.gone("alpha")
        d.run("hvctl debug audit", text="clean")
        check(not m.complaints(), "the hypervisor complained: " + "; ".join(m.complaints()[:3]))


def bad_input(build):
    with build.dom0() as m:
        wait_shell(m)
        d = Dom0(m)
        good = CONFIG % {"name": "alpha"}
        d.config("/tmp/a.cfg", good)
        d.run("hvctl create /tmp/a.cfg", seconds=120)
        d.wait_up("alpha")
        d.config("/tmp/syntax.cfg", good + "memory = [ 1,\n")
        d.config("/tmp/kernel.cfg", good.replace("alpha", "b").replace("/boot/vmlinuz", "/boot/nokernel"))
        d.config("/tmp/ramdisk.cfg", good.replace("alpha", "b").replace("/boot/guest.gz", "/boot/noramdisk"))
        d.config("/tmp/notkernel.cfg", good.replace("alpha", "b").replace("/media/boot/vmlinuz", "/bin/busybox"))
        d.run("head -c 3000000 /media/boot/vmlinuz >/tmp/cut")
        d.config("/tmp/cut.cfg", good.replace("alpha", "b").replace("/media/boot/vmlinuz", "/tmp/cut"))
        d.config("/tmp/disk.cfg", good.replace("alpha", "b") + "disk = [ '/srv/none.img,raw,xvda,rw' ]\n")
        d.config("/tmp/big.cfg", good.replace("alpha", "b").replace("memory = 128", "memory = 100000"))
        d.config("/tmp/nokernel.cfg", 'name = "b"\nmemory = 64\n')
        before = d.state()
        for command, text in (
                ("create /tmp/none.cfg", r"/tmp/none\.cfg"),
                ("create /tmp/syntax.cfg", r"syntax\.cfg:\d+"),
                ("create /tmp/a.cfg", r"alpha"),
                ("create /tmp/kernel.cfg", r"nokernel"),
                ("create /tmp/ramdisk.cfg", r"noramdisk"),
                ("create /tmp/notkernel.cfg", r"busybox"),
                ("create /tmp/cut.cfg", r"/tmp/cut"),
                ("create /tmp/disk.cfg", r"none\.img"),
                ("create /tmp/big.cfg", r"memory|MiB"),
                ("create /tmp/nokernel.cfg", r"kernel"),
                ("create", r"[Uu]sage|hvctl"),
                ("frobnicate", r"frobnicate"),
                ("destroy nobody", r"nobody"),
                ("shutdown 0", r"dom0|domain 0|Domain-0"),
                ("pause nobody", r"nobody"),
                ("console nobody", r"nobody")):
            out = d.run("hvctl %s 2>&1 </dev/null" % command, want=None, text=text, seconds=90)
            check(not re.search(r"Traceback|Segmentation|Aborted", out), "hvctl %s: %s" % (command, out))
        after = d.state()
        check(before == after, "something was left behind:\n%s\ninstead of\n%s" % (after, before))
        d.run("hvctl debug audit", text="clean")


def cases(build):
    # test_hvctl.py covers most of it in less time.
    if SOAK:
        yield "life", lambda: life(build)
        yield "bad_input", lambda: bad_input(build)
