# SPDX-License-Identifier: GPL-2.0-or-later
"""The stock Debian kernel as a PVH guest of dom0's: console, store, disks and network by the daemons that PV guests have."""
import tempfile

from archive import dom0_with_init
from machine import SOAK, check, shell, wait_shell

CPU = "qemu64,+svm,+npt"
CONFIG = """name = "p1"
type = "pvh"
kernel = "/media/boot/vmlinuz"
ramdisk = "/tmp/guest.gz"
extra = "console=hvc0 pvh.rounds=%d"
memory = 192
vcpus = 4
disk = [ "/srv/guests/p1.img,raw,xvda,rw,backendtype=hvblkd", "/srv/guests/p2.img,raw,xvdb,rw" ]
vif = [ "mac=00:16:3e:00:00:61,bridge=br0" ]
"""
LOG = "/var/log/hvconsole/p1.log"
SNAPSHOT = "{ xenstore-ls -f /; hvctl list | awk \"{print \\$1, \\$2, \\$3}\"; losetup -a; ls /sys/class/net; } 2>/dev/null"


class Dom0:
    def __init__(self, m):
        self.m = m
        wait_shell(m, 300)
        self.run("cat /media/boot/guest.gz /pvh.gz >/tmp/guest.gz")
        self.run("cat >/p1.cfg <<'EOT'\n%sEOT\n:" % CONFIG % (40 if SOAK else 1))
        self.run("truncate -s 4M /srv/guests/p1.img /srv/guests/p2.img")

    def run(self, command, want=0, text=None, seconds=120):
        code, out = shell(self.m, command, seconds)
        check(want is None or code == want, "%s: exit status %d: %s" % (command, code, out))
        check(text is None or text in out, "%s: %r is not in: %s" % (command, text, out))
        return out

    def until(self, command, seconds=120):
        self.run("n=%d; until %s; do n=$((n-1)); [ $n -gt 0 ] || break; usleep 200000; done; [ $n -gt 0 ] || "
                 "{ hvctl list; tail -n 60 %s; hvctl dmesg | tail -n 20; false; }" % (seconds * 5, command, LOG),
                 seconds=seconds * 4)

    def said(self, pattern, seconds=120):
        """Waits for a line on the guest's console; returns the last such."""
        self.until("grep -a -q '%s' %s" % (pattern, LOG), seconds)
        return self.run("grep -a '%s' %s | tail -n 1 | tr -d '\\r'" % (pattern, LOG))


def life(build, one_thread):
    """`one_thread`: QEMU's fault with nested paging on two CPUs at once ("Known" in docs/hvm.md) takes the guest down otherwise,
    in one of some ten runs beside much other work."""
    with tempfile.TemporaryDirectory(prefix="annulus-pvh-") as t, \
            build.dom0(cpu=CPU, one_thread=one_thread, initramfs=dom0_with_init(build, t, "pvhguest/init", "pvh.gz")) as m:
        d = Dom0(m)
        d.run("hvctl info", text="pvh")
        d.run("hvctl create -q /p1.cfg vcpus=17", 1, "a PVH domain has up to 16 vCPUs here, not 17")
        d.run(SNAPSHOT + " >/tmp/before")
        d.run("hvctl create -q -p /p1.cfg", seconds=300)
        d.run("hvctl list p1", text="paused")
        d.run("hvctl dump-config p1", text='type = "pvh"')
        d.run("hvctl save p1 /tmp/state", 1, "cannot be saved or moved: it is a PVH one")
        d.run("hvctl unpause p1")
        d.said("PVH up .* 4")
        d.run("hvctl pause p1 && hvctl list p1", text="paused")
        d.run("hvctl unpause p1")
        d.said("PVH done", 1200 if SOAK else 120)
        d.run("! grep -a -e 'PVH wrong' -e 'PVH ping [^5]' -e 'PVH ping$' " + LOG)
        d.run("grep -a -c 'PVH ping 5' " + LOG, text="40" if SOAK else "1")
        d.run("hvctl list p1 && hvctl vcpu-list p1 && hvctl block-list p1 && hvctl network-list p1", text="connected")
        # CPUs go and come again while it runs.
        d.run("hvctl vcpu-set p1 2")
        d.until("[ $(hvctl vcpu-list p1 | grep -c offline) = 2 ]")
        d.run("hvctl vcpu-set p1 4")
        d.until("[ $(hvctl vcpu-list p1 | grep -c offline) = 0 ]")
        d.run("{ echo hello; sleep 9; } | hvctl console p1 >/dev/null & echo $! >/tmp/console.pid")
        d.said("PVH heard hello")
        d.run("kill $(cat /tmp/console.pid)")
        sums = [d.said("PVH " + disk).split()[-1] for disk in ("xvda", "xvdb")]
        d.run("hvctl shutdown --timeout=120 p1", seconds=180)
        # What it wrote is in dom0's files.
        for image, want in zip(("p1", "p2"), sums):
            d.run("dd if=/srv/guests/%s.img bs=64k count=32 2>/dev/null | sha256sum" % image, text=want)
        d.until(SNAPSHOT + " >/tmp/after; diff /tmp/before /tmp/after")
        # And one that is taken down while it starts.
        d.run("hvctl create -q /p1.cfg && hvctl destroy p1", seconds=300)
        d.until(SNAPSHOT + " >/tmp/after; diff /tmp/before /tmp/after")
        d.run("hvctl debug audit", text="audit clean")
        return "%.0f s" % m.seconds()


def cases(build):
    yield "life", lambda: life(build, True)
    if SOAK:
        yield "life.threads", lambda: life(build, False)
