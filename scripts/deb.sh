#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# deb.sh BUILD - Debian's packages of what was built there, in BUILD/deb. dpkg-buildpackage leaves files in the tree and beside
# it: it works on a copy.
set -euo pipefail
b=$(realpath "$1")
out=$b/deb
copy=$b/deb.tree/annulus
rm -rf "$b/deb.tree" "$out.new"
mkdir -p "$copy" "$out.new"
tar --exclude="./${b##*/}" --exclude=./.git -cf - . | tar -xf - -C "$copy"
echo "packing ${out#"$PWD"/}"
if ! (cd "$copy" && ANNULUS_BUILD=$b dpkg-buildpackage -b -us -uc -d) >"$b/deb.log" 2>&1; then
	tail -n 30 "$b/deb.log" >&2
	echo "deb.sh: dpkg-buildpackage failed; the whole of what it said is in $b/deb.log" >&2
	exit 1
fi
mv "$b"/deb.tree/*.deb "$b"/deb.tree/*.changes "$b"/deb.tree/*.buildinfo "$out.new"
rm -rf "$out" "$b/deb.tree"
mv "$out.new" "$out"
