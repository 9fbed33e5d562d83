# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest kernel of frontends/, 64-bit and in ring 1, against stock backends: Debian's kernel as dom0.

Both widths run at the same time, each with a disk and an interface. Each greets, writes and reads its disk, lets go of the
backend and takes it up again, asks dom0 for echoes. Then from dom0's side: what is on the disks, ping, less memory and more
again, a reboot, shutdown, and that nothing is left. On one CPU, which dom0's vCPUs, both guests and the backends share.
"""
import array
import hashlib

from machine import check, runner, shell, wait_shell

MIB = 4
DISK = 8
WIDTHS = (64, 32)

CONFIG = """name = "m%(bits)d"
kernel = "/usr/lib/annulus/minimal-%(bits)d.elf"
extra = "hello block net balloon mib=%(mib)d ip=10.0.2.%(bits)d/24 peer=10.0.2.15"
memory = 32
disk = [ "/srv/guests/m%(bits)d.img,raw,xvda,rw", "/srv/guests/ro.img,raw,xvdb,r" ]
vif = [ "mac=00:16:3e:00:01:%(bits)d,bridge=br0" ]
"""


def pattern():
    """What the kernel writes: frontends/minimal/block.c."""
    words = array.array("I", ((i * 2654435761 + 0x6d696e69) & 0xffffffff for i in range(MIB << 18)))
    return hashlib.md5(words.tobytes()).hexdigest()


def test(build):
    with build.dom0(cpus=1) as m:
        wait_shell(m)

        run = runner(m, 120)

        def until(command, what, seconds=180):
            code, out = shell(m, "n=%d; until %s; do n=$((n-1)); [ $n -gt 0 ] || break; usleep 100000; done; [ $n -gt 0 ]"
                              % (seconds * 10, command), seconds + 60)
            if code:
                logs = shell(m, "tail -n 12 /var/log/hvconsole/m*.log; hvctl list; hvctl dmesg | tail -n 5")[1]
                check(False, "%s: waited %d s in vain; %s" % (what, seconds, logs))

        snapshot = "{ xenstore-ls -f /; hvctl list | awk '{ print $1, $2 }'; losetup -a; ls /sys/class/net; }"
        run("truncate -s %dM /srv/guests/ro.img" % DISK)
        run(snapshot + " >/tmp/before")
        for bits in WIDTHS:
            run("truncate -s %dM /srv/guests/m%d.img" % (DISK, bits))
            run("echo '%s' >/m%d.cfg" % (CONFIG % {"bits": bits, "mib": MIB}, bits))
            run("hvctl create /m%d.cfg" % bits, "created in")
        want = pattern()
        for bits in WIDTHS:
            log = "/var/log/hvconsole/m%d.log" % bits
            until("grep -q '^RESULT minimal' " + log, "the %d-bit kernel's result" % bits)
            out = run("cat " + log)
            check("RESULT minimal PASS %d-bit: hello block net balloon" % bits in out, "%d bits: %s" % (bits, out))
            # Above the 11 segments that a request itself holds: indirect ones; above one page: a ring of several.
            check("requests of up to 32 pages, 128 at once" in out, "%d bits: %s" % (bits, out))
            check("read-only" in out, "%d bits: %s" % (bits, out))
            run("head -c %d /srv/guests/m%d.img | md5sum" % (MIB << 20, bits), want)
            run("ping -c 3 -W 20 -s 1400 10.0.2.%d" % bits, "3 packets received")
            run("hvctl block-list m%d; hvctl network-list m%d" % (bits, bits), "connected")
            for mib in (24, 32):
                run("hvctl mem-set m%d %d" % (bits, mib))
                until("[ $(hvctl list m%d | awk 'NR == 2 { print $3 }') = %d ]" % (bits, mib), "%d MiB" % mib)
                until("grep -q 'balloon: reached %d pages' %s" % (mib * 256, log), "word of %d MiB" % mib)
        # A new domain of the same name takes the devices up.
        run("hvctl reboot m64")
        until("[ $(grep -c '^RESULT minimal PASS' /var/log/hvconsole/m64.log) = 2 ]", "the result after a reboot")
        for bits in WIDTHS:
            run("hvctl shutdown --timeout=100 m%d" % bits)
            run("grep -q 'minimal: poweroff' /var/log/hvconsole/m%d.log" % bits)
            check("FAIL" not in run("cat /var/log/hvconsole/m%d.log" % bits), "a failure after the result")
        until("%s >/tmp/after; diff /tmp/before /tmp/after >/tmp/diff" % snapshot, "nothing left: $(cat /tmp/diff)", 30)
        run("hvctl debug audit", "audit clean")
        check(not m.complaints(), "the hypervisor complained: " + "; ".join(m.complaints()[:3]))
