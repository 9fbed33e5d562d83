# SPDX-License-Identifier: GPL-2.0-or-later
"""A cap, by the clock of who has it: dom0 is a tiny guest (tests/guest/cap)."""
import guests


def cases(build):
    for cpus in 1, 2:
        yield "cpus%d" % cpus, lambda cpus=cpus: guests.as_dom0(build, "cap", cpus)
