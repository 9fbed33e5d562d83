#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# linux.sh 32|64 DIR - Debian's linux-source-6.1 with a series of linux-patches/, built for i386 with PAE or for x86-64:
#   DIR/src/      the patched source
#   DIR/obj/      its build directory
#   DIR/vmlinux   the kernel, stripped: what Annulus takes as a module or as kernel= of a guest
#   DIR/bzImage   the same kernel for a boot loader on bare hardware, and for GRUB
# The source is unpacked again only if the package or the series has changed; then make rebuilds what depends on the files that
# differ.
# LINUX_JOBS: how many compilers run at once (default: as many as there are processors).
set -euo pipefail

fail() { echo "linux.sh: $*" >&2; exit 1; }
here=$(cd "$(dirname "$0")/.." && pwd)
patches=$here/linux-patches
common=$patches/config
case $1 in
32) arch=i386 config=$patches/config-i386 ;;
64) arch=x86_64 patches=$patches/x86_64 config=$patches/config ;;
*)  fail "32 or 64 bits, not $1" ;;
esac
mkdir -p "$2"
dir=$(cd "$2" && pwd)
tarball=/usr/src/linux-source-6.1.tar.xz
[ -f "$tarball" ] || fail "$tarball is missing; install the package linux-source-6.1"

mapfile -t series < <(grep -v '^#' "$patches/series")
[ ${#series[@]} -gt 0 ] || fail "$patches/series names no patch"
want=$( { stat -c '%s %Y' "$tarball"; cd "$patches" && sha256sum "${series[@]}"; } | sha256sum)
if [ "$(cat "$dir/src.stamp" 2>/dev/null)" != "$want" ]; then
	echo "unpacking $(basename "$tarball")"
	rm -rf "$dir/src.new" "$dir/src.stamp"
	mkdir "$dir/src.new"
	tar -xf "$tarball" --strip-components=1 -C "$dir/src.new"
	for p in "${series[@]}"; do
		echo "  PATCH    $p"
		patch -d "$dir/src.new" -p1 -s -f --no-backup-if-mismatch <"$patches/$p" || fail "$p does not apply"
	done
	if [ -d "$dir/src" ]; then
		# What is the same keeps its time, so that make leaves it alone.
		rsync -rlpc --delete "$dir/src.new/" "$dir/src/"
		rm -rf "$dir/src.new"
	else
		mv "$dir/src.new" "$dir/src"
	fi
	echo "$want" >"$dir/src.stamp"
fi

make=(make -C "$dir/src" --no-print-directory "O=$dir/obj" "ARCH=$arch" "-j${LINUX_JOBS:-$(nproc)}"
	KBUILD_BUILD_USER=annulus KBUILD_BUILD_HOST=localhost)
mkdir -p "$dir/obj"
if [ ! -f "$dir/obj/.config" ] || [ "$common" -nt "$dir/obj/.config" ] || [ "$config" -nt "$dir/obj/.config" ]; then
	cat "$common" "$config" >"$dir/obj/all.config"
	"${make[@]}" -s KCONFIG_ALLCONFIG="$dir/obj/all.config" allnoconfig
	# Kconfig drops an option whose conditions are not met without a word.
	lost=
	while IFS== read -r option value; do
		is=$(sed -n "s/^$option=//p" "$dir/obj/.config")
		[ "${is:-n}" = "$value" ] || lost+=" $option"
	done < <(grep '^CONFIG_' "$dir/obj/all.config")
	if [ -n "$lost" ]; then
		rm "$dir/obj/.config"
		fail "the configuration came out different for:$lost"
	fi
fi
env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL "${make[@]}" vmlinux bzImage
objcopy -S "$dir/obj/vmlinux" "$dir/vmlinux.new"
mv "$dir/vmlinux.new" "$dir/vmlinux"
cp "$dir/obj/arch/x86/boot/bzImage" "$dir/bzImage"
