#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# iso.sh OUT.iso HYPERVISOR BUILD [32] - a CD image that GRUB2 boots by multiboot 2, console on the first serial port.
# With 32, dom0 is the 32-bit kernel of `make linux32`, and what a 32-bit guest needs lies beside what a 64-bit one does.
# HV_ARGS and DOM0_ARGS are added to the two command lines.
set -euo pipefail
out=$1 hv=$2 b=$3 bits=${4:-64}
dir=$b/root/iso
[ "$bits" = 64 ] || dir=$b/root-32/iso
rm -rf "$dir"
mkdir -p "$dir/boot/grub"
cp "$hv" "$dir/boot/annulus.elf"
cp "$b/kernel/vmlinuz" "$dir/boot/vmlinuz"
cp "$b/guest.cpio.gz" "$dir/boot/guest.gz"
if [ "$bits" = 64 ]; then
	title='Annulus with a Debian dom0' kernel=vmlinuz
	cp "$b/dom0.cpio.gz" "$dir/boot/dom0.gz"
else
	title='Annulus with a 32-bit dom0' kernel=vmlinux32
	cp "$b/dom0-32.cpio.gz" "$dir/boot/dom0.gz"
	cp "$b/linux32/vmlinux" "$dir/boot/vmlinux32"
	cp "$b/guest-32.cpio.gz" "$dir/boot/guest32.gz"
fi
hv_args="console=com1 com1=115200 dom0_mem=640M dom0_max_vcpus=2 ${HV_ARGS:-}"
dom0_args="console=hvc0 ${DOM0_ARGS:-}"
cat >"$dir/boot/grub/grub.cfg" <<END
serial --unit=0 --speed=115200
terminal_input serial console
terminal_output serial console
set timeout=0
# By UEFI the hypervisor's screen is a frame buffer that GRUB's drivers set up.
insmod all_video
menuentry '$title' {
	echo 'GRUB: loading the hypervisor, dom0 kernel and initramfs (a few seconds) ...'
	multiboot2 /boot/annulus.elf $hv_args
	module2 --nounzip /boot/$kernel $kernel $dom0_args
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
