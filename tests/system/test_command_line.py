# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/command-line.md lists exactly the options that the hypervisor's sources declare."""
import glob
import re

from machine import check


def test(build):
    declared = set()
    for path in glob.glob("hypervisor/**/*.c", recursive=True):
        with open(path) as f:
            declared |= set(re.findall(r"^\s*OPTION_[A-Z0-9]+\(\s*\"([^\"]+)\"", f.read(), re.M))
    check(declared, "no option is declared in hypervisor/")
    with open("docs/command-line.md") as f:
        cells = re.findall(r"^\| *(`[^|]*?) *(?<!\\)\|", f.read(), re.M)
    documented = {name for cell in cells for name in re.findall(r"`([a-z0-9_.-]+)", cell)}
    check(declared <= documented, "not documented: " + ", ".join(sorted(declared - documented)))
    stale = documented - declared
    check(not stale, "documented, but there is no such option: " + ", ".join(sorted(stale)))
    return "%d options" % len(declared)
