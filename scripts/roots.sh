# SPDX-License-Identifier: GPL-2.0-or-later
#
# roots.sh - for scripts that make root file systems; to be sourced. They say where busybox is ($sys, nothing for this machine),
# where the kernel package's modules are ($kernel) and of which release they are ($version; nothing: a kernel without modules).
# shellcheck shell=bash disable=SC2154

base() { # ROOT - directories and busybox under all its names
	rm -rf "$1"
	mkdir -p "$1"/{bin,sbin,etc,dev,proc,sys,run,tmp,root,mnt,var/log,usr/bin,usr/sbin,lib/modules}
	chmod 1777 "$1/tmp"
	cp "$sys/bin/busybox" "$1/bin/busybox"
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
	[ -n "$version" ] || return 0
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

pack() { # ROOT FILE
	(cd "$1" && find . -print0 | LC_ALL=C sort -z | cpio --quiet -0 -o -H newc -R 0:0) | gzip -n -6 >"$2.new"
	mv "$2.new" "$2"
}
