#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# initramfs.sh BUILD [32] - everything that runs above the hypervisor, from BUILD/kernel and the tools in BUILD:
#   BUILD/dom0.cpio.gz   dom0: busybox, our tools, Debian's xenstore clients, kernel modules, scripts/dom0/
#   BUILD/guest.cpio.gz  a guest: busybox, its few modules, scripts/guest/
#   BUILD/disk.img       dom0's data disk: the file that guests fetch, and room for guest disks
# With 32, the same for the kernel of `make linux32`, which needs no modules, from BUILD/i386 and BUILD/tools32:
#   BUILD/dom0-32.cpio.gz, BUILD/guest-32.cpio.gz; files in scripts/dom0-32/ take the place of those in scripts/dom0/
set -euo pipefail

b=$(realpath "$1")
here=$(realpath "$(dirname "$0")")
kernel=$b/kernel
bits=${2:-64}
case $bits in
64) suffix='' sys='' tools=$b version=$(cat "$kernel/version") ;;
32) suffix=-32 sys=$b/i386/root tools=$b/tools32 version='' ;;
*)  echo "initramfs.sh: 64 or 32 bits, not $bits" >&2; exit 1 ;;
esac
work=$b/root$suffix
umask 022

fail() { echo "initramfs.sh: $*" >&2; exit 1; }
. "$here/roots.sh"

# What dom0 needs of the kernel's modules; dependencies come by themselves.
dom0_modules="xen-privcmd xen-gntdev xen-gntalloc xen-evtchn xenfs xen-blkback xen-netback loop bridge tun e1000
	e1000e virtio_pci virtio_blk virtio_scsi virtio_net nvme ahci ata_piix sd_mod sr_mod isofs ext4 crc32c_generic efivarfs"
guest_modules="xen-blkfront xen-netfront ext4 crc32c_generic"

program() { # ROOT FILE... - programs with the libraries they are linked to, at the places where they are here
	local root=$1 f lib
	shift
	if [ "$bits" = 32 ]; then
		for f in "$@"; do foreign_program "$root" "$f"; done
		return
	fi
	for f in "$@"; do
		{ ldd "$f" 2>/dev/null || true; } | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p
			s/^[[:space:]]*\(\/[^ ]*ld-linux[^ ]*\) .*/\1/p' |
		while read -r lib; do
			[ -e "$root$lib" ] || install -D -m 755 "$(realpath "$lib")" "$root$lib"
		done
	done
}

foreign_program() { # ROOT FILE - the same below $sys, without running its loader
	local root=$1 lib
	readelf -l -d "$2" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p; s/.*interpreter: .*\/\(.*\)\]/\1/p' | while read -r lib; do
		[ ! -e "$root/lib/$lib" ] || continue
		install -D -m 755 "$(realpath "$(find "$sys/lib" "$sys/usr/lib" -name "$lib" | head -n 1)")" "$root/lib/$lib"
		foreign_program "$root" "$root/lib/$lib"
	done
}

echo "packing the guest's initramfs${suffix:+ ($bits bits)}"
base "$work/guest"
# shellcheck disable=SC2086
modules "$work/guest" $guest_modules
install -m 755 "$here/guest/init" "$work/guest/init"
install -m 755 "$here/guest/poweroff" "$work/guest/sbin/poweroff"
ln -sf poweroff "$work/guest/sbin/reboot"
pack "$work/guest" "$b/guest$suffix.cpio.gz"

echo "packing dom0's initramfs${suffix:+ ($bits bits)}"
base "$work/dom0"
# shellcheck disable=SC2086
modules "$work/dom0" $dom0_modules
install -m 755 "$here/dom0/init" "$work/dom0/init"
for f in demo guest-disk; do
	install -m 755 "$here/dom0/$f" "$work/dom0/sbin/$f"
done
install -D -m 644 "$here/dom0$suffix/profile" "$work/dom0/etc/profile"
for f in "$here"/dom0/*.cfg "$here/dom0$suffix"/*.cfg; do
	install -D -m 644 "$f" "$work/dom0/etc/annulus/$(basename "$f")"
done
for t in hvctl hvstored hvconsoled hvblkd hvnetd hvballoond; do
	if [ -x "$tools/$t" ]; then
		install -D -m 755 "$tools/$t" "$work/dom0/usr/sbin/$t"
		program "$work/dom0" "$tools/$t"
	else
		echo "initramfs.sh: warning: $tools/$t has not been built, dom0 goes without it" >&2
	fi
done
for f in "$b"/frontends/minimal-*.elf; do # the fast test guest
	[ -e "$f" ] || continue
	install -D -m 644 "$f" "$work/dom0/usr/lib/annulus/$(basename "$f")"
	strip -g "$work/dom0/usr/lib/annulus/$(basename "$f")"
done
if [ "$bits" = 64 ]; then # Debian has none for i386
	for t in ls read write list rm watch exists chmod; do
		install -m 755 "/usr/bin/xenstore-$t" "$work/dom0/usr/bin/xenstore-$t"
		program "$work/dom0" "/usr/bin/xenstore-$t"
	done
fi
mke2fs=$sys/sbin/mke2fs
[ "$bits" = 32 ] || mke2fs=$(command -v mke2fs || echo /sbin/mke2fs)
install -m 755 "$mke2fs" "$work/dom0/sbin/mkfs.ext4"
program "$work/dom0" "$work/dom0/sbin/mkfs.ext4"
if [ -d "${EXTRA_DOM0:-}" ]; then # more files for tests
	cp -a "$EXTRA_DOM0/." "$work/dom0/"
fi
pack "$work/dom0" "$b/dom0$suffix.cpio.gz"
[ "$bits" = 64 ] || exit 0

if [ ! -e "$b/disk.img" ]; then
	echo "making dom0's data disk"
	rm -rf "$work/disk" "$b/disk.img.new"
	mkdir -p "$work/disk/www" "$work/disk/guests"
	head -c 16777216 /dev/urandom >"$work/disk/www/16m.bin"
	sha256sum <"$work/disk/www/16m.bin" | cut -d ' ' -f 1 >"$work/disk/www/16m.sha256"
	truncate -s 1G "$b/disk.img.new"
	mke2fs -q -t ext4 -L annulus-data -O ^has_journal -d "$work/disk" "$b/disk.img.new"
	mv "$b/disk.img.new" "$b/disk.img"
fi
touch "$b/disk.img"
