#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# prelink.sh OUT LIBS OBJECT... - link the objects with what they need of the static libraries LIBS (-l options) into one
# relocatable object: sections renamed to .init.*, every global symbol made local but those of the first object.
# Undefined symbols that remain are what the hypervisor has to provide; they are listed in OUT.needs.
set -euo pipefail
out=$1 libs=$2
shift 2
here=$(dirname "$0")

archives=()
for l in $libs; do
	archives+=("$("$CC" -print-file-name="lib${l#-l}.a")")
done
"$LD" -r -d -m elf_x86_64 -T "$here/prelink.lds" -o "$out.tmp" "$@" --start-group "${archives[@]}" --end-group

"$NM" -g --defined-only "$1" | awk 'NF == 3 { print $3 }' >"$out.keep"
"$OBJCOPY" --keep-global-symbols="$out.keep" --remove-section=.eh_frame --remove-section=.rela.eh_frame \
	--remove-section=.comment --remove-section='.note.*' --strip-debug "$out.tmp" "$out"
rm -f "$out.tmp"
"$NM" -u "$out" | awk '{ print $NF }' | sort >"$out.needs"

# Nothing may be left outside of .init.*: it would stay in memory for ever.
stray=$("${OBJDUMP:-objdump}" -h "$out" | awk '$1 ~ /^[0-9]+$/ {
	n = $2; s = $3; getline; if ($0 ~ /ALLOC/ && n !~ /^\.init\./ && s != "00000000") print n }')
if [ -n "$stray" ]; then
	echo "prelink.sh: sections of $out that scripts/prelink.lds does not place:" $stray >&2
	exit 1
fi
