# SPDX-License-Identifier: GPL-2.0-or-later
"""The stock Debian kernel as a PVH guest of dom0's: created, looked at, to its first program, and taken down without a trace."""
from machine import check, shell, wait_shell

CPU = "qemu64,+svm,+npt"
CONFIG = """name = "p1"
type = "pvh"
kernel = "/media/boot/vmlinuz"
ramdisk = "/media/boot/guest.gz"
extra = "console=hvc0 guest.name=p1 guest.job=idle"
memory = 192
"""
LOG = "/var/log/hvconsole/p1.log"
SNAPSHOT = "{ xenstore-ls -f /; hvctl list | awk \"{print \\$1, \\$2, \\$3}\"; losetup -a; ls /sys/class/net; } 2>/dev/null"


class Dom0:
    def __init__(self, m):
        self.m = m
        wait_shell(m, 300)
        self.run("cat >/p1.cfg <<'EOT'\n%sEOT\n:" % CONFIG)

    def run(self, command, want=0, text=None, seconds=120):
        code, out = shell(self.m, command, seconds)
        check(want is None or code == want, "%s: exit status %d: %s" % (command, code, out))
        check(text is None or text in out, "%s: %r is not in: %s" % (command, text, out))
        return out

    def until(self, command, seconds=120):
        self.run("n=%d; until %s; do n=$((n-1)); [ $n -gt 0 ] || break; usleep 200000; done; [ $n -gt 0 ] || "
                 "{ hvctl list; tail -n 60 %s; hvctl dmesg | tail -n 20; false; }" % (seconds * 5, command, LOG),
                 seconds=seconds * 3)


def life(build):
    with build.dom0(cpu=CPU) as m:
        d = Dom0(m)
        d.run("hvctl info", text="pvh")
        d.run("hvctl create -q /p1.cfg vcpus=2", 1, "a PVH domain has one vCPU here")
        d.run(SNAPSHOT + " >/tmp/before")
        d.run("hvctl create -q -p /p1.cfg", seconds=300)
        d.run("hvctl list p1", text="paused")
        d.run("hvctl dump-config p1", text='type = "pvh"')
        d.run("hvctl save p1 /tmp/state", 1, "cannot be saved or moved: it is a PVH one")
        d.run("hvctl unpause p1")
        d.until("grep -q 'GUEST-up p1 .* cpus 1' " + LOG)
        d.run("hvctl pause p1 && hvctl list p1", text="paused")
        d.run("hvctl unpause p1 && hvctl vcpu-list p1")
        d.run("hvctl destroy p1")
        d.until(SNAPSHOT + " >/tmp/after; diff /tmp/before /tmp/after")
        d.run("hvctl debug audit", text="audit clean")
        return "%.0f s" % m.seconds()


def cases(build):
    yield "life", lambda: life(build)
