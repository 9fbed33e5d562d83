#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""demo.py [BUILD] - boot the ISO as `make run` does, drive it, print the demo's checklist; exit 0 if every line is ok.

Environment: DEMO_BITS=32 (the 32-bit dom0 of BUILD/annulus32.iso, with a 64-bit and a 32-bit guest), DEMO_CPU (default
qemu64,-svm), DEMO_CPUS (default 2), DEMO_MEM (MiB, default 1536), DEMO_LIMIT (seconds for all of it, default 900),
DEMO_VERBOSE=1 (show the serial port). The serial log is BUILD/demo.log or demo32.log.
"""
import hashlib
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import machine  # noqa: E402
from machine import Failure  # noqa: E402


def kernel_equals_package(build, iso):
    """sha256 of /boot/vmlinuz on the ISO, and of the package's file, read from both anew."""
    version = open(build.need("kernel/version")).read().strip()
    debs = [f for f in os.listdir(build.file("kernel")) if f.endswith(".deb")]
    deb = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", build.file("kernel/" + debs[0])], stdout=subprocess.PIPE)
    packaged = subprocess.run(["tar", "-xO", "./boot/vmlinuz-" + version], stdin=deb.stdout, stdout=subprocess.PIPE,
                              check=True).stdout
    deb.stdout.close()
    deb.wait()
    out = build.file("demo.vmlinuz")
    if os.path.exists(out):
        os.unlink(out)
    subprocess.run(["xorriso", "-osirrox", "on", "-indev", iso, "-extract", "/boot/vmlinuz", out], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(out, "rb") as f:
        booted = f.read()
    os.unlink(out)
    return hashlib.sha256(booted).hexdigest(), hashlib.sha256(packaged).hexdigest(), debs[0].rsplit(".", 1)[0]


def assist(m):
    """What the emulated CPU really offers, asked from QEMU itself."""
    have = []
    for feature in ("svm", "vmx"):
        try:
            if m.qmp("qom-get", path="/machine/unattached/device[0]", property=feature):
                have.append(feature)
        except Failure:
            pass
    return have


# What the patched kernel prints after reading %cs: the lower two bits are the ring it runs in.
RING = r"Xen: kernel code runs in ring (\d) \(cs=(0x[0-9a-f]+)\)"


def ring1(text, who):
    """(whether it is so, a line for the checklist) of a kernel's own word, in its log, on the ring it runs in."""
    found = re.search(RING, text)
    if not found:
        return False, "%s does not say which ring it runs in" % who
    cpl = int(found.group(2), 16) & 3
    return found.group(1) == "1" and cpl == 1, "%s runs with CPL %d, says its own cs (%s)" % (who, cpl, found.group(2))


class Checklist:
    def __init__(self, out):
        self.out = out
        self.failures = 0
        self.lines = 0

    def line(self, good, text):
        self.lines += 1
        self.failures += not good
        self.out("%-4s %s" % ("ok" if good else "FAIL", text))


LOG = {64: "demo.log", 32: "demo32.log"}


def run(build, cpu="qemu64,-svm", cpus=2, mem=1536, limit=900, out=print, echo=None, bits=64):
    """Returns (failures, machine log)."""
    iso = build.need("annulus.iso" if bits == 64 else "annulus32.iso")
    left = lambda: max(1.0, limit - m.clock())  # noqa: E731
    todo = Checklist(out)
    m = machine.Qemu(iso=iso, cpu=cpu, cpus=cpus, mem=mem,
                     disks=["file=%s,if=virtio,format=raw,snapshot=on" % build.need("disk.img")])
    m.echo = echo
    try:
        with m:
            found = m.expect(r"\((annulus|XEN)\).*|Kernel panic", min(120, left()))
            m.mark = found.start()
            seconds = machine.wait_shell(m, min(240, left()))
            grub = re.search(r"\(annulus\).*(GRUB 2[^\s,;\"']*)", m.log)
            todo.line(grub, "GRUB2 booted it: " + (grub.group(1) if grub else "the hypervisor does not name its boot loader so"))
            have = assist(m)
            todo.line("-svm" not in cpu or not have,
                      "hardware assist " + ("present (%s), unused" % ", ".join(have) if have else "absent") + ": CPU " + cpu)
            booted, packaged, package = kernel_equals_package(build, iso)
            todo.line(booted == packaged, "%s kernel equals the file of %s: sha256 %s" %
                      ("dom0" if bits == 64 else "the 64-bit guest's", package, booted[:16]))
            out("       (dom0's shell was there after %.1f s)" % seconds)

            m.send("demo\n")
            m.expect(r"^DEMO-BEGIN\n", min(30, left()))
            begin = m.mark
            while True:
                found = m.expect(r"^(CHECK (ok|FAIL) +(.*)|  \.\.\. (.*)|DEMO-END (\d+))\n", left(),
                                 fail=r"Kernel panic - not syncing: Fatal|PANIC")
                if found.group(5):
                    break
                if found.group(2):
                    todo.line(found.group(2) == "ok", found.group(3))
                else:
                    out("       (%s)" % found.group(4))
            m.expect(machine.PROMPT, 30)
            if bits == 32:
                todo.line(*ring1(m.log[:begin], "dom0's kernel"))
                log = machine.shell(m, "uname -m; grep -a -h 'runs in ring' /var/log/hvconsole/demo2.log")[1]
                todo.line(log.startswith("i686\n"), "dom0 is " + log.split("\n")[0])
                todo.line(*ring1(log, "demo2's kernel"))
            complaints = m.complaints(begin)
            todo.line(not complaints, "no hypervisor log line at warning or above" +
                      (": %d, the first: %s" % (len(complaints), complaints[0]) if complaints else ""))
            m.send("poweroff\n")
            m.wait_exit(min(60, left()))
            todo.line(True, "the machine powered off")
    except Failure as e:
        todo.line(False, "%s%s" % (e, " (the demo's limit of %d s)" % limit if m.clock() >= limit else ""))
    with open(build.file(LOG[bits]), "w") as f:
        f.write(m.log)
    out("demo: %d of %d lines ok, %.0f s" % (todo.lines - todo.failures, todo.lines, m.seconds()))
    return todo.failures, m.log


def main():
    build = machine.Build(sys.argv[1] if len(sys.argv) > 1 else "build")
    env = os.environ.get
    echo = (lambda text: (sys.stderr.write(text), sys.stderr.flush())) if env("DEMO_VERBOSE") else None
    bits = int(env("DEMO_BITS") or 64)
    failures, log = run(build, env("DEMO_CPU") or "qemu64,-svm", int(env("DEMO_CPUS") or 2), int(env("DEMO_MEM") or 1536),
                        int(env("DEMO_LIMIT") or 900), lambda text: print(text, flush=True), echo, bits)
    if failures:
        print("the end of the serial log (all of it: %s):" % build.file(LOG[bits]))
        for line in log.split("\n")[-30:]:
            print("  | " + line)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
