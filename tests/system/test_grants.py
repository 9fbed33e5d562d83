# SPDX-License-Identifier: GPL-2.0-or-later
"""What the stock kernel backends cost in flushes: pages that only a device or the hypervisor touches are unmapped without any.

A disk that is a device of dom0's, without persistent grants, and bulk traffic from guest to guest: by the hypervisor's counters
no CPU had touched the pages of data, which also proves that nobody copied them. A page of indirect descriptors is read by the
backend, and is one in 33. `make test` runs the network, `make soak` both.
"""
import json
import os
import tempfile

from machine import SOAK, check, shell, wait_shell

CONFIG = """name = "%(name)s"
kernel = "/media/boot/vmlinuz"
ramdisk = "/media/boot/guest.gz"
extra = "console=hvc0 guest.name=%(name)s guest.ip=%(ip)s guest.job=shell"
memory = 128
vcpus = 1
"""
MIB = 64
NET_MIB = 4  # the network's, which is much slower


def run(m, command, seconds=60):
    code, out = shell(m, command, seconds)
    check(code == 0, "%s: exit %d: %s" % (command, code, out))
    return out


def start(m, name, ip, devices):
    run(m, "cat >/tmp/%s.cfg <<'EOT'\n%s%sEOT\n:" % (name, CONFIG % {"name": name, "ip": ip}, devices))
    run(m, "hvctl create /tmp/%s.cfg" % name, 120)
    run(m, "i=0; until grep -a -q ^GUEST-up /var/log/hvconsole/%s.log; do i=$((i+1)); [ $i -lt 1200 ] || break; "
        "usleep 100000; done; [ $i -lt 1200 ]" % name, 150)


def at(m, name, command, seconds):
    """A command in a guest, by its console; what it printed, which is not the line that was typed."""
    m.send("hvctl console %s\n" % name)
    m.expect(r"%s# " % name, 60)
    m.send(command + "; echo DO''NE $?\n")
    m.expect(r"^DONE 0", seconds, fail=r"^DONE [1-9]|Kernel panic|BUG: ")
    m.send("\x1d")
    m.expect(r"dom0# ", 60)


def counters(m):
    """dom0's, and whether A counts on this machine."""
    told = json.loads(run(m, "hvctl debug grants --json"))
    check(told["untouched_known"], "every unmapping flushes on this machine")
    return next(d for d in told["domains"] if d["domid"] == 0)


def difference(before, after):
    return {k: after[k] - before[k] for k in after}


def said(d):
    return "%d unmapped, %.2f %% untouched, %d flushes, %d avoided, %d copied" % (
        d["unmapped"], 100.0 * d["untouched"] / max(d["unmapped"], 1), d["flushes"], d["flushes_avoided"], d["copied"])


def disk(build):
    with tempfile.TemporaryDirectory(prefix="annulus-") as d:
        path = os.path.join(d, "disk")
        with open(path, "wb") as f:
            f.truncate(MIB << 20)
        with build.dom0(extra=("-drive", "file=%s,if=virtio,format=raw" % path)) as m:
            wait_shell(m)
            run(m, "echo 0 >/sys/module/xen_blkback/parameters/feature_persistent")
            start(m, "alpha", "10.0.2.21", "disk = [ '/dev/vdb,raw,xvda,rw' ]\n")
            before = counters(m)
            at(m, "alpha", "dd if=/dev/zero of=/dev/xvda bs=1M count=%d conv=fsync && echo 3 >/proc/sys/vm/drop_caches && "
               "dd if=/dev/xvda of=/dev/null bs=1M count=%d" % (MIB, MIB), 240)
            io = difference(before, counters(m))
            pages = 2 * MIB * 256
            check(io["untouched"] >= pages, "some pages were touched: " + said(io))
            check(io["unmapped"] - io["untouched"] <= pages // 32 + 40, "others than of descriptors, too: " + said(io))
            check(io["flushes"] <= io["unmapped"] - io["untouched"], "more flushes than touched pages: " + said(io))
            run(m, "hvctl destroy alpha; hvctl debug audit")
            check(not m.complaints(), "the hypervisor complained: " + "; ".join(m.complaints()[:3]))
            return said(io)


def net(build):
    with build.dom0() as m:
        wait_shell(m)
        for name, ip, mac in (("alpha", "10.0.2.21", 21), ("beta", "10.0.2.22", 22)):
            start(m, name, ip, "vif = [ 'mac=00:16:3e:00:00:%d,bridge=br0' ]\n" % mac)
        at(m, "beta", "(sleep 600 | nc -l -p 7000 >/dev/null) & ping -c 2 10.0.2.21", 60)
        before = counters(m)
        at(m, "alpha", "dd if=/dev/zero bs=64k count=%d | nc 10.0.2.22 7000" % (NET_MIB * 16), 240)
        io = difference(before, counters(m))
        check(io["unmapped"] >= NET_MIB * 64, "too few pages: " + said(io))
        check(io["untouched"] * 100 >= io["unmapped"] * 99, said(io))
        run(m, "hvctl destroy alpha; hvctl destroy beta; hvctl debug audit")
        check(not m.complaints(), "the hypervisor complained: " + "; ".join(m.complaints()[:3]))
        return said(io)


def cases(build):
    yield "net", lambda: net(build)
    if SOAK:
        yield "disk", lambda: disk(build)
