#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""lint.py [--quick] [--build DIR] - what a reviewer should not have to say.

SPDX lines and each room's licence, the length of files and lines, spaces at the end, unfinished work, paths of somebody's
machine, paths of the tree that do not exist, seeded faults whose text has drifted, includes (and with DIR, where the
hypervisor was built, symbols) of a higher room (scripts/rooms.py), the numbers of the ABI (scripts/abi.py), verbs and options
that hvctl(1) leaves out, and cppcheck, which --quick leaves out.
Prints `file:line: message`; the last line is `N passed, N failed, 0 skipped`, the exit code 1 if there is any message.

Lines: 100 columns in C and assembly; 130 in scripts, makefiles and documents, but for what cannot be wrapped there: tables,
code blocks, addresses, and the help of a make target.
"""
import argparse
import glob
import os
import re
import shutil
import subprocess
import sys

SKIPPED = re.compile(r"^(LICENSES/|tests/fuzz/(corpus|crash)/|docs/.*\.(png|svg|txt)$)")
CODE = re.compile(r"\.(c|h|S)$")
SCRIPT = re.compile(r"\.(sh|py|mk|lds)$|(^|/)Makefile$|^\.ci/run$|^scripts/(dom0|guest)/")
LINES = 1000
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|not implemented|for now\b")
# A file of the tree, or a room of it, as text names it; a header or source of the hypervisor also without that word.
BEFORE = r"(?<![\w./%*$)}<>{-])"
PATH = re.compile(BEFORE + r"(?:\./)?((?:hypervisor|libhvctl|backends|frontends|tests|scripts|docs|pv-abi|linux-patches)/"
                  r"[\w./+-]*)(?![\w*%{$<(])")
SHORT = re.compile(BEFORE + r"((?:boot|control|cpu|domain|entry|image|lib|machine|memory|pv|sched)/\w+\.[chS])\b(?!\.)")
PLACEHOLDER = re.compile(r"(^|/)(NAME|[A-Z]+(_[A-Z]+)*(/|\.\w+$|$))")
SIM = "tests/unit/sim/"
MACHINE = re.compile(r"(^|[^A-Za-z.}])/(work|root|home)/[a-z.]")
CPPCHECK = ["cppcheck", "-q", "--std=c11", "--platform=unix64", "--inline-suppr", "--enable=warning,portability",
            "--error-exitcode=1", "-D__x86_64__", "-D__GNUC__=12",
            *("--suppress=" + s for s in ("missingIncludeSystem", "nullPointerArithmetic", "internalAstError",
                                          "comparePointers", "subtractPointers")),
            *("-I" + d for d in ("hypervisor", ".", "libhvctl/include", "libhvctl"))]


def licence(path):
    """What a file of this room may say."""
    if path.startswith(("pv-abi/", "frontends/")):
        return ("MIT",)
    if path.startswith(("hypervisor/", "backends/", "tests/", "scripts/")):
        return ("GPL-2.0-or-later", "LGPL-2.1-or-later")
    return None


def spdx(path, lines):
    where = [(n, x) for n, x in enumerate(lines, 1) if "SPDX-License-Identifier: " in x]
    if (CODE.search(path) or SCRIPT.search(path)) and not (where and where[0][0] <= 3):
        yield 1, "no SPDX-License-Identifier line"
    allowed = licence(path)
    if where and allowed:
        said = where[0][1].split("SPDX-License-Identifier: ")[1].split()
        if not said or said[0] not in allowed:
            yield where[0][0], "the licence of this room is " + " or ".join(allowed)


def columns(path, lines):
    if CODE.search(path):
        limit = 100
    elif SCRIPT.search(path) or path.endswith(".md"):
        limit = 130
    else:
        return
    block = False
    for n, line in enumerate(lines, 1):
        if path.endswith(".md"):
            if line.lstrip().startswith("```"):
                block = not block
            if block or line.startswith("|"):
                continue
        wide = len(line.expandtabs(8))
        if wide > limit and not (limit > 100 and ("://" in line or " ## " in line)):
            yield n, "%d columns (limit %d)" % (wide, limit)


def words(path, lines):
    for n, line in enumerate(lines, 1):
        if UNFINISHED.search(line):
            yield n, "unfinished: " + line.strip()[:80]
        if MACHINE.search(line):
            yield n, "a path of somebody's machine: " + line.strip()[:80]
        if line != line.rstrip() and not path.endswith((".md", ".patch")):
            yield n, "space at the end"


def names_nothing(path):
    return not os.path.exists(path) and not PLACEHOLDER.search(path)


def paths(path, lines):
    """What the text names is there: a file moves with every word about it."""
    for n, line in enumerate(lines, 1):
        if line.startswith("#include"):
            continue  # the compiler's
        for found in PATH.finditer(line):
            name = found.group(1).rstrip(".")
            # A name without an ending may be the beginning of a word.
            if re.search(r"\.(c|h|S|py|sh|md|mk|lds|txt|pml|fault)$|/$", name) and names_nothing(name):
                yield n, "there is no " + name
        for found in SHORT.finditer(line):
            name = found.group(1)
            if names_nothing("hypervisor/" + name) and names_nothing(os.path.join(os.path.dirname(path), name)) and \
                    names_nothing(SIM + name):
                yield n, "there is no hypervisor/" + name
    if path.startswith(SIM) and path.endswith(".h") and path != SIM + "sim.h" and names_nothing("hypervisor/" + path[len(SIM):]):
        yield 1, "replaces nothing: there is no hypervisor/" + path[len(SIM):]


def listed():
    """The tree's files: what git does not ignore, or where there is no git all but what was built."""
    p = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], stdout=subprocess.PIPE, text=True,
                       stderr=subprocess.DEVNULL, check=False)
    if p.returncode == 0:
        return sorted(f for f in p.stdout.split("\n") if f and os.path.isfile(f))
    walk = (os.path.relpath(os.path.join(d, f), ".") for d, _, names in os.walk(".") for f in names)
    return sorted(f for f in walk if not f.startswith(("build/", ".git/")))


def check(path):
    try:
        with open(path, encoding="utf-8") as f:
            lines = f.read().split("\n")
    except UnicodeDecodeError:
        return
    if CODE.search(path) and len(lines) - 1 > LINES:
        yield LINES, "%d lines, split it (limit %d)" % (len(lines) - 1, LINES)
    for rule in (spdx, columns):
        yield from rule(path, lines)
    if path != "scripts/lint.py":
        yield from words(path, lines)
        yield from paths(path, lines)


def manual():
    """hvctl's table of verbs against its manual page: each verb, and each long option that its help tells of."""
    with open("docs/man/hvctl.1") as f:
        page = f.read().replace("\\-", "-")
    for path in sorted(glob.glob("libhvctl/cli/builtin-*.c")):
        with open(path) as f:
            source = f.read()
        for table in re.finditer(r"^const struct command \w+ = \{(.*?)^\};", source, re.S | re.M):
            line = source.count("\n", 0, table.start()) + 1
            verb = re.search(r'\.name = "([\w-]+)"', table.group(1)).group(1)
            if not re.search(r"\\fB%s(\\fR| )" % verb, page):
                yield "%s:%d: docs/man/hvctl.1 does not tell of the verb %s" % (path, line, verb)
            for option in sorted(set(re.findall(r"--[a-z][a-z-]+", table.group(1)))):
                if not re.search(option + r"(?![a-z-])", page):
                    yield "%s:%d: docs/man/hvctl.1 does not tell of %s's %s" % (path, line, verb, option)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--quick", action="store_true", help="without cppcheck")
    ap.add_argument("--build", help="where the hypervisor was built, for the symbols of its objects")
    a = ap.parse_args()

    files = [f for f in listed() if not SKIPPED.match(f)]
    good = bool(files)
    for path in files:
        for n, message in check(path):
            good = False
            print("%s:%d: %s" % (path, n, message))
    p = subprocess.run([sys.executable, "tests/faults/run.py", "--check"], stdout=subprocess.PIPE, text=True, check=False)
    if p.returncode:
        good = False
        print("\n".join("tests/faults: " + x for x in p.stdout.split("\n") if x.startswith("FAIL")) or "tests/faults: broken")
    for message in manual():
        good = False
        print(message)
    rooms = [sys.executable, "scripts/rooms.py"] + ([a.build] if a.build else [])
    good = subprocess.run(rooms, check=False).returncode == 0 and good
    good = subprocess.run([sys.executable, "scripts/abi.py", "check"], check=False).returncode == 0 and good
    if not a.quick:
        if not shutil.which("cppcheck"):
            sys.exit("cppcheck is not installed")
        sources = [f for f in files if re.match(r"(hypervisor|libhvctl|backends|frontends)/.*\.c$", f)]
        good = subprocess.run(CPPCHECK + sources, check=False).returncode == 0 and good
    print("%d passed, %d failed, 0 skipped" % (good, not good))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
