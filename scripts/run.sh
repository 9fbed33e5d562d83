#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# run.sh BUILD [QEMU OPTION...] - boot BUILD/annulus.iso in QEMU's TCG. Environment:
#   CPU=    CPU model (default qemu64,-svm: neither SVM nor VMX)
#   CPUS=   how many (default 2)      MEM=   MiB (default 1536)      SERIAL=   QEMU's -serial (default mon:stdio)
#   ISO=    another image
# Disks are opened as snapshots: nothing that is done inside changes the files.
set -euo pipefail
b=$1
shift
cpu=${CPU:-qemu64,-svm}
cpus=${CPUS:-2}
serial=${SERIAL:-mon:stdio}
if [ "$serial" = mon:stdio ]; then
	cat <<END

  Booting in QEMU: CPU $cpu, $cpus of them, ${MEM:-1536} MiB, software emulation only.
  To leave:  Ctrl-A X      (or: poweroff at dom0's prompt)
  GRUB takes a few seconds, dom0's shell is there within a minute.

END
fi
exec qemu-system-x86_64 -name annulus -machine pc -accel tcg,thread=multi -cpu "$cpu" -smp "$cpus" -m "${MEM:-1536}" \
	-nodefaults -vga std -display none -serial "$serial" \
	-boot d -drive "file=${ISO:-$b/annulus.iso},if=ide,media=cdrom,readonly=on" \
	-drive "file=$b/disk.img,if=virtio,format=raw,snapshot=on,discard=unmap" \
	-netdev user,id=net0 -device e1000,netdev=net0 "$@"
