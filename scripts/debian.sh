#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# debian.sh BUILD OUT.img - a disk with a small Debian as a user has one: systemd, its own kernel, GRUB's packages (which the test
# installs from inside), on the third partition of a GPT; the first two are for GRUB, by BIOS and by UEFI. On its serial consoles
# root is logged in, for the test to type. Below /srv lies what
# guests are started from. Its kernel and initramfs lie beside it, for the first boot: OUT.vmlinuz, OUT.initrd.
set -euo pipefail

b=$(realpath "$1")
out=$(realpath -m "$2")
root=$out.root
umask 022
fail() { echo "debian.sh: $*" >&2; exit 1; }

# Owners, device nodes and the packages' scripts.
[ "$(id -u)" = 0 ] || exec sudo -n "$0" "$b" "$out" || fail "this needs root, or sudo without a password"
trap 'rm -rf "$root" "$out.part" "$out.efi"' EXIT

packages="systemd-sysv,udev,dbus,kmod,iproute2,bridge-utils,e2fsprogs,procps,ca-certificates,linux-image-amd64,grub-pc"
packages="$packages,grub-efi-amd64-bin,efibootmgr,libjansson4,liburing2,libnbd0,libxxhash0,libzstd1,liblz4-1,liblzma5,zlib1g"
packages="$packages,libsodium23"
echo "installing a Debian into ${out##*/}"
rm -rf "$root"
# Only what its one disk needs: the initramfs is unpacked by an emulator.
small='mkdir -p "$1/etc/initramfs-tools/conf.d"; echo MODULES=list >"$1/etc/initramfs-tools/conf.d/small"
	printf "%s\n" virtio_pci virtio_blk ext4 crc32c_generic vfat nls_cp437 nls_ascii >"$1/etc/initramfs-tools/modules"'
mmdebstrap --quiet --mode=root --variant=minbase --include="$packages" --aptopt='APT::Install-Recommends "false"' \
	--dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
	--essential-hook="$small" "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$root" >"$out.log" 2>&1 ||
	{ tail -n 20 "$out.log" >&2; fail "mmdebstrap failed; the whole of what it said is in $out.log"; }

echo annulus-host >"$root/etc/hostname"
echo '127.0.0.1 localhost annulus-host' >"$root/etc/hosts"
printf '%s\n' 'LABEL=debian / ext4 errors=remount-ro 0 1' 'LABEL=EFI /boot/efi vfat umask=0077 0 1' >"$root/etc/fstab"
mkdir "$root/boot/efi"
chroot "$root" passwd -q -d root
for tty in ttyS0 hvc0; do
	install -d "$root/etc/systemd/system/serial-getty@$tty.service.d"
	printf '[Service]\nExecStart=\nExecStart=-/sbin/agetty --autologin root --noclear --keep-baud 115200 %%I vt220\n' \
		>"$root/etc/systemd/system/serial-getty@$tty.service.d/login.conf"
done
printf '%s\n' "PS1='dom0# '" 'dmesg -n 1' 'echo "dom0: ready"' >"$root/root/.bashrc"
echo '[ -z "$BASH" ] || . ~/.bashrc' >"$root/root/.profile"
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin
install -D -m 644 "$b/kernel/vmlinuz" "$root/srv/vmlinuz"
install -D -m 644 "$b/guest.cpio.gz" "$root/srv/guest.cpio.gz"
cp "$root"/boot/vmlinuz-* "$out.vmlinuz"
cp "$root"/boot/initrd.img-* "$out.initrd"

# 1 MiB each for the table's two copies and for GRUB by BIOS, 32 for UEFI's.
truncate -s 1800M "$out.part"
mke2fs -q -t ext4 -L debian -d "$root" "$out.part"
rm -rf "$root" "$out.new" "$out.efi"
truncate -s 32M "$out.efi"
mformat -i "$out.efi" -v EFI ::
# A partition table that mformat puts there, too, and that GRUB wonders about.
dd if=/dev/zero of="$out.efi" bs=1 seek=446 count=64 conv=notrunc status=none
truncate -s 1835M "$out.new"
printf '%s\n' 'label: gpt' 'start=2048, size=2048, type=21686148-6449-6E6F-744E-656564454649' \
	'start=4096, size=65536, type=uefi' 'start=69632, size=3686400, type=linux' | sfdisk -q "$out.new"
dd if="$out.efi" of="$out.new" bs=1M seek=2 conv=notrunc,sparse status=none
dd if="$out.part" of="$out.new" bs=1M seek=34 conv=notrunc,sparse status=none
mv "$out.new" "$out"
