# SPDX-License-Identifier: GPL-2.0-or-later
"""hvctl, thoroughly: every mistake is one line and leaves nothing behind, and a domain can be led through its whole life.

"Nothing" is compared: the store's contents, the domains, the loop devices, dom0's interfaces, and for a creation that
failed late the hypervisor's own accounts as well. The life: created paused, started, paused, renamed, vCPUs and memory
changed, rebooted with its devices, crashed and preserved, destroyed while it is being looked at.
"""
import base64
import gzip
import struct
import zlib

from machine import SOAK, check, shell, wait_shell

CONFIG = """name = "t1"
kernel = "/media/boot/vmlinuz"
ramdisk = "/media/boot/guest.gz"
extra = "console=hvc0 guest.name=t1 guest.job=idle"
memory = 128
vcpus = 2
disk = [ "/srv/guests/t1.img,raw,xvda,rw" ]
vif = [ "mac=00:16:3e:00:00:41,bridge=br0" ]
"""



def elf32(pae=None, base=0xc0000000):
    """A 32-bit kernel file with one segment of a page at 1 MiB and, unless `pae` is None, the notes of a PV kernel."""
    def note(kind, desc):
        return struct.pack("<III", 4, len(desc), kind) + b"Xen\0" + desc + bytes(-len(desc) % 4)

    notes = b""
    if pae is not None:
        notes = note(6, b"linux\0") + note(3, struct.pack("<I", base)) + note(9, pae + b"\0")
        notes += note(1, struct.pack("<I", base + 0x100000))
    header = b"\177ELF\1\1\1" + bytes(9) + struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, base + 0x100000, 52, 0, 0, 52, 32, 2, 40, 0, 0)
    header += struct.pack("<8I", 1, 512, base + 0x100000, 0x100000, 256, 4096, 7, 4096)
    header += struct.pack("<8I", 4 if notes else 0, 128, 0, 0, len(notes), len(notes), 4, 4)
    return (header.ljust(128, b"\0") + notes).ljust(768, b"\0")


def bomb(mib):
    """So many MiB of zeros, packed by gzip."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(mib)) + packer.flush()


# What the 32-bit mistakes are made with.
FILES = {"nopae": elf32(b"no"), "nonotes": elf32(), "torn": elf32(b"yes")[:600], "toohigh": elf32(b"yes", 0xf5700000)}

SNAPSHOT = ("{ xenstore-ls -f /; hvctl list | awk \"{print \\$1, \\$2, \\$3}\"; losetup -a; ls /sys/class/net; }"
            " 2>/dev/null")

# Arguments of hvctl, what its one line has to contain (what, where, remedy), its exit status.
MISTAKES = [
    ("create /none.cfg", ["/none.cfg", "No such file", "check the path"], 1),
    ("create /t1.cfg 'memory=lots'", ["command line:1:8", "'memory'", "write memory"], 1),
    ("create /bad.cfg", ["/bad.cfg:3:7", "is not closed", "end it with"], 1),
    ("create /t1.cfg 'kernel=\"/none\"'", ["kernel /none", "No such file", "correct 'kernel'"], 1),
    ("create /t1.cfg 'ramdisk=\"/none\"'", ["ramdisk /none", "No such file", "correct 'ramdisk'"], 1),
    ("create /t1.cfg 'kernel=\"/t1.cfg\"'", ["kernel /t1.cfg", "not a kernel image", "give the vmlinuz"], 1),
    ("create /t1.cfg 'kernel=\"/bin/busybox\"'", ["kernel /bin/busybox", "no Xen notes", "CONFIG_XEN_PV"], 1),
    ("create /t1.cfg 'kernel=\"/tmp/short\"'", ["kernel /tmp/short", "outside the file", "copy the kernel again"], 1),
    ("create /t1.cfg 'kernel=\"/tmp/harmed\"'", ["kernel /tmp/harmed", "xz stream is damaged", "copy it again"], 1),
    ("create /t1.cfg 'kernel=\"/tmp/nopae\"'", ["kernel /tmp/nopae", "without PAE", "CONFIG_X86_PAE"], 1),
    ("create /t1.cfg 'kernel=\"/tmp/nonotes\"'", ["kernel /tmp/nonotes", "no Xen notes", "CONFIG_XEN_PV"], 1),
    ("create /t1.cfg 'kernel=\"/tmp/torn\"'", ["kernel /tmp/torn", "outside the file", "copy it again"], 1),
    ("create /t1.cfg 'kernel=\"/tmp/toohigh\"'", ["kernel /tmp/toohigh", "0xf5800000", "rebuild it"], 1),
    ("create /t1.cfg 'kernel=\"/tmp/bomb\"'", ["memory = 128 is too little", "/tmp/bomb", "unpacks to 600 MiB"], 1),
    ("create /t1.cfg 'kernel=\"/tmp/liar\"'", ["kernel /tmp/liar", "unpacks to more than it says", "copy it again"], 1),
    ("create /t1.cfg 'ramdisk=\"/tmp/large\"'",
     ["memory = 128 is too little", "ramdisk /tmp/large", "a file of 129 MiB", "raise 'memory'"], 1),
    ("create /t1.cfg 'memory=48'", ["memory = 48 is too little", "/media/boot/vmlinuz", "raise 'memory'"], 1),
    ("create /t1.cfg 'memory=99999'", ["'t1' wants 99999 MiB", "lower 'memory'"], 1),
    ("create /t1.cfg 'name=\"Domain-0\"'", ["'Domain-0' is in use by domain 0", "choose another"], 1),
    ("create /t1.cfg 'disk=[\"/none,raw,xvda,w\"]'", ["/none (xvda)", "No such file", "correct 'disk'"], 1),
    ("create /t1.cfg 'disk=[\"/dev/null,raw,xvda,w\"]'", ["/dev/null (xvda)", "neither", "correct 'disk'"], 1),
    ("create /t1.cfg 'vif=[\"bridge=lo\"]'", ["interface lo is not a bridge", "correct bridge="], 1),
    ("create /t1.cfg 'cpus=\"99\"'", ["CPUs of vCPU 0 of 't1'", "correct 'cpus'"], 1),
    ("create /t1.cfg 'type=\"hvm\"'", ["command line:1:6", "only PV and PVH domains", "write type"], 1),
    ("create /t1.cfg 'type=\"pvh\"' vcpus=1", ["'t1' is to be a PVH domain", "PV ones only", "hvctl dmesg", "write type"], 1),
    ("destroy 0", ["cannot destroy domain 0", "give a guest"], 1),
    ("destroy nobody", ["no domain 'nobody'", "hvctl list"], 3),
    ("console nobody", ["no domain 'nobody'", "hvctl list"], 3),
    ("frobnicate", ["unknown verb 'frobnicate'", "hvctl --help"], 2),
    ("create", ["a configuration is needed", "usage: hvctl create"], 2),
    ("mem-set 0 lots", ["'lots' is not a number", "usage: hvctl mem-set"], 2),
    ("mem-max 0 lots", ["'lots' is not a size", "usage: hvctl mem-max"], 2),
    ("mem-max 0 512", ["cannot limit the memory of domain 0", "give a guest"], 1),
    ("block-resize 0 xvda many", ["'many' is not a size", "usage: hvctl block-resize"], 2),
    ("block-resize 0 xvda 1G", ["domain 0 has no disk xvda", "hvctl block-list"], 1),
    ("cd-insert 0 xvdc", ["a domain, the name of a drive and a file", "usage: hvctl cd-insert"], 2),
    ("cd-eject 0 xvdc", ["domain 0 was not created by hvctl"], 1),
    ("vcpu-list nobody", ["no domain 'nobody'", "hvctl list"], 3),
    ("vcpu-pin 0 0 2-1", ["'2-1' is not a set of CPUs", "usage: hvctl vcpu-pin"], 2),
    ("vcpu-pin 0 9 all", ["domain 0 has vCPUs 0 to 1, and no 9", "hvctl vcpu-list"], 1),
    ("vcpu-pin 0 0 77", ["refuses the CPUs of vCPU 0 of domain 0", "hvctl info"], 1),
    ("sched --weight=0 0", ["a weight is 1 to 65535, not '0'", "usage: hvctl sched"], 2),
    ("sysrq 0 h", ["cannot press SysRq of domain 0", "give a guest"], 1),
    ("sysrq nobody hh", ["'hh' is not a letter", "usage: hvctl sysrq"], 2),
    ("trigger 0 nmi", ["cannot send an NMI to domain 0", "give a guest"], 1),
    ("trigger 0 power", ["has no 'power', only nmi", "hvctl shutdown"], 2),
    ("dump-config 0", ["domain 0 was not created by hvctl"], 1),
    ("config-check /bad.cfg", ["/bad.cfg:3:7", "is not closed", "end it with"], 1),
    ("top --delay=0", ["'0' is not a number of seconds", "usage: hvctl top"], 2),
    ("events now", ["no argument is needed", "usage: hvctl events"], 2),
    ("metrics --listen=here", ["'here' is neither a path nor HOST:PORT", "usage: hvctl metrics"], 2),
    ("metrics --listen=/none/socket", ["cannot listen at /none/socket", "No such file"], 1),
    ("console --log nobody", ["no log of the console of nobody", "No such file"], 1),
    ("crash-dump 0 /tmp/core", ["cannot dump domain 0", "give a guest"], 1),
    ("crash-dump nobody", ["a domain and a file are needed", "usage: hvctl crash-dump"], 2),
    ("dmesg -c -f", ["what is followed is not emptied", "usage: hvctl dmesg"], 2),
]


def mistakes(build):
    with build.dom0() as m:
        prepare(m)
        shell(m, "head -c 3000000 /media/boot/vmlinuz >/tmp/short; cp /media/boot/vmlinuz /tmp/harmed; "
                 "dd if=/dev/zero of=/tmp/harmed bs=1 seek=5000000 count=100 conv=notrunc 2>/dev/null")
        # One that unpacks to more than its domain has, and one that does not say so.
        large = bomb(600)
        FILES.update(bomb=large, liar=large[:-4] + struct.pack("<I", 20 << 20))
        for name, content in FILES.items():
            text = base64.b64encode(gzip.compress(content)).decode()
            # The serial port takes no line of any length.
            for at in range(0, len(text), 400):
                shell(m, "echo %s >>/tmp/%s.b64" % (text[at:at + 400], name))
            shell(m, "base64 -d /tmp/%s.b64 | gzip -d >/tmp/%s" % (name, name))
        shell(m, "truncate -s 135266304 /tmp/large")
        shell(m, "printf 'name=\"b\"\\nkernel=\"/k\"\\nextra=\"no end\\n' >/bad.cfg")
        # Whatever is made once and kept (modules, caches of the hypervisor) is made by this one.
        shell(m, "hvctl create -q /t1.cfg; hvctl destroy t1; "
                 "while hvctl list t1 || losetup -a | grep t1.img; do usleep 200000; done", 240)
        shell(m, SNAPSHOT + " >/tmp/before; hvctl debug heap >/tmp/heap-before")
        for arguments, words, status in MISTAKES:
            # The line begins after a mark that the echo of the command does not contain.
            code, out = shell(m, "hvctl %s </dev/null >/tmp/out 2>&1; r=$?; echo ma''rk; cat /tmp/out; "
                                 "(exit $r)" % arguments, 300)
            out = out.rsplit("mark\n", 1)[-1].strip()
            check(code == status, "hvctl %s: exit status %d instead of %d" % (arguments, code, status))
            check(out.count("\n") == 0, "hvctl %s says more than a line: %s" % (arguments, out))
            for word in words:
                check(word in out, "hvctl %s: %r is not in: %s" % (arguments, word, out))
            code, out = shell(m, SNAPSHOT + " >/tmp/after; diff /tmp/before /tmp/after")
            check(code == 0, "hvctl %s left something behind: %s" % (arguments, out))
        # Interrupted at various depths: undone, or it was done already.
        undone = 0
        for ms in (100, 300, 600, 900, 1200, 1800, 2500, 4000):
            code, out = shell(m, "hvctl create -q /t1.cfg >/tmp/out 2>&1 & usleep %d; kill -TERM $!; wait $!; r=$?; "
                                 "echo ma''rk; cat /tmp/out; [ $r != 0 ] || hvctl destroy t1; (exit $r)" % (ms * 1000), 300)
            out = out.rsplit("mark\n", 1)[-1].strip()
            check(code in (0, 1, 143), "hvctl create, interrupted: exit status %d: %s" % (code, out))
            check(code != 1 or out == "hvctl: interrupted; what was done has been undone",
                  "hvctl create, interrupted, says: " + out)
            undone += code == 1
            # The kernel lets go of a loop device when the backend has closed it, a moment after hvctl asked.
            code, out = shell(m, "n=150; until %s >/tmp/after; diff /tmp/before /tmp/after >/tmp/diff; do n=$((n-1)); "
                                 "[ $n -gt 0 ] || break; usleep 200000; done; cat /tmp/diff; [ $n -gt 0 ]" % SNAPSHOT, 90)
            check(code == 0, "an interrupted creation left something behind: " + out)
        check(undone, "no creation could be interrupted")
        code, out = shell(m, "n=150; until hvctl debug heap >/tmp/heap-after; diff /tmp/heap-before /tmp/heap-after >/tmp/diff; "
                             "do n=$((n-1)); [ $n -gt 0 ] || break; usleep 200000; done; cat /tmp/diff; [ $n -gt 0 ]", 90)
        check(code == 0, "failed creations cost the hypervisor memory: " + out)
        code, out = shell(m, "hvctl debug audit")
        check(code == 0 and "audit clean" in out, "audit: " + out)
        return "%d mistakes" % len(MISTAKES)


def prepare(m):
    wait_shell(m)
    shell(m, "guest-disk t1 32; cp /srv/guests/t1.img /srv/guests/t2.img")
    shell(m, "echo '%s' >/t1.cfg" % CONFIG)


def life(build):
    with build.dom0() as m:
        prepare(m)

        def run(command, want=0, text=None, seconds=240):
            code, out = shell(m, command, seconds)
            check(code == want, "%s: exit status %d instead of %d: %s" % (command, code, want, out))
            check(text is None or text in out, "%s: %r is not in: %s" % (command, text, out))
            return out

        def until(command, seconds=120):
            run("n=%d; until %s; do n=$((n-1)); [ $n -gt 0 ] || break; usleep 200000; done; [ $n -gt 0 ]"
                % (seconds * 5, command), seconds=seconds + 60)

        log = "/var/log/hvconsole/t1.log"
        run(SNAPSHOT + " >/tmp/before")
        # What dom0 has mounted is not for a guest to write, by whatever name.
        run("mkdir -p /tmp/m && ln /srv/guests/t1.img /srv/guests/hard.img && mount -o loop /srv/guests/t1.img /tmp/m")
        run("hvctl create /t1.cfg 'disk=[ \"/srv/guests/hard.img,xvda,w\" ]'", 1, "is mounted on /tmp/m; end that (umount")
        run("umount /tmp/m && rm /srv/guests/hard.img")
        run("hvctl create -p /t1.cfg maxmem=192 'disk=[ \"/srv/guests/t1.img,raw,xvda,rw\", \",,xvdc,cdrom\", "
            "\"vdev=xvdd,cdrom,backendtype=hvblkd,target=/srv/guests/t2.img\" ]'", text="created in")
        run("hvctl list t1", text="paused")
        run("hvctl create /t1.cfg", 1, "the name 't1' is in use by domain 1")
        run("hvctl create /t1.cfg 'name=\"t2\"'", 1, "is in use by domain 1")
        # The CPU that it is shown: leaf 1's name is the machine's, its programs see MTRRs and the kernel does not.
        leaf = run("hvctl cpuid t1 | awk '$1 == \"00000001\" { print $3, $6 }'").split()
        check(len(leaf) == 4 and leaf[0] == leaf[2], "leaf 1 of the policy and of the machine: %s" % leaf)
        check(not int(leaf[1], 16) >> 12 & 1 and int(leaf[3], 16) >> 12 & 1, "MTRR in the policy and in the machine: %s" % leaf)
        run("hvctl cpuid --json t1 | tr -d ' \\n'", text='"mtrr"')
        run("hvctl cpuid 77", 3, "no domain '77'")
        run("hvctl unpause t1")
        until("grep -q 'GUEST-up t1 .* cpus 2' " + log)
        until("hvctl block-list t1 | grep -q connected && hvctl network-list t1 | grep -q connected")
        # The kernel's backend sees that its loop device is larger, and so does a stock guest.
        run("hvctl block-resize t1 xvda 40M", text="xvda: 41943040 bytes")
        until("grep -q 'xvda: detected capacity change from 65536 to 81920' " + log)
        run("hvctl pause t1 && hvctl list t1", text="paused")
        run("hvctl unpause t1 && hvctl list t1")
        run("hvctl rename t1 other && hvctl domid other", text="1")
        run("hvctl domname 1", text="other")
        run("hvctl rename other Domain-0", 1, "is called 'Domain-0' already")
        run("hvctl rename other t1")
        watching(run, until)
        run("hvctl vcpu-set t1 3", 1, "1 to 2 vCPUs")
        run("hvctl vcpu-set t1 1")
        until("hvctl list t1 | awk 'NR == 2 { exit $4 != 1 }'")
        run("hvctl mem-set t1 999", 1, "1 to 192 MiB")
        run("hvctl mem-max t1 100", 1, "domain 1 has 128 MiB, and a limit takes none away")
        run("hvctl mem-max t1 256 && hvctl mem-set t1 999", 1, "1 to 256 MiB")
        run("hvctl list --json t1 | tr -d ' \\n'", text='"max_memory_kib":262144')
        run("hvctl mem-max t1 192M && hvctl dump-config t1", text="maxmem = 192")
        run("hvctl mem-set t1 112", text="t1: 112 MiB")
        # A stock kernel gets as far as maxmem only by the memory map that it was given.
        run("hvctl mem-set t1 192", text="t1: 192 MiB")
        run("hvctl list t1 | awk 'NR == 2 { exit $3 != 192 }'")
        # Without waiting it is only asked: while it is paused nothing moves.
        run("hvctl pause t1 && hvctl mem-set --no-wait t1 128 && hvctl list t1", text=" 192 ")
        run("hvctl unpause t1 && hvctl mem-set t1 128", text="t1: 128 MiB")
        run("hvctl list --json t1 | tr -d ' \\n'", text='"vcpus":1,"max_vcpus":2')
        media(run, until, log)
        # Its memory as a core: of a guest that goes on, sparse in a file and whole in a pipe.
        run("hvctl crash-dump t1 /tmp/t1.core && head -c 4 /tmp/t1.core | tail -c 3", text="ELF")
        run("[ $(stat -c %s /tmp/t1.core) -gt 126000000 ] && [ $(du -k /tmp/t1.core | cut -f 1) -lt 120000 ]")
        run("[ $(hvctl crash-dump t1 - | wc -c) = $(stat -c %s /tmp/t1.core) ] && rm /tmp/t1.core && hvctl list t1")
        run("! hvctl list t1 | grep paused")
        run("hvctl crash-dump t1 /dev/full", 1, "cannot write /dev/full: No space left on device; see whether there is room")
        # A reboot is a new domain with the same name, address and disk.
        run("hvctl reboot t1")
        until("hvctl domid t1 2>/dev/null | grep -q 2")
        until("[ $(grep -c 'GUEST-up t1' %s) = 2 ]" % log)
        run("hvctl network-list t1", text="00:16:3e:00:00:41")
        # What lies in the drives is what lay in them, and not what it was created with.
        until("hvctl block-list t1 | grep -q 'xvdc .* connected .*/t2.img'")
        run("hvctl block-list t1 | grep xvdd", text=" empty")
        run("hvctl shutdown --timeout=120 t1", seconds=180)
        run("hvctl list t1", 3)
        # What was told meanwhile, a line of JSON for each, and what it said is still there.
        run("kill $(cat /tmp/events.pid); cat /tmp/events", text='"event":"state"')
        for word in ("present", "created", "gone"):
            run("grep '\"event\":\"%s\"' /tmp/events" % word, text='"name":"t1"')
        run("hvctl console --log t1", text="GUEST-up t1")
        # A kernel that finds no init panics: that is a crash, and it is to be kept.
        run("hvctl create -q /t1.cfg 'extra=\"console=hvc0 rdinit=/none root=/none panic=0\"' 'on_crash=\"preserve\"'")
        until("hvctl list t1 | grep -q crashed")
        run("hvctl crash-dump t1 /tmp/t1.core && rm /tmp/t1.core")
        run("hvctl destroy t1")
        until("! hvctl list t1 2>/dev/null")
        # One that has lived for a while is kept under another name, and the next one has its disk.
        run("hvctl create -q /t1.cfg 'on_crash=\"rename-restart\"' "
            "'extra=\"console=hvc0 guest.name=t1 guest.job=idle sysrq_always_enabled\"'")
        until("[ $(grep -c 'GUEST-up t1' %s) = 3 ]" % log)
        run("sleep 6; hvctl sysrq t1 c")
        until("[ $(grep -c 'GUEST-up t1' %s) = 4 ]" % log)
        run("hvctl list", text=" crashed ")
        run("cat /var/log/hvctl/t1.log", text="what 't1' was is kept as 't1-")
        run("hvctl dump-config $(hvctl list | sed -n 's/^\\(t1-[0-9]*\\) .*/\\1/p')", text='on_crash = "rename-restart"')
        run("hvctl destroy t1; hvctl destroy $(hvctl list | sed -n 's/^\\(t1-[0-9]*\\) .*/\\1/p')")
        until("! hvctl list t1 2>/dev/null")
        # dom0's memory has no room for cores.
        run("mkdir -p /srv/guests/dump /var/lib/annulus && ln -s /srv/guests/dump /var/lib/annulus/dump")
        # Another one leaves a core by itself, and is not built again, since it has not lived for long or is to go.
        run("hvctl create -q /t1.cfg 'extra=\"console=hvc0 rdinit=/none root=/none panic=0\"' 'on_crash=\"coredump-destroy\"'")
        until("! hvctl list t1 2>/dev/null")
        run("cat /var/log/hvctl/t1.log", text="the core of 't1'")
        run("head -c 4 /var/lib/annulus/dump/t1.core | tail -c 3; rm -r /var/lib/annulus/dump /srv/guests/dump", text="ELF")
        until(SNAPSHOT + " >/tmp/after; diff /tmp/before /tmp/after")
        run("hvctl debug audit", text="audit clean")


def media(run, until, log):
    """CDs come and go, in a drive of the kernel's and in one of hvblkd's; the guest's kernel sees it."""
    run("hvctl block-list t1 | grep xvdc", text=" empty")
    run("hvctl cd-eject t1 xvdc", 1, "xvdc of domain 1 is empty already")
    run("hvctl cd-eject t1 xvda", 1, "xvda of domain 1 is a disk and no CD drive")
    run("hvctl cd-insert t1 xvdc /srv/none.iso", 1, "/srv/none.iso (xvdc) cannot be found")
    run("hvctl cd-insert t1 xvdc /srv/guests/t1.img", 1, "/srv/guests/t1.img (xvdc) is in use by domain 1")
    run("hvctl block-list t1 | grep -c -e 'xvdc .* empty' -e 'xvdd .* connected .*/t2.img'", text="2")
    run("truncate -s 5M /srv/cd.iso; cd /srv && hvctl cd-insert t1 xvdd cd.iso; cd /")
    run("hvctl cd-insert t1 xvdc /srv/guests/t2.img")
    until("[ $(hvctl block-list t1 | grep -c -e 'xvdc .* connected .*/t2.img' -e 'xvdd .* connected .*/srv/cd.iso') = 2 ]")
    run("xenstore-read /local/domain/0/backend/hvblk/1/51760/sectors", text="10240")
    until("[ $(grep -c 'blkfront: xvdd' %s) = 2 ] && grep -q 'blkfront: xvdc' %s" % (log, log))
    run("hvctl cd-eject t1 xvdd && hvctl block-list t1 | grep xvdd", text=" empty")
    run("xenstore-exists /local/domain/1/device/vbd/51760", 1)
    run("hvctl dump-config t1 | grep -c -e 'vdev=xvdd.*target=\",' -e 'vdev=xvdc.*target=/srv/guests/t2.img'", text="2")


def watching(run, until):
    """Looking at t1, a guest of two vCPUs, with all that only looks; events are written to /tmp/events from here on."""
    run("hvctl events >/tmp/events & echo $! >/tmp/events.pid")
    until("grep -q present /tmp/events")
    run("hvctl pause t1")
    until("grep -q '\"state\":\"paused\"' /tmp/events")
    run("hvctl unpause t1")
    # CPUs: all of them at first, then one, then again.
    run("hvctl vcpu-list t1 | awk 'NR > 1 { print $3, $7 $8 $9 }'", text="0 all/all")
    run("hvctl vcpu-pin t1 1 1 0 && hvctl vcpu-list t1 | awk '$3 == 1 { print \"pinned\", $7 $8 $9 }'", text="pinned 1/")
    run("hvctl vcpu-pin t1 all all all && hvctl vcpu-list --json t1 | tr -d ' \\n'", text='"cpus":"0,1"')
    run("hvctl sched t1", text=" 256     0")
    run("hvctl sched --weight=512 --cap=80 t1 && hvctl sched t1", text=" 512    80")
    run("hvctl sched --weight=256 --cap=0 t1 && hvctl sched --json t1 | tr -d ' \\n'", text='"weight":256,"cap":0')
    # Its kernel answers on its console.
    run("hvctl sysrq t1 h")
    until("hvctl console --log t1 | grep -q 'sysrq: HELP'")
    run("hvctl trigger t1 nmi")
    until("hvctl console --log t1 | grep -qi 'NMI received'")
    # What it was made of is a configuration again.
    run("hvctl dump-config t1 >/tmp/dump && hvctl config-check -W /tmp/dump", text="'t1', 128 MiB, 2 vCPUs, 3 disks, 1 vifs")
    run("grep -c -e 'maxmem = 192' -e 'mac=00:16:3e:00:00:41' -e 'target=/srv/guests/t1.img' /tmp/dump", text="3")
    # Nobody takes half an answer for a whole one.
    for verb in ("list", "list --json", "vcpu-list t1", "dump-config t1", "events", "top -b --count=1", "metrics", "help"):
        run("hvctl %s 2>&1 >/dev/full" % verb, 4, "see whether the disk behind it is full")
    run("{ sleep 1; hvctl events; echo $? >/tmp/status; } 2>/tmp/why | true; grep -x 4 /tmp/status && cat /tmp/why",
        text="has gone")
    # Figures, for people and for programs.
    run("hvctl top -b --count=2 --delay=1 | grep -c '^t1 '", text="2")
    run("hvctl metrics", text='annulus_domain_vcpus{domid="1",name="t1"} 2')
    run("hvctl metrics | tail -n 1", text="# EOF")
    run("hvctl metrics --listen=127.0.0.1:9999 & echo $! >/tmp/metrics.pid")
    until("wget -q -O /tmp/metrics http://127.0.0.1:9999/metrics")
    run("grep domain_up /tmp/metrics", text='annulus_domain_up{domid="1",name="t1"} 1')
    run("! wget -q -O /dev/null http://127.0.0.1:9999/else")
    run("kill $(cat /tmp/metrics.pid)")
    # The hypervisor's log as it grows.
    run("hvctl dmesg -f >/tmp/follow & echo $! >/tmp/follow.pid")
    until("[ -s /tmp/follow ]")
    run("hvctl debug keys h")
    until("grep -q 'this list' /tmp/follow")
    run("kill $(cat /tmp/follow.pid)")
    run("[ $(grep -c 'this list' /tmp/follow) = 1 ]")


def changing(build):
    """Files that are cut off while they are read, and a hvctl that is killed outright: nothing is left in any case."""
    with build.dom0() as m:
        prepare(m)

        def run(command, want=0, seconds=240):
            code, out = shell(m, command, seconds)
            check(code == want, "%s: exit status %d instead of %d: %s" % (command, code, want, out))
            return out

        def nothing_left(what):
            code, out = shell(m, "n=150; until %s >/tmp/after; diff /tmp/before /tmp/after >/tmp/diff; do n=$((n-1)); "
                                 "[ $n -gt 0 ] || break; usleep 200000; done; cat /tmp/diff; [ $n -gt 0 ]" % SNAPSHOT, 120)
            check(code == 0, "%s left something behind: %s" % (what, out))

        run("hvctl create -q /t1.cfg; hvctl destroy t1; sleep 1")
        run("cp /media/boot/vmlinuz /tmp/kernel")
        run(SNAPSHOT + " >/tmp/before")
        # When the domain is there, its memory has still to come and the ramdisk to be read.
        appears = "until hvctl domid t1 >/dev/null 2>&1 || [ $(hvctl list | wc -l) -gt 2 ]; do :; done"
        seen = 0
        for attempt in range(6):
            run("dd if=/dev/zero of=/tmp/ramdisk bs=1048576 count=120 2>/dev/null")
            code, out = shell(m, "(hvctl create -q /t1.cfg 'ramdisk=\"/tmp/ramdisk\"' memory=400 >/tmp/out 2>&1; "
                                 "echo $? >/tmp/status) & %s; truncate -s 4096 /tmp/ramdisk; wait; echo ma''rk; cat /tmp/out; "
                                 "[ $(cat /tmp/status) != 0 ] || hvctl destroy t1; (exit $(cat /tmp/status))" % appears, 300)
            out = out.rsplit("mark\n", 1)[-1].strip()
            check(code in (0, 1), "a ramdisk that was cut off: exit status %d: %s" % (code, out))
            if code:
                check("ramdisk /tmp/ramdisk changed while it was read" in out and "\n" not in out,
                      "a ramdisk that was cut off: " + out)
                seen += 1
            nothing_left("a ramdisk that was cut off")
            if seen == (2 if SOAK else 1):
                break
        check(seen, "no ramdisk could be cut off in time")
        # The kernel before that: while it is read and unpacked there is no domain yet.
        for ms in (20, 60, 100, 150) if SOAK else (60,):
            run("cp /media/boot/vmlinuz /tmp/kernel")
            code, out = shell(m, "hvctl create -q /t1.cfg 'kernel=\"/tmp/kernel\"' >/tmp/out 2>&1 & usleep %d; "
                                 "truncate -s 100000 /tmp/kernel; wait $!; r=$?; echo ma''rk; cat /tmp/out; "
                                 "[ $r != 0 ] || hvctl destroy t1; (exit $r)" % (ms * 1000), 300)
            check(code in (0, 1), "a kernel that was cut off: exit status %d: %s" % (code, out))
            nothing_left("a kernel that was cut off")
        # Killed in the middle: the guard takes down what is there. At every step: create_test.
        for attempt in range(3 if SOAK else 1):
            run("hvctl create -q /t1.cfg memory=400 >/tmp/out 2>&1 & until hvctl domid t1 >/dev/null 2>&1; do :; done; "
                "kill -KILL $!; wait $!; [ $? = 137 ]")
            nothing_left("a hvctl create that was killed")
        run("rm /tmp/ramdisk /tmp/kernel")
        out = run("hvctl debug audit")
        check("audit clean" in out, "audit: " + out)
        return "%d ramdisks cut off" % seen


def cases(build):
    yield "changing", lambda: changing(build)
    yield "mistakes", lambda: mistakes(build)
    yield "life", lambda: life(build)
