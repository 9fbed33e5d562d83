#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# fetch-xen.sh DIR - Debian's Xen 4.17 for `make bench`, unpacked into DIR without installing it:
#   DIR/xen.elf   the hypervisor, uncompressed
#   DIR/version   the package's version
#   DIR/root/     its tools (xl, xenstored, xenconsoled) and their configuration
#   DIR/*.deb     the packages; existing ones are used as they are
set -euo pipefail

dir=$1
mkdir -p "$dir"
cd "$dir"
shopt -s nullglob
root=()
[ "$(id -u)" = 0 ] || root=(sudo)
fail() { echo "fetch-xen.sh: $*" >&2; exit 1; }

for p in xen-hypervisor-4.17-amd64 xen-utils-4.17 xen-utils-common; do
	debs=("$p"_*.deb)
	[ ${#debs[@]} -eq 0 ] || continue
	echo "fetching $p"
	apt-get -q download "$p" || { "${root[@]}" apt-get -q -o DPkg::Lock::Timeout=300 update && apt-get -q download "$p"; } ||
		fail "cannot download $p; check the network and 'apt-get update', or put ${p}_*.deb into $dir"
done
rm -rf root.new
mkdir root.new
for deb in *.deb; do
	dpkg -x "$deb" root.new || fail "$deb is not a Debian package; delete it and try again"
done
rm -rf root
mv root.new root
set -- root/boot/xen-4.17-*.gz
[ $# -eq 1 ] || fail "the package holds no hypervisor"
dpkg-deb -f xen-hypervisor-4.17-amd64_*.deb Version >version
gunzip -c "$1" >xen.elf.new
mv xen.elf.new xen.elf
