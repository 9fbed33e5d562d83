#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# link.sh OUT LDS LDFLAGS OBJECT... - link the hypervisor together with a table of its own functions:
#   u32 symbols_count;            how many
#   u32 symbols_offset[];         address - symbols_base, ascending
#   u32 symbols_name[];           where in symbols_names its name starts
#   char symbols_names[];         names, each ended by a 0
#   u64 symbols_base;             the lowest address of the table
# (hypervisor/lib/symbols.h reads it.)
set -euo pipefail
out=$1 lds=$2 flags=$3
shift 3

generate() { # FROM.elf TO.S
	{
		echo '	.section .rodata.symbols, "a"'
		echo '	.globl symbols_count, symbols_offset, symbols_name, symbols_names, symbols_base'
		{ [ -z "$1" ] || "$NM" -n --defined-only "$1"; } | awk '
			BEGIN { n = 0 }
			$2 ~ /^[tT]$/ && $1 ~ /^ffff/ && $3 !~ /^(\.L|\$)/ && !($1 in seen) {
				seen[$1] = 1; address[n] = $1; name[n++] = $3
			}
			END {
				print "\t.balign 8"
				print "symbols_base:\n\t.quad 0x" (n ? address[0] : 0)
				print "symbols_count:\n\t.long " n + 0
				print "symbols_offset:"
				for (i = 0; i < n; i++) print "\t.long 0x" address[i] " - 0x" address[0]
				print "symbols_name:"
				pos = 0
				for (i = 0; i < n; i++) { print "\t.long " pos; pos += length(name[i]) + 1 }
				print "symbols_names:"
				for (i = 0; i < n; i++) print "\t.asciz \"" name[i] "\""
			}'
		echo '	.section .note.GNU-stack, "", @progbits'
	} >"$2"
}

link() { # SYMBOLS.S OUT
	"$CC" -c -o "${1%.S}.o" "$1"
	# shellcheck disable=SC2086
	"$LD" $flags -T "$lds" -o "$2" "${objects[@]}" "${1%.S}.o"
}

objects=("$@")
dir=$(mktemp -d "${out%/*}/link.XXXXXX")
trap 'rm -rf "$dir"' EXIT
t=$dir/symbols
generate '' "$t.0.S"
link "$t.0.S" "$t.0.elf"
generate "$t.0.elf" "$t.1.S"
link "$t.1.S" "$t.1.elf"
generate "$t.1.elf" "$t.2.S"
link "$t.2.S" "$t.2.elf"
generate "$t.2.elf" "$t.3.S"
if ! cmp -s "$t.2.S" "$t.3.S"; then
	echo "link.sh: the image moved when its symbol table was linked in" >&2
	exit 1
fi
mv "$t.2.elf" "$out"
