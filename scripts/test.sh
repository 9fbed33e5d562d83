#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test.sh MAKE BUILD - lint, unit tests, what fuzzing found, system tests; with SOAK=1 the fuzzers too. The last line is the sum:
# N passed, N failed, N skipped.
set -u
make=$1 b=$2
passed=0 failed=0 skipped=0
mkdir -p "$b"

step() { # NAME [VARIABLE=VALUE...]
	local log=$b/$1.log line rc
	"$make" --no-print-directory B="$b" "$@" 2>&1 | tee "$log"
	rc=${PIPESTATUS[0]}
	line=$(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$log" | tail -n 1)
	if [ -z "$line" ]; then
		echo "make $1 broke off (exit $rc)"
		failed=$((failed + 1))
		return
	fi
	read -r p _ f _ s _ <<<"$line"
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	[ "$rc" -eq 0 ] || [ "$f" -gt 0 ] || failed=$((failed + 1))
}

# All at once what the steps would build one after the other; what does not compile is told by them.
"$make" --no-print-directory -j"$(nproc)" B="$b" all || true
"$make" --no-print-directory B="$b" kernel || echo "the kernel could not be fetched: the tests that need it fail or are skipped"
step lint QUICK=1
step unit
step replay
step system
[ -z "${SOAK:-}" ] || step fuzz SECONDS=600
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
