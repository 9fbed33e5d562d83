#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# lint.sh - what a reviewer should not have to say: SPDX lines, file length, line length, spaces, unfinished work, paths of
# somebody's machine, and cppcheck. Prints file:line: message, exits 1 if there is any.
set -u
bad=0
say() { echo "$*"; bad=1; }

mapfile -t files < <(git ls-files --cached --others --exclude-standard | grep -Ev '^(LICENSES/|tests/fuzz/(corpus|crash)/|docs/.*\.(png|svg|txt)$)')
for f in "${files[@]}"; do
	[ -f "$f" ] || continue
	case $f in
	*.c|*.h|*.S|*.lds|*.sh|*.py|*.mk|Makefile|*/Makefile|.ci/run|scripts/dom0/*|scripts/guest/*)
		head -n 3 "$f" | grep -q 'SPDX-License-Identifier: ' || say "$f:1: no SPDX-License-Identifier line" ;;
	esac
	case $f in
	pv-abi/*|frontends/*) want=MIT ;;
	hypervisor/*|tests/*|scripts/*) want='(GPL-2.0-or-later|LGPL-2.1-or-later)' ;;
	*) want='' ;;
	esac
	[ -z "$want" ] || ! grep -q SPDX- "$f" || grep -Eq "SPDX-License-Identifier: $want( |$|\*)" "$f" ||
		say "$f:1: the licence of this room is $want"
	case $f in
	*.c|*.h|*.S)
		lines=$(wc -l <"$f")
		[ "$lines" -le 1000 ] || say "$f:1000: $lines lines, split it (limit 1000)"
		expand -t 8 "$f" | awk -v f="$f" 'length > 100 { print f ":" NR ": " length " columns (limit 100)"; n = 1 } END { exit n }' || bad=1
		;;
	esac
	case $f in
	scripts/lint.sh) ;;
	*)	grep -HnE '\b(TODO|FIXME|XXX|HACK)\b|not implemented|for now\b' "$f" && bad=1
		grep -HnE '(^|[^A-Za-z.}])/(work|root|home)/[a-z.]' "$f" && bad=1
		case $f in *.md|*.patch) ;; *) grep -HnE '[[:blank:]]+$' "$f" | sed 's/$/ (space at the end)/' | grep . && bad=1 ;; esac
		;;
	esac
done

tests/faults/run.py --check | grep FAIL && bad=1

if command -v cppcheck >/dev/null; then
	cppcheck -q --std=c11 --platform=unix64 --inline-suppr --enable=warning,portability --error-exitcode=1 \
		--suppress=missingIncludeSystem --suppress=nullPointerArithmetic --suppress=internalAstError --suppress=comparePointers --suppress=subtractPointers -I hypervisor -I . -I libhvctl/include -I libhvctl \
		-D__x86_64__ -D__GNUC__=12 $(printf '%s\n' "${files[@]}" | grep -E '^(hypervisor|libhvctl|backends|frontends)/.*\.c$') || bad=1
fi
[ "$bad" = 0 ] && echo "lint: clean"
exit "$bad"
