#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# fetch-i386.sh DIR - Debian's i386 packages for `make tools32` and the 32-bit dom0, unpacked into DIR without installing them:
#   DIR/root/     headers, libraries (for gcc -m32 --sysroot=DIR/root), busybox, mke2fs
#   DIR/*.deb     the packages; existing ones are used as they are
# apt works on lists of its own below DIR/apt, with the system's sources and keys: i386 need not be an architecture of the
# system, whose packages stay as they are.
set -euo pipefail

mkdir -p "$1"
dir=$(cd "$1" && pwd)
fail() { echo "fetch-i386.sh: $*" >&2; exit 1; }

gcc=$(gcc -dumpversion)
packages="libc6 libc6-dev linux-libc-dev libgcc-${gcc%%.*}-dev
	liblzma-dev zlib1g-dev libzstd-dev liblz4-dev libjansson-dev libcunit1-dev libsodium-dev liburing-dev libnbd-dev
	busybox-static e2fsprogs libext2fs2 libcom-err2 libss2 libblkid1 libuuid1"

cd "$dir"
shopt -s nullglob
missing=()
for p in $packages; do
	debs=("$p"_*.deb)
	[ ${#debs[@]} -gt 0 ] || missing+=("$p")
done
if [ ${#missing[@]} -gt 0 ]; then
	echo "fetching ${#missing[@]} packages for i386"
	mkdir -p apt/lists/partial apt/cache/archives/partial
	: >apt/status
	cat >apt/conf <<-END
	APT::Architecture "i386";
	APT::Architectures { "i386"; };
	Dir::State "$dir/apt";
	Dir::State::status "$dir/apt/status";
	Dir::State::lists "$dir/apt/lists";
	Dir::Cache "$dir/apt/cache";
	APT::Sandbox::User "$(id -un)";
	END
	# A source without i386 is an error to apt and none to us, if the packages are in another one.
	APT_CONFIG=apt/conf apt-get -q update >apt/log 2>&1 || true
	APT_CONFIG=apt/conf apt-get -q download "${missing[@]}" >>apt/log 2>&1 || {
		tail -n 20 apt/log >&2
		fail "cannot download ${missing[*]}; check the network, apt's sources for i386, or put the packages into $dir"
	}
fi
rm -rf root.new
mkdir root.new
for deb in *.deb; do
	dpkg -x "$deb" root.new || fail "$deb is not a Debian package; delete it and try again"
done
# The ABI's public headers (libxen-dev), for the tests that compare ours with them, are the same for every architecture.
[ ! -d /usr/include/xen ] || cp -r /usr/include/xen root.new/usr/include/
rm -rf root
mv root.new root
