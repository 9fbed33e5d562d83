# SPDX-License-Identifier: GPL-2.0-or-later
"""A domain's number, used again at once: nothing of the one that had it reaches the one that has it. dom0 is a tiny guest
(tests/guest/number-again).
"""
import guests


def cases(build):
    for cpus in 1, 2:
        yield "cpus%d" % cpus, lambda cpus=cpus: guests.as_dom0(build, "number-again", cpus)
