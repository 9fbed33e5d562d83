#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# stock.sh BUILD OUT [PACKAGE...] - a dom0 of Debian with Debian's own Xen tools, as the packages install them:
#   OUT.img       its root, an ext4 file system: Debian's smallest set, xen-utils-4.17, each PACKAGE, and below /srv what
#                 its guests are started from
#   OUT.cpio.gz   the initramfs that loads the disk's driver and goes over to that root
# Nothing of ours is in it but scripts/stock/.
set -euo pipefail

b=$(realpath "$1")
out=$(realpath -m "$2")
shift 2
here=$(realpath "$(dirname "$0")")
kernel=$b/kernel
version=$(cat "$kernel/version")
sys=''
root=$out.root
umask 022
fail() { echo "stock.sh: $*" >&2; exit 1; }
. "$here/roots.sh"

# Owners, device nodes and the packages' scripts.
[ "$(id -u)" = 0 ] || exec sudo -n "$0" "$b" "$out" "$@" || fail "this needs root, or sudo without a password"
trap 'rm -rf "$root" "$out.initramfs"' EXIT

packages="xen-utils-4.17 xen-utils-common iproute2 bridge-utils kmod udev procps"
for p in "$@"; do packages="$packages $p"; done
echo "installing Debian with ${packages// /, } into $out.img"
rm -rf "$root"
mmdebstrap --quiet --mode=root --variant=minbase --include="${packages// /,}" --aptopt='APT::Install-Recommends "false"' \
	--dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
	--dpkgopt='path-exclude=/usr/share/locale/*' "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$root" \
	>"$out.log" 2>&1 ||
	{ tail -n 20 "$out.log" >&2; fail "mmdebstrap failed; the whole of what it said is in $out.log"; }

# shellcheck disable=SC2046
modules "$root" $(cat "$here/stock/modules")
echo 'XENCONSOLED_ARGS="--log=guest"' >>"$root/etc/default/xen"
install -m 755 "$here/stock/init" "$root/sbin/init"
install -d "$root/var/log/xen/console"
install -D -m 644 "$b/kernel/vmlinuz" "$root/srv/vmlinuz"
install -D -m 644 "$b/guest.cpio.gz" "$root/srv/guest.cpio.gz"
install -D -m 755 /bin/busybox "$root/srv/busybox"
cp "$here"/stock/*.cfg "$here"/stock/*.xml "$root/srv/"
for f in "$b"/frontends/minimal-*.elf; do
	strip -g -o "$root/srv/$(basename "$f")" "$f"
done
rm -f "$out.img.new"
truncate -s 1500M "$out.img.new"
mke2fs -q -t ext4 -L annulus-stock -O ^has_journal -d "$root" "$out.img.new"

rm -rf "$root" "$out.initramfs"
base "$out.initramfs"
modules "$out.initramfs" virtio_pci virtio_blk ext4 crc32c_generic
install -m 755 "$here/stock/initramfs" "$out.initramfs/init"
pack "$out.initramfs" "$out.cpio.gz"
rm -rf "$out.initramfs"
mv "$out.img.new" "$out.img"
