#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# deps.sh build|run|unit|test|bench|lint|fuzz|linux|tools32|deb - install the Debian packages that a step needs
# and this machine lacks.
# Says what it does. Needs root, or sudo, only when something is missing.
set -euo pipefail

step=${1:-build}
want_build="gcc libc6-dev binutils make python3 liblzma-dev zlib1g-dev libzstd-dev liblz4-dev libjansson-dev libcunit1-dev
	libxxhash-dev libsodium-dev liburing-dev libnbd-dev grub-common"
want_run="$want_build qemu-system-x86 grub-pc-bin xorriso mtools busybox-static cpio kmod gzip e2fsprogs
	xenstore-utils"
want_unit="$want_build libxen-dev libzydis-dev spin qemu-utils"
want_fuzz="$want_unit clang-14 libclang-rt-14-dev llvm-14"
want_deb="$want_build debhelper dpkg-dev fakeroot"
want_test="$want_run $want_unit $want_deb lintian bochs bochsbios vgabios bochs-sdl mmdebstrap fdisk
	openssh-client dropbear-bin ovmf grub-efi-amd64-bin efibootmgr"
want_bench="$want_run redis-tools tcc make libxencall1 libxenevtchn1 libxenforeignmemory1 libxengnttab1 libxenmisc4.17
	libxenstore4 libxentoollog1 libyajl2 gcc-multilib lib32z1-dev"
case $step in
build) want=$want_build ;;
run)   want=$want_run ;;
unit)  want=$want_unit ;;
test)  want=$want_test ;;
bench) want=$want_bench ;;
lint)  want="cppcheck" ;;
fuzz)  want=$want_fuzz ;;
linux) want="linux-source-6.1 gcc libc6-dev binutils make flex bison bc libelf-dev libssl-dev patch xz-utils cpio kmod rsync
	perl python3 gzip busybox-static e2fsprogs grub-xen-host" ;;
tools32) want="$want_build apt dpkg" ;;
deb)   want=$want_deb ;;
*)     echo "deps.sh: unknown step '$step' (build, run, unit, test, bench, lint, fuzz, linux, tools32 or deb)" >&2; exit 1 ;;
esac

missing=()
for p in $want; do
	status=$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null || true)
	[ "$status" = installed ] || missing+=("$p")
done
[ ${#missing[@]} -gt 0 ] || exit 0

root=()
if [ "$(id -u)" != 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "deps.sh: these packages are missing and neither root nor sudo is at hand: ${missing[*]}" >&2
		echo "deps.sh: as root, run: apt-get install ${missing[*]}" >&2
		exit 1
	fi
	root=(sudo)
fi
echo "deps.sh: installing for '$step': ${missing[*]}"
apt=("${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
install=("${apt[@]}" install -y --no-install-recommends "${missing[@]}")
if ! "${install[@]}"; then
	echo "deps.sh: trying again with fresh package lists"
	"${apt[@]}" update
	"${install[@]}"
fi
