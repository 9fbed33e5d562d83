#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# root32.sh DIR - user space for the 32-bit kernel in DIR:
#   DIR/root.cpio.gz   an initramfs of Debian's i386 busybox and stress-ng with scripts/guest/
#   DIR/small.cpio.gz  the same without stress-ng, for a boot loader that reads slowly
# The packages are fetched with a state of apt's own, so that this machine need not become a multi-architecture one, and stay in
# DIR/i386/. They are only unpacked, never run here.
set -euo pipefail

mkdir -p "$1"
dir=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
debs=$dir/i386/debs
umask 022
fail() { echo "root32.sh: $*" >&2; exit 1; }

if [ ! -e "$dir/i386/done" ]; then
	echo "fetching stress-ng and busybox-static for i386"
	rm -rf "$dir/i386"
	mkdir -p "$dir"/i386/{lists/partial,debs/partial}
	: >"$dir/i386/status"
	apt=(apt-get -q -o APT::Architecture=i386 -o APT::Architectures::=i386 -o APT::Install-Recommends=no
		-o Dir::State::lists="$dir/i386/lists" -o Dir::State::status="$dir/i386/status"
		-o Dir::State::extended_states="$dir/i386/extended" -o Dir::Cache::archives="$debs"
		-o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o Debug::NoLocking=true -o APT::Sandbox::User=root)
	# A list that cannot be had may not matter; whether the packages can be had decides.
	"${apt[@]}" -o Acquire::Languages=none update >"$dir/i386/log" 2>&1 || true
	"${apt[@]}" -y --download-only install stress-ng busybox-static >>"$dir/i386/log" 2>&1 ||
		{ tail -20 "$dir/i386/log" >&2; fail "the i386 packages could not be fetched"; }
	mkdir "$dir/i386/x"
	for d in "$debs"/*.deb; do
		dpkg-deb -x "$d" "$dir/i386/x"
	done
	rm -rf "$dir/i386/lists"
	touch "$dir/i386/done"
fi

x=$dir/i386/x
root=$dir/i386/root
rm -rf "$root"
mkdir -p "$root"/{bin,sbin,etc,dev,proc,sys,run,tmp,root,mnt,lib,var/log,usr/bin,usr/sbin}
chmod 1777 "$root/tmp"
cp "$x/bin/busybox" "$root/bin/busybox"
file=$(readelf -h "$x/bin/busybox" | sed -n 's/ *Class: *//p')
[ "$file" = ELF32 ] || fail "busybox is $file, not ELF32"
for a in $(busybox --list); do # the same version as the one for i386
	[ "$a" = busybox ] || ln -s /bin/busybox "$root/bin/$a"
done
echo 'root::0:0:root:/root:/bin/sh' >"$root/etc/passwd"
echo 'root:x:0:' >"$root/etc/group"

install -m 755 "$here/guest/init" "$root/init"
install -m 755 "$here/guest/poweroff" "$root/sbin/poweroff"
ln -sf poweroff "$root/sbin/reboot"

pack() { # FILE
	(cd "$root" && find . -print0 | LC_ALL=C sort -z | cpio --quiet -0 -o -H newc -R 0:0) | gzip -n -6 >"$1.new"
	mv "$1.new" "$1"
}
pack "$dir/small.cpio.gz"

# A program's libraries, and theirs.
take() { # FILE
	local lib from
	for lib in $(readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\].*/\1/p'); do
		[ ! -e "$root/lib/$lib" ] || continue
		from=$(find "$x/lib" "$x/usr/lib" -name "$lib" | head -n 1)
		[ -n "$from" ] || fail "no package has $lib, which $(basename "$1") needs"
		cp -L "$from" "$root/lib/$lib"
		take "$from"
	done
}
install -m 755 "$x/usr/bin/stress-ng" "$root/usr/bin/stress-ng"
take "$x/usr/bin/stress-ng"
cp -L "$x/lib/ld-linux.so.2" "$root/lib/"
pack "$dir/root.cpio.gz"
