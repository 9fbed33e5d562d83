# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's own Xen tools, as their packages install them, in a dom0 of Debian: xl, oxenstored, xenconsoled, xenpm, xentop.

`xl` makes guests with disks and interfaces by the packages' scripts, changes them, dumps, restarts and ends them, and nothing is
left. A guest that counts (guest.job=count) is saved, restored, goes on after a checkpoint and is migrated live, here. In
`make soak` `hvctl` restores in our own dom0 what `xl` saved. It has libvirt's Xen driver and QEMU's backends besides (`libvirt`),
and runs the list on Debian's Xen, too: what the tools print there is what they must print here, numbers of time and memory
aside, and what xl saved there goes on here. Live migration of such guests is what Debian's Xen cannot do.
"""
import difflib
import os
import re
import subprocess
import tempfile

from machine import SOAK, Qemu, check, shell, wait_shell

LIBVIRT = ["libvirt-daemon-system", "libvirt-daemon-driver-xen", "libvirt-clients", "qemu-system-xen", "qemu-utils"]


def image(build, name, packages):
    """The dom0's disk and initramfs; made when they are missing or older than what they are made from."""
    top = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    sources = [os.path.join(top, "scripts", f) for f in ("stock.sh", "roots.sh")]
    sources += [os.path.join(top, "scripts", "stock", f) for f in os.listdir(os.path.join(top, "scripts", "stock"))]
    sources += [build.need(f) for f in ("kernel/vmlinuz", "guest.cpio.gz", "frontends/minimal-64.elf")]
    out = build.file(name)
    if not os.path.exists(out + ".img") or os.path.getmtime(out + ".img") < max(map(os.path.getmtime, sources)):
        done = subprocess.run([sources[0], build.path, out] + packages, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True)
        check(done.returncode == 0, "scripts/stock.sh failed: " + done.stdout[-2000:])
    return out


class OnXen(Qemu):
    """Packaged Xen's serial console loses what is typed faster than its reader reads: a piece goes out when the one before was
    echoed."""

    PIECE = 16

    def send(self, text):
        for at in range(0, len(text), self.PIECE):
            before = len(self.log)
            super().send(text[at:at + self.PIECE])
            if at + self.PIECE >= len(text):
                break
            end = self.clock() + 60
            while len(self.log) < before + self.PIECE:
                check(self.clock() < end and self._pump(1.0), "the serial console does not echo: " + text)


class Disks:
    """Two that outlive a machine: what guests have as their disk, and a file system for saved guests."""

    def __enter__(self):
        self.files = [tempfile.NamedTemporaryFile(prefix="annulus-stock-") for _ in range(2)]
        for f, mib in zip(self.files, (64, 320)):
            f.truncate(mib << 20)
        return self

    def __exit__(self, *exc):
        for f in self.files:
            f.close()

    def drives(self):
        return ["file=%s,if=virtio,format=raw,cache=unsafe" % f.name for f in self.files]


class Dom0:
    """The dom0 on `hv`. run() is one command of a list that is kept for comparison."""

    def __init__(self, build, out, disks, hv=None, arguments=""):
        self.transcript = []
        machine = OnXen if hv else Qemu
        self.m = machine(kernel=hv or build.hv, mem=1536, cpus=2,
                         cmdline="console=com1 com1=115200%s dom0_mem=700M,max:700M dom0_max_vcpus=2" % (",8n1" if hv else ""),
                         modules=[(build.need("kernel/vmlinuz"), "console=hvc0 quiet " + arguments), (out + ".cpio.gz", "")],
                         disks=["file=%s.img,if=virtio,format=raw,snapshot=on" % out] + disks.drives())

    def __enter__(self):
        self.m.__enter__()
        try:
            wait_shell(self.m, 400)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc):
        self.m.__exit__(*exc)

    def run(self, command, text=None, seconds=120, code=0, keep=True):
        """The output of `command`, which ends with `code` and prints what matches `text`. keep: it is the same on any Xen."""
        got, out = shell(self.m, command, seconds)
        check(code is None or got == code, "%s: exit status %d: %s" % (command, got, out))
        check(text is None or re.search(text, out, re.M), "%s: %r is not in: %s" % (command, text, out))
        if keep:
            self.transcript.append("$ %s\n%s" % (command, out))
        return out

    def until(self, command, what, seconds=60):
        code, out = shell(self.m, "n=%d; until %s; do n=$((n-1)); [ $n -gt 0 ] || break; sleep 0.2; done; [ $n -gt 0 ]"
                          % (seconds * 5, command), seconds * 3 + 60)
        if code:
            more = shell(self.m, "xl list; tail -n 5 /var/log/xen/console/*.log; tail -n 20 /var/log/xen/xl-*.log")[1]
            check(False, "%s: waited %d s in vain; %s" % (what, seconds, more))

    def is_field(self, name, field, value, what, seconds=60):
        """Until a column of `xl list NAME` has the value: 2 the number, 3 MiB, 4 vCPUs, 5 the state."""
        self.until("[ \"$(xl list %s 2>/dev/null | awk 'NR == 2 { print $%d }')\" = '%s' ]" % (name, field, value), what, seconds)

    def gone(self, name):
        self.until("! xl domid %s >/dev/null 2>&1 && ! xl list | grep -q -e null -e '^%s '" % (name, name), name + " is gone")

    def log_has(self, name, pattern, seconds=60, times=1):
        self.until("[ \"$(grep -c '%s' /var/log/xen/console/guest-%s.log 2>/dev/null)\" -ge %d ]" % (pattern, name, times),
                   "%s in %s's console" % (pattern, name), seconds)


def config(d, name, template, **changes):
    """/srv/NAME.cfg from one of scripts/stock/*.cfg: its name, and lines that are replaced or added."""
    text = d.run("cat /srv/%s.cfg" % template, keep=False)
    changes["name"] = '"%s"' % name
    lines = [l for l in text.splitlines() if l.split(" =")[0] not in changes]
    lines += ["%s = %s" % change for change in changes.items()]
    d.run("printf '%%s\\n' %s >/srv/%s.cfg" % (" ".join("'%s'" % l for l in lines if not l.startswith("#")), name), keep=False)


def console(d, name, command, answer):
    """A command typed to the guest's shell through `xl console`, and what it prints."""
    m = d.m
    m.send("xl console %s\n" % name)
    m.send("\n")
    m.expect(r"^linux# ", 60)
    m.send(command + "\n")
    m.expect(r"^%s$" % answer, 60)
    m.send("\x1d")
    m.expect(r"dom0# ", 60)  # behind the guest's prompt


def tiny(d):
    """Disk, interface, balloon, pause, reboot and shutdown of the kernel of frontends/."""
    d.run("truncate -s 8M /srv/tiny.img")
    d.run("xl create -q /srv/tiny.cfg")
    d.log_has("tiny", "^RESULT minimal PASS")
    d.run("xl list tiny")
    d.run("xl domname $(xl domid tiny)", r"^tiny$")
    d.run("xl block-list tiny | awk '{ print $1, $3, $4 }'")
    d.run("xl network-list tiny | awk '{ print $1, $3, $5 }'")
    d.run("/srv/busybox ping -c 3 -W 20 10.0.2.64 | grep received", "3 packets received")
    d.run("xl pause tiny")
    d.is_field("tiny", 5, "--p---", "tiny is paused")
    d.run("xl unpause tiny")
    d.run("xl mem-set tiny 24")
    d.is_field("tiny", 3, "24", "24 MiB")
    d.run("xl mem-set tiny 32")
    d.is_field("tiny", 3, "32", "32 MiB")
    d.run("xl reboot tiny")
    d.log_has("tiny", "^RESULT minimal PASS", times=2)
    d.run("xl shutdown -w tiny", keep=False)
    d.gone("tiny")


def linux(d):
    """Debian's kernel on a block device: vCPUs, pins, weights and caps, devices that come and go, three guests at once."""
    d.run("mke2fs -q -t ext4 /dev/vdb")
    config(d, "one", "linux", disk='["phy:/dev/vdb,xvda,w"]')
    d.run("xl create -q /srv/one.cfg")
    d.log_has("one", "^linux# ")
    console(d, "one", "echo answer-$((6 * 7)) from $(hostname)", "answer-42 from linux")
    d.run("xl vcpu-list one | awk '{ print $1, $3, $7, $8 }'")
    d.run("xl vcpu-set one 2")
    # Linux leaves it to its user space (udev) to take a CPU that came.
    console(d, "one", "until echo 1 >/sys/devices/system/cpu/cpu1/online; do usleep 100000; done; echo cpus-$(nproc)", "cpus-2")
    d.is_field("one", 4, "2", "two vCPUs")
    d.run("xl vcpu-pin one 0 1; xl vcpu-list one | awk 'NR == 2 { print $7, $8 }'", r"^1 ")
    d.run("xl vcpu-pin one 0 0-1 1; xl vcpu-list one | awk 'NR == 2 { print $7, $8, $9 }'", r"1$")
    d.run("xl sched-credit2 -d one -w 512 && xl sched-credit2 -d one", r"^one +\d+ +512")
    d.run("xl sched-credit2 -d one -c 50 && xl sched-credit2 -d one", r"^one +\d+ +512 +50$")
    d.run("xl sched-credit2 -d one -c 0")
    d.run("truncate -s 4M /srv/more.img && xl block-attach one file:/srv/more.img xvdb w")
    d.until("[ $(xl block-list one | awk '$4 == 4' | wc -l) = 2 ]", "the second disk")
    d.run("xl block-detach one xvdb")
    d.until("[ $(xl block-list one | tail -n +2 | wc -l) = 1 ]", "the second disk is gone")
    d.run("xl network-attach one mac=00:16:3e:00:02:01 bridge=xenbr0")
    d.until("[ $(xl network-list one | awk '$5 == 4' | wc -l) = 2 ]", "the second interface")
    d.run("xl network-detach one 1")
    d.until("[ $(xl network-list one | tail -n +2 | wc -l) = 1 ]", "the second interface is gone")
    d.run("xl dump-core one /srv/core 2>&1", keep=False)
    d.run("[ $(stat -c %s /srv/core) -gt $((160 << 20)) ] && head -c 4 /srv/core | grep -q ELF && rm /srv/core")
    for n in ("two", "three"):
        config(d, n, "tiny", extra='"hello"', disk="[]", vif="[]")
        d.run("xl create -q /srv/%s.cfg" % n)
    d.run("xl list | awk '{ print $1 }' | sort")
    d.run("xentop -b -i 1 | awk 'NR > 1 { print $1 }' | sort", "one")
    d.run("xl destroy two && xl destroy three")
    d.gone("two")
    d.gone("three")
    d.run("xl shutdown -w one", keep=False)
    d.gone("one")


ROUND = re.compile(r"^GUEST-count (\d+) (\w+) disk=(.*) net=(\w+) (\d+) (\d+)$", re.M)


class Counter:
    """A guest that counts on its console: each round says what its memory has in it, whether its disk gave back what was written
    and dom0 answered, and what its clocks say."""

    def __init__(self, run, until, logs):
        self.run = run      # run(command) -> output
        self.until = until  # until(command, what)
        self.logs = logs    # in the order of its moves

    def good(self):
        return int(self.run("cat %s 2>/dev/null | grep -a -c '^GUEST-count .*disk=ok net=ok'; true" % self.logs).split()[-1])

    def goes_on(self, what):
        self.until("[ $(cat %s 2>/dev/null | grep -a -c '^GUEST-count .*disk=ok net=ok') -gt %d ]" % (self.logs, self.good() + 2),
                   what)
        rounds = ROUND.findall(self.run("cat %s 2>/dev/null; true" % self.logs))
        for a, b in zip(rounds, rounds[1:]):
            # A line may come twice: what the console's reader has read is in the guest's memory, too.
            check(int(b[0]) - int(a[0]) in (0, 1), "%s: round %s follows %s" % (what, b[0], a[0]))
            check(b[1] == a[1], "%s: its memory has changed in round %s" % (what, b[0]))
            check(b[2] == "ok", "%s: its disk did not give back what was written in round %s: %s" % (what, b[0], b[2]))
            check(int(b[4]) >= int(a[4]) and int(b[5]) >= int(a[5]), "%s: a clock went back in round %s" % (what, b[0]))


def counter(d):
    logs = "/var/log/xen/console/guest-counter.log /var/log/xen/console/guest-counter--incoming.log"
    return Counter(lambda command: d.run(command, keep=False, code=None), lambda c, what: d.until(c, what, 180), logs)


def saved(d):
    """A guest with two vCPUs is saved to the second disk, and gone."""
    config(d, "counter", "linux", vcpus="2", memory="128", maxmem="128", disk='["phy:/dev/vdb,xvda,w"]',
           extra='"console=hvc0 guest.name=counter guest.ip=10.0.2.65 guest.job=count"')
    d.run("mke2fs -q -t ext4 -O ^has_journal /dev/vdc && mount /dev/vdc /mnt")
    d.run("xl create -q /srv/counter.cfg", keep=False)
    counter(d).goes_on("a new guest")
    d.run("xl save counter /mnt/saved", keep=False, seconds=600)
    d.gone("counter")
    left(d)
    d.run("umount /mnt")


def saves(d):
    """It goes on, and goes on beside its image."""
    saved(d)
    d.run("mount /dev/vdc /mnt")
    d.run("xl restore /mnt/saved", keep=False, seconds=600)
    counter(d).goes_on("restored")
    d.run("xl save -c counter /mnt/saved", keep=False, seconds=600)
    counter(d).goes_on("after a checkpoint")
    d.run("umount /mnt && xl vcpu-list counter | awk '{ print $1, $3 }'", "counter 1")


def migrates(d):
    """Live, to this machine: the one that arrives has the other's name when that is gone."""
    before = d.run("xl domid counter", keep=False)
    d.run("xl migrate -s '' counter 'xl migrate-receive'", "Migration successful", keep=False, seconds=600)
    check(d.run("xl domid counter", keep=False) != before, "it is still the same domain")
    counter(d).goes_on("migrated")


def destroys(d):
    d.run("xl destroy counter", keep=False)
    d.gone("counter")


def ours(build, disks, what):
    """In our own dom0 hvctl restores what was saved on the second disk."""
    first = "file=%s,if=virtio,format=raw,snapshot=on" % build.need("disk.img")
    m = Qemu(kernel=build.hv, mem=1536, cpus=2, cmdline="console=com1 com1=115200 dom0_mem=640M dom0_max_vcpus=2",
             modules=[(build.need("kernel/vmlinuz"), "console=hvc0 annulus.guest=no"), (build.need("dom0.cpio.gz"), "")],
             cdrom=build.need("annulus.iso"), disks=[first] + disks.drives())
    with m:
        wait_shell(m, 400)

        def run(command, text="", seconds=240):
            code, out = shell(m, command, seconds)
            check(not code and text in out, "%s: exit status %d: %s" % (command, code, out))
            return out

        def until(command, what):
            run("n=900; until %s; do n=$((n-1)); [ $n -gt 0 ] || break; usleep 200000; done; [ $n -gt 0 ] || { echo '%s: waited "
                "in vain'; hvctl list; tail -n 5 /var/log/hvconsole/*; false; }" % (command, what), seconds=600)

        # The bridge that the guest was configured with.
        run("ip link set br0 down && ip link set br0 name xenbr0 && ip link set xenbr0 up && mkdir -p /mnt/saved && "
            "mount -t ext4 /dev/vdc /mnt/saved")
        run("hvctl restore /mnt/saved/saved", "restored")
        Counter(run, until, "/var/log/hvconsole/counter.log").goes_on(what)
        run("hvctl destroy counter && umount /mnt/saved && ! hvctl list | grep counter")
        run("hvctl debug audit", "audit clean")
        check(not m.complaints(), "the hypervisor complained: " + "; ".join(m.complaints()[:3]))


def libvirt(d):
    """The same kernel by libvirt's Xen driver."""
    d.until("virsh -c xen:///system list", "libvirtd")
    d.run("export LIBVIRT_DEFAULT_URI=xen:///system; truncate -s 8M /srv/virt.img")
    d.run("virsh define /srv/linux.xml", "defined")
    d.run("virsh start virt", "started", keep=False)
    d.log_has("virt", "^GUEST-up")
    d.run("virsh list | awk '{ print $2, $3 }'", "virt running")
    d.run("virsh suspend virt && virsh domstate virt", "^paused$")
    d.run("virsh resume virt && virsh domstate virt", "^running$")
    d.run("virsh dumpxml virt | grep -v uuid", "machine='xenpv'")
    d.run("virsh save virt /srv/virt.save", "saved", keep=False, seconds=600)
    d.until("virsh domstate virt | grep -q 'shut off'", "virt is saved")
    left(d)
    d.until("virsh restore /srv/virt.save", "virt is restored", 120)
    d.log_has("virt", "Restarting tasks")
    d.run("virsh domstate virt && rm /srv/virt.save", "^running$")
    d.run("virsh shutdown virt", keep=False)
    d.until("virsh domstate virt | grep -q 'shut off'", "virt is shut off")
    d.until("virsh start virt", "libvirt is done with the former virt")
    d.run("virsh destroy virt", "destroyed")
    d.run("virsh undefine virt && virsh list --all | grep -c virt", "^0$", code=1)


def qemu(d):
    """QEMU's backends: a disk in a qcow2 file, a framebuffer that VNC shows."""
    d.run("qemu-img create -q -f qcow2 /srv/q.qcow2 64M")
    config(d, "qdisk", "linux", disk='["format=qcow2,vdev=xvda,access=rw,target=/srv/q.qcow2"]', vif="[]",
           vfb='["vnc=1,vnclisten=127.0.0.1"]')
    d.run("xl create -q /srv/qdisk.cfg", keep=False)
    d.log_has("qdisk", "^linux# ")
    console(d, "qdisk", "dd if=/dev/zero of=/dev/xvda bs=1M count=8 conv=fsync 2>/dev/null && echo wrote-$?", "wrote-0")
    d.until("[ $(stat -c %b /srv/q.qcow2) -gt 2000 ]", "the file has grown")
    d.run("/srv/busybox nc -w 5 127.0.0.1 5900 </dev/null | head -c 3", "RFB")
    d.run("xl destroy qdisk")
    d.gone("qdisk")
    d.run("qemu-img check -q /srv/q.qcow2")


def host(d):
    """What the tools say of the host."""
    d.run("xl info | cut -d : -f 1 | grep -v -e hvm")
    d.run("xl sched-credit2 | cut -c 1-40", keep=False)
    d.run("xl sched-credit2 -s", "ratelimit", keep=False)
    d.run("xl cpupool-list", "Pool-0")
    d.run("xl uptime | cut -c 1-10", keep=False)
    d.run("xenpm get-cpu-topology")
    # No governor here, in words of the tool's own; packaged Xen has one state.
    d.run("xenpm get-cpuidle-states 0 2>&1", "cpuidle is disabled|C-state", keep=False, code=None)
    d.run("xenpm get-cpufreq-para 0 2>&1", "cpufreq", keep=False, code=None)
    d.run("xl dmesg | grep -c .", keep=False)


def left(d):
    d.run("xl list | tail -n +2 | cut -d ' ' -f 1", r"\ADomain-0\Z")
    d.run("xenstore-list /local/domain", r"\A0\Z", keep=False)
    d.until("[ -z \"$(losetup -a)\" ]", "no loop device is in use")
    d.run("ls /sys/class/net | grep -c vif", r"^0$", code=1)


def session(d, parts):
    for part in parts:
        part(d)
    left(d)


def audit(d):
    m = d.m
    m.send("\x01\x01\x01A\x01\x01\x01\n")
    m.expect(r"audit: .*\n", 60)
    m.check_audit()


PARTS = [host, tiny, linux]
MOVES = [saves, migrates, destroys]


def plain(text):
    """Without what differs from run to run, and without what the hypervisor says on the same serial line (guests' first words:
    here they are shown, there they are refused)."""
    text = re.sub(r"^\((d\d+|annulus|XEN)\) .*\n?", "", text, flags=re.M).rstrip()
    text = re.sub(r"\d+\.\d+", "T", text)
    return re.sub(r"^(one|two|three|tiny|Domain-0) +\d+", r"\1 N", text, flags=re.M)


def compare(ours, theirs):
    diff = list(difflib.unified_diff([plain(t) for t in theirs], [plain(t) for t in ours], "Debian's Xen", "Annulus",
                                     lineterm="", n=0))
    check(not diff, "the tools print other things on Annulus: " + "\n".join(diff))


def on_annulus(build, out, disks, parts, arguments=""):
    with Dom0(build, out, disks, arguments=arguments) as d:
        session(d, parts)
        audit(d)
        check(not d.m.complaints(), "the hypervisor complained: " + "; ".join(d.m.complaints()[:3]))
        return d.transcript


def on_xen(build, disks):
    with Dom0(build, image(build, "stock", []), disks, hv=build.need("xen/xen.elf")) as d:
        session(d, PARTS)
        told = list(d.transcript)
        saved(d)
        return told


def cases(build):
    def xl():
        with Disks() as disks:
            on_annulus(build, image(build, "stock", []), disks, PARTS + MOVES)
            if SOAK:
                ours(build, disks, "saved by xl here")

    def same():
        with Disks() as disks:
            here = on_annulus(build, image(build, "stock", []), disks, PARTS)
        with Disks() as disks:
            there = on_xen(build, disks)
            ours(build, disks, "saved by xl on packaged Xen")
        compare(here, there)

    def others():
        with Disks() as disks:
            on_annulus(build, image(build, "stock-libvirt", LIBVIRT), disks, [libvirt, qemu], "annulus.libvirt=yes")

    yield "xl", xl
    if SOAK:
        yield "same", same
        yield "libvirt", others
