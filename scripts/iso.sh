#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# iso.sh OUT.iso HYPERVISOR BUILD - a CD image that GRUB2 boots by multiboot 2, console on the first serial port.
# HV_ARGS and DOM0_ARGS are added to the two command lines.
set -euo pipefail
out=$1 hv=$2 b=$3
dir=$b/root/iso
rm -rf "$dir"
mkdir -p "$dir/boot/grub"
cp "$hv" "$dir/boot/annulus.elf"
cp "$b/kernel/vmlinuz" "$dir/boot/vmlinuz"
cp "$b/dom0.cpio.gz" "$dir/boot/dom0.gz"
cp "$b/guest.cpio.gz" "$dir/boot/guest.gz"
hv_args="console=com1 com1=115200 dom0_mem=640M dom0_max_vcpus=2 ${HV_ARGS:-}"
dom0_args="console=hvc0 ${DOM0_ARGS:-}"
cat >"$dir/boot/grub/grub.cfg" <<END
serial --unit=0 --speed=115200
terminal_input serial console
terminal_output serial console
set timeout=0
menuentry 'Annulus with a Debian dom0' {
	echo 'GRUB: loading the hypervisor, dom0 kernel and initramfs (a few seconds) ...'
	multiboot2 /boot/annulus.elf $hv_args
	module2 --nounzip /boot/vmlinuz vmlinuz $dom0_args
	module2 --nounzip /boot/dom0.gz dom0.gz
}
END
echo "making ${out##*/}"
if ! grub-mkrescue -o "$out.new" "$dir" >"$b/iso.log" 2>&1; then
	cat "$b/iso.log" >&2
	echo "iso.sh: grub-mkrescue failed" >&2
	exit 1
fi
mv "$out.new" "$out"
