# SPDX-License-Identifier: GPL-2.0-or-later
"""A running guest migrates between two hosts, by SSH as a user types it.

Two machines, a cable between them, and a third place that both reach by another way: an NBD server with the guest's disk. The
guest is test_save.py's: stock Linux with two vCPUs that counts rounds, with what its memory has in it, that its disk gave back
what was written and that host a answers. It goes to b and comes back; nothing of it is left at the host that it left. b's CPU has
a feature more than a's: who was there may have found it, and comes back with --force-cpu only. Then the cable is pulled among the
pages: the guest goes on at a, and what b has of it is not in its way when it comes anew. Whoever comes back is not sent what
the host that it left has kept.
"""
import contextlib
import fcntl
import os
import re
import socket
import subprocess
import tempfile

import test_backends_images
import test_save
from archive import pack
from machine import SOAK, Skip, check, die_with_parent, shell, wait_shell

LOG = "/var/log/hvconsole/s1.log"
SHARED = "10.9.0."      # each host's own network, at whose far end the same server is
ADDRESS = {"a": "10.0.2.15", "b": "10.0.2.16"}
CPU = {"a": "qemu64,-svm", "b": "qemu64,-svm,+bmi1"}
CONFIG = """name = "s1"
kernel = "/media/boot/vmlinuz"
ramdisk = "/media/boot/guest.gz"
extra = "console=hvc0 guest.name=s1 guest.ip=10.0.2.41 guest.job=count"
memory = 128
vcpus = 2
disk = [ "vdev=xvda,target=nbd://%s2:%d/disk" ]
vif = [ "mac=00:16:3e:00:00:51,bridge=br0" ]
"""
# What a host has of guests and migrations, but for its own dom0.
LEFT = r"""#!/bin/sh
exec 2>/dev/null
hvctl list | tail -n +2 | grep -v '^Domain-0'
ls /run/hvctl/leaving /run/hvctl/coming | grep '^[0-9a-f]'
xenstore-list /local/domain | grep -v '^0$'
xenstore-ls /vm | grep hvctl
for k in vbd vif hvblk hvnet; do xenstore-list /local/domain/0/backend/$k; done
ps | grep -e '[h]vctl migrate' -e '[q]emu-nbd' -e '[h]vblkd-worker' -e '[s]sh --'
ls /sys/class/net | grep '^vif'
:
"""
# The process of dropbear's that a receiving hvctl hangs on.
SESSION = r"""#!/bin/sh
for p in $(pidof hvctl); do
	grep -q migrate-receive /proc/$p/cmdline || continue
	while [ $p -gt 1 ] && [ $(cat /proc/$p/comm) != dropbear ]; do p=$(grep ^PPid /proc/$p/status | cut -f 2); done
	[ $p -gt 1 ] && echo $p && exit 0
done
exit 1
"""


def overlay(build, directory):
    """dom0's initramfs, with an SSH client and server, their keys, and qemu-nbd."""
    root = os.path.join(directory, "root")
    for path in ("/usr/bin/ssh", "/usr/sbin/dropbear", "/usr/bin/qemu-nbd"):
        test_backends_images.program(root, path)
    home = os.path.join(root, "root")
    os.makedirs(home + "/.ssh", 0o700)
    os.makedirs(root + "/etc/dropbear")
    os.makedirs(root + "/sbin")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", home + "/.ssh/id_ed25519"], check=True)
    out = subprocess.run(["dropbearkey", "-t", "ed25519", "-f", root + "/etc/dropbear/dropbear_ed25519_host_key"],
                         check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    key = [line for line in out.split("\n") if line.startswith("ssh-ed25519 ")][0]
    os.rename(home + "/.ssh/id_ed25519.pub", home + "/.ssh/authorized_keys")
    for path, text in ((home + "/.ssh/known_hosts", "a,b,%s %s\n" % (",".join(ADDRESS.values()), key)),
                       (root + "/sbin/left", LEFT), (root + "/sbin/session", SESSION),
                       (root + "/etc/hosts", "127.0.0.1 localhost\n" + "".join("%s %s\n" % (ip, n)
                                                                                for n, ip in ADDRESS.items()))):
        with open(path, "w") as f:
            f.write(text)
    os.chmod(home, 0o700)
    for name in ("left", "session"):
        os.chmod(root + "/sbin/" + name, 0o755)
    names = sorted(os.path.relpath(os.path.join(d, n), root) for d, dirs, files in os.walk(root) for n in dirs + files)
    path = os.path.join(directory, "dom0.cpio.gz")
    with open(path, "wb") as f, open(build.need("dom0.cpio.gz"), "rb") as dom0:
        f.write(dom0.read() + pack(root, names))
    return path


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def nbd_server(directory):
    """The disk, at a place of its own; its port."""
    image, port = os.path.join(directory, "disk.img"), free_port()
    with open(image, "wb") as f:
        f.truncate(8 << 20)
    with subprocess.Popen(["qemu-nbd", "-f", "raw", "-x", "disk", "--persistent", "--shared=8", "-b", "127.0.0.1",
                           "-p", str(port), image], preexec_fn=die_with_parent) as server:
        try:
            yield port
        finally:
            server.kill()


class Host:
    def __init__(self, build, directory, name, initramfs):
        self.name, self.other = name, "b" if name == "a" else "a"
        path = {n: os.path.join(directory, n + ".cable") for n in "ab"}
        n = " ab".index(name)
        self.m = build.dom0(initramfs=initramfs, nic=None, cpu=CPU[name], extra=(
            "-netdev", "dgram,id=cable,local.type=unix,local.path=%s,remote.type=unix,remote.path=%s"
            % (path[name], path[self.other]),
            "-device", "virtio-net-pci,netdev=cable,mac=52:54:00:00:01:%02x" % n,
            "-netdev", "user,id=store,net=%s0/24" % SHARED,
            "-device", "virtio-net-pci,netdev=store,mac=52:54:00:00:02:%02x" % n))

    def begin(self):
        """Its network: the cable on the bridge, beside it the way to the disk."""
        wait_shell(self.m, 300)
        self.run("hostname %s; nic() { grep -l :00:$1: /sys/class/net/eth*/address | cut -d / -f 5; }; "
                 "brctl delif br0 $(nic 02) && ip addr add %s15/24 dev $(nic 02) && ip addr del 10.0.2.15/24 dev br0 && "
                 "ip addr add %s/24 dev br0"
                 % (self.name, SHARED, ADDRESS[self.name]))
        # Packets are what an emulated link is slow at.
        self.run("ip link set $(nic 01) mtu 9000 && ip link set br0 mtu 9000 && chmod 700 ~ ~/.ssh && "
                 "chmod 600 ~/.ssh/id_ed25519 && dropbear -W 4194304")

    def run(self, command, text=None, seconds=120, status=0):
        code, out = shell(self.m, command, seconds)
        check(status is None or code == status, "%s: %s: exit status %d: %s" % (self.name, command, code, out))
        check(text is None or text in out, "%s: %s: %r is not in: %s" % (self.name, command, text, out))
        return out

    def until(self, command, seconds=120):
        self.run("e=$(($(date +%%s) + %d)); until %s; do [ $(date +%%s) -lt $e ] || break; usleep 100000; done; %s || "
                 "{ tail -n 20 %s /tmp/migrate; left; ps | tail -n 20; false; }" % (seconds, command, command, LOG),
                 seconds=seconds + 60)

    def good(self, words="disk=ok net=ok"):
        return int(self.run("cat %s 2>/dev/null | grep -a -c '^GUEST-count .*%s'; true" % (LOG, words)))

    def counts_on(self, words="disk=ok net=ok"):
        self.until("[ $(cat %s 2>/dev/null | grep -a -c '^GUEST-count .*%s') -gt %d ]" % (LOG, words, self.good(words) + 1), 240)

    def cable(self, state):
        self.run("ip link set $(nic 01) " + state)

    def migrate(self, options=""):
        """Starts it; what it says goes to /tmp/migrate, how it ends to /tmp/status."""
        self.run("rm -f /tmp/status; (hvctl migrate %s s1 %s >/tmp/migrate 2>&1; echo $? >/tmp/status) & :"
                 % (options, self.other))

    def end(self, status, text, seconds=600):
        self.until("[ -e /tmp/status ]", seconds)
        out = self.run("cat /tmp/migrate")
        got = int(self.run("cat /tmp/status"))
        check(status is None or got == status, "%s: hvctl migrate ends with %d: %s" % (self.name, got, out))
        check(text in out, "%s: %r is not in: %s" % (self.name, text, out))
        return out


class Pair:
    def __init__(self, a, b):
        self.a, self.b = a, b

    def goes_on(self, host, what):
        """It counts on, there and nowhere else, and the other host has nothing."""
        other = self.b if host is self.a else self.a
        host.counts_on()
        rounds = sorted((int(r[0]), r[1:]) for h in (self.a, self.b)
                        for r in test_save.ROUND.findall(h.run("cat %s 2>/dev/null; true" % LOG)))
        for (n, a), (m, b) in zip(rounds, rounds[1:]):
            check(m == n + 1, "%s: round %d follows %d" % (what, m, n))
            check(b[0] == a[0], "%s: its memory has changed in round %d" % (what, m))
            check(int(b[3]) >= int(a[3]), "%s: the time since its start went back in round %d" % (what, m))
            check(b[1] == "ok", "%s: round %d: disk=%s" % (what, m, b[1]))
        host.run("ls /run/hvctl/leaving /run/hvctl/coming 2>/dev/null | grep '^[0-9a-f]'", status=1)
        other.until("[ -z \"$(left)\" ]", 120)


MEMORY = 128 # MiB
# A guest that writes all the time, which comes back, sends so many at most: nor has a loaded host time to keep all.
BACK = MEMORY // 2
# The rate of an emulated link: the guest stands still for longer than the 300 ms of a real one.
DOWNTIME = "--downtime=120000"


def move(p, source, what, options="", most=MEMORY):
    """It goes to the other host; at most so many MiB of its memory are sent."""
    source.migrate(options + " --keep=7200 " + DOWNTIME)
    out = source.end(0, "migrated in")
    sent = int(re.search(r"rounds, (\d+) MiB", out).group(1))
    check(sent <= most, "%s: %d MiB were sent: %s" % (what, sent, out))
    print(out.split("\n")[-1], flush=True)
    p.goes_on(p.b if source is p.a else p.a, what)
    return out


def away_and_back(p, first, last):
    for i in range(first, last + 1):
        move(p, p.a, "migration %d from a" % i, "--compress", MEMORY if i == 1 else BACK)
        if i == 1:
            p.b.migrate(DOWNTIME)
            p.b.end(1, "may use, for the CPU told them: bmi1; choose one that has it, or --force-cpu")
            p.goes_on(p.b, "refused because of its CPU")
        out = move(p, p.b, "migration %d from b" % i, "--force-cpu" + (" --compress" if i % 2 else ""), BACK)
        check("were there still" in out, "nothing was kept: " + out)
        check("lacks what its programs may have found: bmi1" in out, "no warning: " + out)


def cut_among_pages(p):
    """It goes on at a. b is not told, and has what came; when the guest comes anew, that goes."""
    p.a.migrate("--compress --bandwidth=1M " + DOWNTIME)
    p.b.until("hvctl list s1 && session")
    p.b.run("kill -STOP $(session); since=$(date +%s)")
    p.a.cable("down")
    p.a.end(1, "the other host has taken nothing for 20 s")
    p.a.counts_on()
    # It waits for two minutes. On a machine with much other load they may be over.
    p.b.run("e=$(($(date +%s) - since)); hvctl list s1 || [ $e -gt 100 ] && echo after $e s", "after")
    p.a.cable("up")
    move(p, p.a, "anew, to where a part of it was", "--compress")
    p.b.run("killall -CONT dropbear")
    move(p, p.b, "back from there", "--force-cpu --compress")


def test(build):
    if not SOAK:
        raise Skip("two machines at a time take minutes: make soak")
    with tempfile.TemporaryDirectory(prefix="annulus-hosts-") as d, nbd_server(d) as port:
        initramfs = overlay(build, d)
        a, b = (Host(build, d, n, initramfs) for n in "ab")
        with a.m, b.m:
            for h in (a, b):
                # The other one says things while this one is read.
                fcntl.fcntl(h.m.proc.stdout.fileno(), fcntl.F_SETPIPE_SZ, 1 << 20)
            for h in (a, b):
                h.begin()
            p = Pair(a, b)
            a.run("cat >/s1.cfg <<'EOT'\n%sEOT\nhvctl create /s1.cfg" % CONFIG % (SHARED, port), "created in", 240)
            p.goes_on(a, "at its start")
            away_and_back(p, 1, 1)
            cut_among_pages(p)
            away_and_back(p, 2, 5)
            for h in (a, b):
                h.run("hvctl debug audit", "audit clean")
                check(not h.m.complaints(), "the hypervisor complained: " + "; ".join(h.m.complaints()[:3]))
