# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests put into dom0 and guests: files in archives behind the initramfs, which the kernel unpacks one after the other."""
import os
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))


def pack(directory, names):
    return subprocess.run("printf '%s\\n' | cpio --quiet -o -H newc -R 0:0 | gzip -n" % "\\n".join(names), shell=True,
                          cwd=directory, stdout=subprocess.PIPE, check=True).stdout


def dom0_with(build, directory, names):
    """dom0's initramfs, in this directory, with these of its files in it."""
    path = os.path.join(directory, "dom0.cpio.gz")
    shutil.copy(build.need("dom0.cpio.gz"), path)
    with open(path, "ab") as f:
        f.write(pack(directory, names))
    return path


def dom0_with_init(build, directory, init, name):
    """The same with the init of a guest, tests/system/`init`, as an archive of its own: /name."""
    guest = os.path.join(directory, "guest")
    os.makedirs(guest, exist_ok=True)
    shutil.copy(os.path.join(HERE, init), guest)
    with open(os.path.join(directory, name), "wb") as f:
        f.write(pack(guest, ["init"]))
    return dom0_with(build, directory, [name])
