#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# model.sh edges|check|all BUILD - the Promela model of the page types, hypervisor/pv/pagetype.pml.
#   edges   BUILD/model/edges.txt: every (state, hypercall) -> (state, result) of two frames, for tests/unit
#   check   search every interleaving of two CPUs, then make each deliberate mistake: the search must find it
#   all     both
# MODEL_OPS: hypercalls in all, of both CPUs (2). Prints one line per search; exit 1 when one says the wrong thing.
set -euo pipefail
what=$1 dir=$2/model
model=hypervisor/pv/pagetype.pml
ops=${MODEL_OPS:-2}
mkdir -p "$dir"

pan() { # NAME SPIN-FLAGS... - build $dir/NAME/pan
	local d=$dir/$1
	shift
	mkdir -p "$d"
	cp "$model" "$d/model.pml"
	(cd "$d" && spin -a "$@" model.pml && gcc -O1 -w -DSAFETY -DCOLLAPSE -DVECTORSZ=2048 -DMEMLIM=3500 -o pan pan.c)
}

search() { # OPS MISTAKE - print states, errors and seconds
	(cd "$dir/check" && OPS=$1 MISTAKE=$2 timeout 900 ./pan -m400000 -w25 2>&1) | awk '
		/states, stored/ { s = $1 } /errors:/ { e = $NF } /elapsed time/ { t = $4 }
		/max search depth too small|Search not completed|out of memory|memory limit/ { cut = 1 }
		END { print s + 0, (e == "" || (cut && e == 0)) ? "unfinished" : e, t + 0 }'
}

edges() {
	pan edges -DEDGES
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
	pan check
	read -r states errors seconds < <(search "$ops" 0)
	echo "model: 2 CPUs, 3 frames, $ops hypercalls: $states states in $seconds s, errors: $errors"
	[ "$errors" = 0 ] || bad=1
	# The number of hypercalls that a mistake needs to show stands beside it in the model.
	while read -r name number need; do
		if [ "$need" -gt 3 ] && [ -z "${SOAK:-}" ]; then
			continue
		fi
		read -r states errors seconds < <(search "$need" "$number")
		echo "model: mistake $name: $([ "$errors" = 1 ] && echo found || echo "NOT FOUND") ($states states, $seconds s)"
		[ "$errors" = 1 ] || bad=1
	done < <(sed -n 's/^#define \(M_[A-Z_]*\) \([0-9]*\).*\[\([0-9]\) hypercalls\?\].*/\1 \2 \3/p' "$model")
	return "$bad"
}

case $what in
edges) edges ;;
check) check ;;
all)   edges; check ;;
*)     echo "model.sh: edges, check or all" >&2; exit 1 ;;
esac
