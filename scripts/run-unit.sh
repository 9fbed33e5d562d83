#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# run-unit.sh DIR PROGRAM... - run CUnit programs, JOBS at once (as many as there are CPUs), show what failed, add their
# tests up. A program that does not exist (it did not compile), crashes, hangs or fails outside of its tests is one failure
# more; one that exits with 77 before its first test (something it needs is not installed) is one skipped. Last line:
# N passed, N failed, N skipped.
set -u
dir=$1
shift
passed=0 failed=0 skipped=0
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
# The real kernel, if it was fetched: `make test` does so first.
if [ -z "${ANNULUS_TEST_KERNEL:-}" ] && [ -f "$dir/../kernel/vmlinuz" ]; then
	ANNULUS_TEST_KERNEL=$(realpath "$dir/../kernel/vmlinuz")
	export ANNULUS_TEST_KERNEL
fi
# What the model prints, for pagetype_model_test.
if [ -z "${ANNULUS_MODEL_EDGES:-}" ]; then
	export ANNULUS_MODEL_EDGES=$dir/../model/edges.txt
fi
export ASAN_OPTIONS=abort_on_error=0:detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1

run() { # PROGRAM - its output and its exit code, into files
	timeout 300 "$dir/$1" >"$logs/$1" 2>&1
	echo $? >"$logs/$1.rc"
}
export -f run
export dir logs
printf '%s\n' "$@" | xargs -r -P "${JOBS:-$(nproc)}" -I{} bash -c '[ ! -x "$dir/$1" ] || run "$1"' - {}

for t in "$@"; do
	log=$logs/$t
	if [ ! -x "$dir/$t" ]; then
		echo "FAIL $t: was not built"
		failed=$((failed + 1))
		continue
	fi
	rc=$(cat "$log.rc")
	# CUnit's summary: "tests  total  ran  passed  failed  inactive"
	read -r ok bad idle < <(awk '$1 == "tests" && NF >= 6 { o = $4; b = $5; i = $6 }
		END { print o + 0, b + 0, i + 0 }' "$log")
	if [ "$rc" -eq 77 ] && [ "$((ok + bad))" -eq 0 ]; then
		skipped=$((skipped + 1))
		echo "skip $t ($(tail -n 1 "$log"))"
		continue
	fi
	passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + idle))
	if [ "$rc" -ne 0 ] && [ "$bad" -eq 0 ]; then
		failed=$((failed + 1))
		bad=1
		[ "$rc" -ne 124 ] || echo "FAIL $t: still running after 300 s"
	elif [ "$((ok + bad))" -eq 0 ]; then
		failed=$((failed + 1))
		bad=1
		echo "FAIL $t: ran no test"
	fi
	if [ "$bad" -gt 0 ]; then
		echo "FAIL $t (exit $rc):"
		sed 's/^/    /' "$log"
	else
		echo "ok   $t ($ok tests$([ "$idle" -eq 0 ] || echo ", $idle skipped"))"
	fi
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
