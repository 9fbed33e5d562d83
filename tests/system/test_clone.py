# SPDX-License-Identifier: GPL-2.0-or-later
"""Clones: four guests go on from one saved guest, the 64-bit kernel of frontends/ with a disk and an interface.

Each has a name, a uuid, an address of its interface, a generation and random numbers of its own, finds on its disk what the saved
guest had written, writes other words there and reads them back, asks dom0 for echoes. The disk below is as it was, and nobody may
write to it meanwhile. A reboot keeps a clone's disk, a shutdown and a destruction take it. Then what goes wrong, a line each and
nothing left: a damaged image, a name in use, more than the host's memory, a disk where clones may not stand; `make soak` has all
of these, and a clone that is saved and goes on.
"""
import os
import re
import tempfile

import test_backends_images
from archive import pack
from machine import SOAK, check, runner, wait_shell

COUNT = 4
CONFIG = """name = "g"
kernel = "/usr/lib/annulus/minimal-64.elf"
extra = "block net fill mib=2 ip=mac peer=10.0.2.15"
memory = 16
disk = [ "/srv/guests/g.img,raw,xvda,rw" ]
vif = [ "mac=00:16:3e:00:02:01,bridge=br0" ]
on_reboot = "restart"
"""
UPTO = r"""upto() { n=0; until grep -a -s -q "$2" /var/log/hvconsole/$1.log || grep -a -s -q FAIL /var/log/hvconsole/$1.log; do
n=$((n + 1)); [ $n -lt 1200 ] || break; usleep 50000; done
if grep -a -q FAIL /var/log/hvconsole/$1.log 2>/dev/null || [ $n = 1200 ]; then
tail -n 12 /var/log/hvconsole/$1.log /var/log/hvblkd.log; hvctl list; return 1; fi; }
"""
SNAPSHOT = ("{ xenstore-ls -f /; hvctl list | awk '{ print $1, $2 }'; losetup -a; ls /sys/class/net; "
            "ls -R /var/lib/annulus/clones; }")


def initramfs(build, directory):
    """dom0's, with qemu-nbd."""
    path = os.path.join(directory, "dom0.cpio.gz")
    root = os.path.join(directory, "qemu")
    test_backends_images.program(root, "/usr/bin/qemu-nbd")
    names = sorted(os.path.relpath(os.path.join(d, n), root) for d, dirs, files in os.walk(root) for n in dirs + files)
    with open(path, "wb") as f, open(build.need("dom0.cpio.gz"), "rb") as dom0:
        f.write(dom0.read() + pack(root, names))
    return path


def test(build):
    with tempfile.TemporaryDirectory(prefix="annulus-clone-") as d, build.dom0(initramfs=initramfs(build, d)) as m:
        wait_shell(m, 300)

        run = runner(m, 120)

        def refused(command, line):
            run("%s >/tmp/same; %s 2>&1" % (SNAPSHOT, command), line, status=1)
            run("%s | diff /tmp/same -" % SNAPSHOT)

        for line in UPTO.strip().split("\n"):
            m.send(line + "\n")
        run("type upto && ip route add 10.0.0.0/8 dev br0; mkdir -p /etc/annulus /var/lib/annulus/clones; "
            "truncate -s 8M /srv/guests/g.img; echo '%s' >/g.cfg; %s >/tmp/before" % (CONFIG, SNAPSHOT))
        run("hvctl create -q /g.cfg && upto g 'RESULT minimal PASS' && hvctl save g /srv/g.save && "
            "sha256sum /srv/guests/g.img >/tmp/sum")
        refused("hvctl clone /srv/g.save --count 2",
                "hvctl: hvblkd cannot serve the disk xvda: the backing file /srv/guests/g.img of")
        run("echo /srv/guests >/etc/annulus/backing-directories")

        # What a maker left that was killed before it had a domain goes with the next one; a kept image's disk stays.
        run("cd /var/lib/annulus/clones; mkdir 11111111-1111-1111-1111-111111111111 kept; echo x | "
            "tee 11*/xvda.qcow2 11*/building kept/xvda.qcow2; cd /")
        begin = m.seconds()
        out = run("hvctl clone /srv/g.save --count %d --name c && for i in $(seq %d); do upto c-$i RESTORED || break; done"
                  % (COUNT, COUNT), seconds=240)
        took = m.seconds() - begin
        check(len(re.findall(r"c-\d: domain \d+ cloned after \d+ ms", out)) == COUNT, out)
        logs = run("cat /var/log/hvconsole/c-[1-%d].log" % COUNT)
        for what, pattern in (("generations", r"generation (\d+:\d+)"), ("random numbers", r"anew: (\w+)"),
                              ("addresses", r"net: (\w\w:\w\w:\w\w:\w\w:\w\w:\w\w)"), ("disks", r"other words, sum (\w+)")):
            found = re.findall(pattern, logs)
            check(len(found) == COUNT and len(set(found)) == COUNT, "%s: %s in %s" % (what, found, logs))
        found = set(re.findall(r"found sum (\w+)", logs))
        check(len(found) == 1, "not all found what the saved guest wrote: %s" % logs)
        check(len(set(run("for i in $(seq %d); do xenstore-read /local/domain/$(hvctl domid c-$i)/platform/generation-id; done"
                          % COUNT).split())) == COUNT, "generations in the store")
        run("hvctl block-list c-1; ls /var/lib/annulus/clones | wc -l", "/var/lib/annulus/clones/")
        run("sha256sum -c /tmp/sum; rm -r /var/lib/annulus/clones/kept")

        if SOAK:
            refused("hvctl restore /srv/g.save", "the disk /srv/guests/g.img (xvda) is in use by domain")
            refused("hvctl clone /srv/g.save --count 2 --name=c", "the name 'c-1' is in use by domain")
        refused("hvctl clone /srv/g.save --count 900 --name=d", "wants 900 times 16 MiB and the host has")
        refused("{ head -c 60000 /srv/g.save; printf x; tail -c +60002 /srv/g.save; } >/srv/x.save; hvctl clone /srv/x.save "
                "--count 2 --name=d", "x.save is damaged")
        if SOAK:
            refused("head -c 60000 /srv/g.save | hvctl clone - --name=d", "take another copy")

        # One starts again and has the disk that it had, one shuts down, the others are destroyed.
        run("hvctl reboot c-2; upto c-2 'RESULT minimal PASS'; ls /var/lib/annulus/clones | wc -l", str(COUNT))
        run("hvctl shutdown --timeout=100 c-1; n=0; until [ $(ls /var/lib/annulus/clones | wc -l) = %d ] || [ $n = 100 ]; do "
            "n=$((n+1)); usleep 100000; done; [ $n -lt 100 ]" % (COUNT - 1))
        # A clone is saved and goes on: its disk is still its own.
        if SOAK:
            run("hvctl save c-3 /srv/c.save; ls /var/lib/annulus/clones | wc -l", str(COUNT - 1))
            run("hvctl restore /srv/c.save && upto c-3 'RESULT minimal RESTORED 2'")
        for i in range(2, COUNT + 1):
            run("hvctl destroy c-%d" % i)
        run("sha256sum -c /tmp/sum; rm /srv/*.save")
        run("n=0; until %s >/tmp/after; diff /tmp/before /tmp/after || [ $n = 300 ]; do n=$((n+1)); usleep 100000; done; "
            "[ $n -lt 300 ]" % SNAPSHOT)
        run("hvctl debug audit", "audit clean")
        check(not m.complaints(), "the hypervisor complained: " + "; ".join(m.complaints()[:3]))
        return "%d clones have answered after %.1f s" % (COUNT, took)
