# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of the patched kernels of linux-patches/ share: where they are, dom0 with files of a test, a guest's console,
and the boot on a bare machine."""
import contextlib
import os
import re
import shutil
import subprocess
import tempfile

from machine import Qemu, Skip, check, shell, wait_shell

TROUBLE = r"Kernel panic|GUEST-complaint|\(annulus\).* E |BUG: |Oops"


def built(build, kernel, *names):
    """Paths of what `make KERNEL` has left."""
    for name in names:
        if not os.path.exists(build.file(kernel + "/" + name)):
            raise Skip("%s is not there: make %s" % (build.file(kernel + "/" + name), kernel))
    return [build.file(kernel + "/" + name) for name in names]


def image(path, size, label, files):
    """An ext4 file system with {path in it: file}, of features that GRUB 2.06 knows."""
    with tempfile.TemporaryDirectory(prefix="annulus-image-") as d:
        for to, origin in files.items():
            os.makedirs(os.path.dirname(os.path.join(d, to)), exist_ok=True)
            shutil.copyfile(origin, os.path.join(d, to))
        done = subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-L", label, "-O", "^has_journal,^metadata_csum,^64bit",
                               "-d", d, path, size], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    check(done.returncode == 0, "mke2fs: " + done.stdout.decode("utf-8", "replace"))


@contextlib.contextmanager
def dom0(build, files):
    """Debian's 64-bit dom0, with the files in its /l32."""
    with tempfile.TemporaryDirectory(prefix="annulus-l32-") as d:
        image(d + "/l32.img", "160M", "annulus-l32", files(d))
        with build.dom0(extra=["-drive", "file=%s/l32.img,if=virtio,format=raw" % d]) as m:
            wait_shell(m, 400)
            run(m, "dmesg -n 1; mkdir /l32; mount -t ext4 $(findfs LABEL=annulus-l32) /l32")
            yield m


def run(m, command, seconds=60):
    code, out = shell(m, command, seconds)
    check(code == 0, "%s: exit %d: %s" % (command, code, out))
    return out


def console(m, name, until, seconds):
    """Wait for a line on a guest's console, or for trouble; returns all that the console has printed."""
    log = "/var/log/hvconsole/%s.log" % name
    run(m, "i=0; until grep -a -q -E '%s|Kernel panic|BUG: |Oops' %s; do i=$((i+1)); [ $i -lt %d ] || break; sleep 1; done"
        % (until, log, seconds), seconds + 60)
    text = run(m, "tr -d '\\r\\000' <%s" % log)
    check(re.search(until, text), "%s never printed '%s': %s" % (name, until, text[-2000:]))
    return text


def config(m, path, text):
    run(m, "cat >%s <<'EOT'\n%sEOT\n:" % (path, text))


def bare(bzimage, root, cpu, job="idle", end="poweroff", cpus=2):
    m = Qemu(cpu=cpu, cpus=cpus, mem=256, nic=None)
    m.argv += ["-kernel", bzimage, "-initrd", root, "-append",
               "console=ttyS0 guest.name=bare guest.job=%s guest.end=%s" % (job, end)]
    with m:
        m.expect(r"GUEST-up bare .* cpus 2", 180, fail=r"Kernel panic|BUG: |Oops")
        m.wait_exit(180)
        check("runs in ring" not in m.log, "the bare kernel takes itself for a guest")
        return m.log
