#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# model.sh edges|check|clock|all BUILD - the Promela models of the page types, hypervisor/pv/pagetype.pml, and of the TLB clock,
# hypervisor/cpu/tlb_clock.pml.
#   edges   BUILD/model/edges.txt: every (state, hypercall) -> (state, result) of two frames, for tests/unit
#   check   search every interleaving of two CPUs, then make each deliberate mistake: the search must find it
#   clock   the same for the clock
#   all     all three
# MODEL_OPS: hypercalls in all, of both CPUs (2). Prints one line per search; exit 1 when one says the wrong thing.
set -euo pipefail
what=$1 dir=$2/model
model=hypervisor/pv/pagetype.pml clock=hypervisor/cpu/tlb_clock.pml
ops=${MODEL_OPS:-2}
mkdir -p "$dir"

pan() { # NAME MODEL SPIN-FLAGS... - build $dir/NAME/pan
	local d=$dir/$1
	mkdir -p "$d"
	cp "$2" "$d/model.pml"
	shift 2
	(cd "$d" && spin -a "$@" model.pml && gcc -O1 -w -DSAFETY -DCOLLAPSE -DVECTORSZ=2048 -DMEMLIM=3500 -o pan pan.c)
}

search() { # NAME OPS MISTAKE - print states, errors and seconds
	(cd "$dir/$1" && OPS=$2 MISTAKE=$3 timeout 900 ./pan -m400000 -w25 2>&1) | awk '
		/states, stored/ { s = $1 } /errors:/ { e = $NF } /elapsed time/ { t = $4 }
		/max search depth too small|Search not completed|out of memory|memory limit/ { cut = 1 }
		END { print s + 0, (e == "" || (cut && e == 0)) ? "unfinished" : e, t + 0 }'
}

edges() {
	pan edges "$model" -DEDGES
	(cd "$dir/edges" && ./pan -m400000 -w22) >"$dir/edges.out"
	if ! grep -q 'errors: 0$' "$dir/edges.out"; then
		grep -v '^EDGE' "$dir/edges.out" >&2
		exit 1
	fi
	grep '^EDGE ' "$dir/edges.out" >"$dir/edges.txt.new"
	mv "$dir/edges.txt.new" "$dir/edges.txt"
	rm "$dir/edges.out"
	echo "model: $(wc -l <"$dir/edges.txt") edges of two frames"
}

check() {
	local bad=0 name number need states errors seconds
	pan check "$model"
	read -r states errors seconds < <(search check "$ops" 0)
	echo "model: 2 CPUs, 3 frames, $ops hypercalls: $states states in $seconds s, errors: $errors"
	[ "$errors" = 0 ] || bad=1
	# The number of hypercalls that a mistake needs to show stands beside it in the model.
	while read -r name number need; do
		if [ "$need" -gt 3 ] && [ -z "${SOAK:-}" ]; then
			continue
		fi
		read -r states errors seconds < <(search check "$need" "$number")
		echo "model: mistake $name: $([ "$errors" = 1 ] && echo found || echo "NOT FOUND") ($states states, $seconds s)"
		[ "$errors" = 1 ] || bad=1
	done < <(sed -n 's/^#define \(M_[A-Z_]*\) \([0-9]*\).*\[\([0-9]\) hypercalls\?\].*/\1 \2 \3/p' "$model")
	return "$bad"
}

clock() {
	local bad=0 name number states errors seconds
	pan clock "$clock"
	read -r states errors seconds < <(search clock 0 0)
	echo "model: the TLB clock: $states states in $seconds s, errors: $errors"
	[ "$errors" = 0 ] || bad=1
	while read -r name number; do
		read -r states errors seconds < <(search clock 0 "$number")
		echo "model: mistake $name: $([ "$errors" = 1 ] && echo found || echo "NOT FOUND") ($states states, $seconds s)"
		[ "$errors" = 1 ] || bad=1
	done < <(sed -n 's/^#define \(M_[A-Z_]*\) \([0-9]*\).*/\1 \2/p' "$clock")
	return "$bad"
}

case $what in
edges) edges ;;
check) check ;;
clock) clock ;;
all)   edges; clock; check ;;
*)     echo "model.sh: edges, check, clock or all" >&2; exit 1 ;;
esac
