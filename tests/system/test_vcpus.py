# SPDX-License-Identifier: GPL-2.0-or-later
"""A stock guest with 8 virtual CPUs comes up on a machine with 2, and ends cleanly.

All eight are online in the guest, it answers to a shutdown, and the audit is clean with it and after it.
"""
from machine import check, shell, wait_shell

CONFIG = ('name = "g8"\\nkernel = "/media/boot/vmlinuz"\\nramdisk = "/media/boot/guest.gz"\\n'
          'extra = "console=hvc0 guest.name=g8 guest.job=idle"\\nmemory = 256\\nvcpus = 8\\n')
LOG = "/var/log/hvconsole/g8.log"


def run(m, command, seconds):
    code, out = shell(m, command, seconds)
    check(code == 0, "%s: exit %d: %s" % (command, code, out))
    return out


def test(build):
    with build.dom0(cpus=2) as m:
        wait_shell(m)
        run(m, "dmesg -n 4", 30)
        run(m, "printf '%s' >/g8.cfg" % CONFIG, 30)
        run(m, "hvctl create /g8.cfg", 240)
        run(m, "i=0; until grep -a -q '^GUEST-up g8 .* cpus 8' %s; do i=$((i+1)); [ $i -lt 3000 ] || break; "
               "usleep 100000; done; [ $i -lt 3000 ]" % LOG, 330)
        run(m, "hvctl debug audit", 60)
        run(m, "hvctl shutdown -w g8", 120)
        run(m, "hvctl debug audit", 60)
        check(not m.complaints(), "the hypervisor complained: " + "; ".join(m.complaints()[:3]))
