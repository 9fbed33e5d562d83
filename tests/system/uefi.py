# SPDX-License-Identifier: GPL-2.0-or-later
"""UEFI firmware for QEMU: Debian's OVMF."""
FIRMWARE = "/usr/share/OVMF/OVMF_CODE_4M.fd"
VARIABLES = "/usr/share/OVMF/OVMF_VARS_4M.fd"  # to be copied: the machine writes there


def flash(variables):
    """Options for -drive: the firmware, and its variables in a file of the machine's own."""
    return ["if=pflash,unit=0,format=raw,readonly=on,file=" + FIRMWARE, "if=pflash,unit=1,format=raw,file=" + variables]
