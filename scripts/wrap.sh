#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# wrap.sh annulus.sym annulus.elf - the loaded bytes of a 64-bit ELF file in a 32-bit ELF file with one segment, at the
# same physical addresses, entered at `start32`. Boot loaders that know no ELF64 load it, with the multiboot headers
# within the first 8 KiB.
set -euo pipefail
in=$1 out=$2
dir=$(mktemp -d "${out%/*}/wrap.XXXXXX")
trap 'rm -rf "$dir"' EXIT
t=$dir/wrap

base= end=0
while read -r type _ _ paddr _ memsz _; do
	[ "$type" = LOAD ] && [ $((memsz)) -gt 0 ] || continue
	[ -n "$base" ] && [ $((paddr)) -ge $((base)) ] || base=$((paddr))
	[ $((paddr + memsz)) -le "$end" ] || end=$((paddr + memsz))
done < <(readelf -lW "$in" | awk '$1 == "LOAD"')
[ -n "$base" ] || { echo "wrap.sh: $in has nothing to load" >&2; exit 1; }

entry=$("$NM" "$in" | awk '$3 == "start32" { print $1 }')
[ -n "$entry" ] || { echo "wrap.sh: $in has no symbol start32" >&2; exit 1; }
# A linked (high) address becomes the physical one by the first segment's distance between the two.
if [ "${entry:0:8}" != 00000000 ]; then
	read -r virt phys < <(readelf -lW "$in" | awk '$1 == "LOAD" { print $3, $4; exit }')
	entry=$((0x$entry - virt + phys))
else
	entry=$((0x$entry))
fi

"$OBJCOPY" -O binary "$in" "$t.bin"
size=$(stat -c %s "$t.bin")
cat >"$t.S" <<END
	.section .image, "awx", @progbits
	.globl entry
	.balign 64 # the headers in the image need 8-byte alignment in the file
	.set entry, $entry
	.incbin "$t.bin"
	.section .zero, "aw", @nobits
	.skip $((end - base - size))
	.section .note.GNU-stack, "", @progbits
END
cat >"$t.lds" <<END
OUTPUT_FORMAT(elf32-i386)
ENTRY(entry)
PHDRS { all PT_LOAD FLAGS(7); }
SECTIONS
{
	. = $base;
	.image : { *(.image) } :all
	.zero : { *(.zero) } :all
}
END
"$CC" -m32 -c -o "$t.o" "$t.S"
"$LD" -m elf_i386 -n --build-id=none --no-warn-rwx-segments -z noexecstack -T "$t.lds" -o "$t.elf" "$t.o"
mv "$t.elf" "$out"
