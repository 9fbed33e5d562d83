#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""rooms.py [BUILD] - does a room of the hypervisor use only what stands below it?

The order is HV_ROOMS of the Makefile, from the ground up. No file includes a header of a higher room; and no object in BUILD/hv
needs a symbol that a higher room defines, unless hypervisor/lib/upcalls.h declares it. Without BUILD only includes are looked at.
Prints what goes up; the exit code is 1 if anything does, or if upcalls.h has more names than LIMIT, or one that nobody calls.
"""
import os
import re
import subprocess
import sys

ROOT = "hypervisor"
UPCALLS = ROOT + "/lib/upcalls.h"
LIMIT = 20
# What the compiler calls in place of an indirect branch; it names no header.
COMPILERS = re.compile(r"__x86_indirect_thunk_\w+$")


def order():
    with open("Makefile", encoding="utf8") as f:
        return re.search(r"(?m)^HV_ROOMS +:= *(.*)$", f.read()).group(1).split()


def sources():
    for top, _, files in os.walk(ROOT):
        for name in files:
            if re.search(r"\.[chS]$", name):
                path = os.path.join(top, name)
                yield path, path.split(os.sep)[1]


def includes(rank):
    for path, room in sources():
        with open(path, encoding="utf8") as f:
            for n, line in enumerate(f, 1):
                m = re.match(r'\s*#\s*include "(\w+)/', line)
                if m and room in rank and rank.get(m.group(1), -1) > rank[room]:
                    yield "%s:%d: %s/ includes from %s/, which stands above it" % (path, n, room, m.group(1))


def upcalls():
    with open(UPCALLS, encoding="utf8") as f:
        text = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
    return set(re.findall(r"(?m)^[a-z][\w *]*?\b(\w+)\(", text))


def objects(build):
    """The objects that have a source, and the room of each; what is no object of one source is made of the unpackers."""
    top = os.path.join(build, "hv")
    for where, _, files in os.walk(top):
        for name in files:
            path = os.path.join(where, name)
            short = os.path.relpath(path, top)
            if short == "unpack.o":
                yield path, "image"
            elif short.endswith(".o"):
                source = os.path.join(ROOT, short[:-2])
                if os.path.exists(source if source.endswith(".S") else source + ".c"):
                    yield path, short.split(os.sep)[0]


def symbols(build, rank):
    needs, room_of = {}, {}
    for path, room in objects(build):
        for line in subprocess.run(["nm", "-g", path], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines():
            kind, name = line.split()[-2:]
            if kind in "Uw":
                needs.setdefault(name, []).append((path, room))
            else:
                # The unpackers' own sources are objects as well: the lowest definition is what counts.
                room_of[name] = min(room, room_of.get(name, room), key=rank.get)
    if not room_of:
        sys.exit("%s/hv: no objects: make hypervisor" % build)
    allowed, called = upcalls(), set()
    for name, users in sorted(needs.items()):
        for path, room in users:
            if name not in room_of or rank[room_of[name]] <= rank[room] or COMPILERS.match(name):
                continue
            called.add(name)
            if name not in allowed:
                yield "%s: %s() is %s/'s, which stands above %s/ (not in %s)" % (path, name, room_of[name], room, UPCALLS)
    for name in sorted(allowed - called):
        yield "%s: %s() is called from no lower room" % (UPCALLS, name)
    if len(allowed) > LIMIT:
        yield "%s: %d names, more than %d" % (UPCALLS, len(allowed), LIMIT)


def main():
    rank = {room: n for n, room in enumerate(order())}
    wrong = list(includes(rank))
    if len(sys.argv) > 1:
        wrong += symbols(sys.argv[1], rank)
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
