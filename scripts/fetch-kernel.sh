#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# fetch-kernel.sh DIR - the kernel that Debian's linux-image-amd64 stands for, unpacked into DIR without installing it:
#   DIR/vmlinuz            the package's file, byte for byte
#   DIR/vmlinuz.sha256     its checksum, taken from the package a second time
#   DIR/version            its release, such as 6.1.0-56-amd64
#   DIR/root/lib/modules/  its modules
#   DIR/*.deb              the package
# An existing *.deb in DIR is used as it is.
set -euo pipefail

dir=$1
mkdir -p "$dir"
cd "$dir"

fail() { echo "fetch-kernel.sh: $*" >&2; exit 1; }

shopt -s nullglob
debs=(linux-image-*.deb)
if [ ${#debs[@]} -eq 0 ]; then
	find_image() {
		apt-cache depends linux-image-amd64 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1
	}
	image=$(find_image)
	if [ -z "$image" ]; then
		root=()
		[ "$(id -u)" = 0 ] || root=(sudo)
		"${root[@]}" apt-get -q -o DPkg::Lock::Timeout=300 update
		image=$(find_image)
	fi
	[ -n "$image" ] || fail "apt knows no linux-image-amd64; is this Debian for amd64 with its main archive enabled?"
	echo "fetching $image (about 70 MB)"
	apt-get -q download "$image" ||
		fail "cannot download $image; check the network and 'apt-get update', or put linux-image-*.deb into $dir"
	debs=(linux-image-*.deb)
fi
[ ${#debs[@]} -eq 1 ] || fail "one linux-image-*.deb expected in $dir, found: ${debs[*]:-none}"

rm -rf root.new
mkdir root.new
echo "unpacking ${debs[0]}"
dpkg -x "${debs[0]}" root.new || fail "${debs[0]} is not a Debian package; delete it and try again"
images=(root.new/boot/vmlinuz-*)
[ ${#images[@]} -eq 1 ] || fail "${debs[0]} holds no kernel image; a linux-image-*-unsigned or -dbg package cannot be used"
version=${images[0]#root.new/boot/vmlinuz-}
depmod -b root.new "$version" || fail "depmod failed on the package's modules"
rm -rf root
mv root.new root
dpkg-deb --fsys-tarfile "${debs[0]}" | tar -xO "./boot/vmlinuz-$version" | sha256sum | cut -d ' ' -f 1 >vmlinuz.sha256
echo "$version" >version
cp "root/boot/vmlinuz-$version" vmlinuz.new
[ "$(sha256sum <vmlinuz.new | cut -d ' ' -f 1)" = "$(cat vmlinuz.sha256)" ] ||
	fail "the unpacked kernel differs from the package's"
mv vmlinuz.new vmlinuz
touch vmlinuz
