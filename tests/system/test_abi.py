# SPDX-License-Identifier: GPL-2.0-or-later
"""What the ABI refuses, to dom0: a tiny guest that asks for all of it (tests/guest/refused). To others: test_guest.py."""
import guests


def cases(build):
    for name in "refused", "refused-32":
        yield name, lambda name=name: guests.as_dom0(build, name, 1)
