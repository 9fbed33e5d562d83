#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# initramfs.sh BUILD - everything that runs above the hypervisor, from BUILD/kernel and the tools in BUILD:
#   BUILD/dom0.cpio.gz   dom0: busybox, our tools, Debian's xenstore clients, kernel modules, scripts/dom0/
#   BUILD/guest.cpio.gz  a guest: busybox, its few modules, scripts/guest/
#   BUILD/disk.img       dom0's data disk: the file that guests fetch, and room for guest disks
set -euo pipefail

b=$(realpath "$1")
here=$(realpath "$(dirname "$0")")
kernel=$b/kernel
version=$(cat "$kernel/version")
work=$b/root
umask 022

fail() { echo "initramfs.sh: $*" >&2; exit 1; }

# What dom0 needs of the kernel's modules; dependencies come by themselves.
dom0_modules="xen-privcmd xen-gntdev xen-gntalloc xen-evtchn xenfs xen-blkback xen-netback loop bridge e1000
	virtio_pci virtio_blk virtio_net ahci ata_piix sd_mod sr_mod isofs ext4 crc32c_generic"
guest_modules="xen-blkfront xen-netfront ext4 crc32c_generic"

base() { # ROOT - directories and busybox under all its names
	rm -rf "$1"
	mkdir -p "$1"/{bin,sbin,etc,dev,proc,sys,run,tmp,root,mnt,var/log,usr/bin,usr/sbin,lib/modules}
	chmod 1777 "$1/tmp"
	cp /bin/busybox "$1/bin/busybox"
	local a
	for a in $("$1/bin/busybox" --list); do
		[ "$a" = busybox ] || ln -s /bin/busybox "$1/bin/$a"
	done
	ln -s /bin/busybox "$1/sbin/modprobe"
	echo 'root::0:0:root:/root:/bin/sh' >"$1/etc/passwd"
	echo 'root:x:0:' >"$1/etc/group"
}

modules() { # ROOT MODULE... - the modules, what they need, and an index of just these
	local root=$1 m f
	shift
	for m in "$@"; do
		modprobe -d "$kernel/root" -S "$version" --show-depends "$m" || fail "the kernel package has no module $m"
	done | awk '$1 == "insmod" { print $2 }' | sort -u | while read -r f; do
		install -D -m 644 "$f" "$root/lib/modules/$version/kernel/$(basename "$f")"
	done
	cp "$kernel/root/lib/modules/$version/modules.builtin" "$kernel/root/lib/modules/$version/modules.order" \
		"$root/lib/modules/$version/"
	depmod -b "$root" "$version" 2>/dev/null
}

program() { # ROOT FILE... - programs with the libraries they are linked to, at the places where they are here
	local root=$1 f lib
	shift
	for f in "$@"; do
		{ ldd "$f" 2>/dev/null || true; } | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p
			s/^[[:space:]]*\(\/[^ ]*ld-linux[^ ]*\) .*/\1/p' |
		while read -r lib; do
			[ -e "$root$lib" ] || install -D -m 755 "$(realpath "$lib")" "$root$lib"
		done
	done
}

pack() { # ROOT FILE
	(cd "$1" && find . -print0 | LC_ALL=C sort -z | cpio --quiet -0 -o -H newc -R 0:0) | gzip -n -6 >"$2.new"
	mv "$2.new" "$2"
}

echo "packing the guest's initramfs"
base "$work/guest"
# shellcheck disable=SC2086
modules "$work/guest" $guest_modules
install -m 755 "$here/guest/init" "$work/guest/init"
install -m 755 "$here/guest/poweroff" "$work/guest/sbin/poweroff"
ln -sf poweroff "$work/guest/sbin/reboot"
pack "$work/guest" "$b/guest.cpio.gz"

echo "packing dom0's initramfs"
base "$work/dom0"
# shellcheck disable=SC2086
modules "$work/dom0" $dom0_modules
install -m 755 "$here/dom0/init" "$work/dom0/init"
for f in demo guest-disk; do
	install -m 755 "$here/dom0/$f" "$work/dom0/sbin/$f"
done
install -D -m 644 "$here/dom0/profile" "$work/dom0/etc/profile"
for f in "$here"/dom0/*.cfg; do
	install -D -m 644 "$f" "$work/dom0/etc/annulus/$(basename "$f")"
done
for t in hvctl hvstored hvconsoled; do
	if [ -x "$b/$t" ]; then
		install -D -m 755 "$b/$t" "$work/dom0/usr/sbin/$t"
		program "$work/dom0" "$b/$t"
	else
		echo "initramfs.sh: warning: $1/$t has not been built, dom0 goes without it" >&2
	fi
done
for f in "$b"/frontends/minimal-*.elf; do # the fast test guest
	[ -e "$f" ] || continue
	install -D -m 644 "$f" "$work/dom0/usr/lib/annulus/$(basename "$f")"
	strip -g "$work/dom0/usr/lib/annulus/$(basename "$f")"
done
for t in ls read write list rm watch exists chmod; do
	install -m 755 "/usr/bin/xenstore-$t" "$work/dom0/usr/bin/xenstore-$t"
	program "$work/dom0" "/usr/bin/xenstore-$t"
done
install -m 755 "$(command -v mke2fs || echo /sbin/mke2fs)" "$work/dom0/sbin/mkfs.ext4"
program "$work/dom0" "$work/dom0/sbin/mkfs.ext4"
if [ -d "${EXTRA_DOM0:-}" ]; then # more files for tests
	cp -a "$EXTRA_DOM0/." "$work/dom0/"
fi
pack "$work/dom0" "$b/dom0.cpio.gz"

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
