# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests read from serial ports: a line of the hypervisor's or of dom0's kernel may cut one of a process in two, and
marks and prompts are found all the same; what guests say is not taken for it."""
from machine import Machine, check

OURS = "(annulus) [    1.000000] I balloon\n"
KERNEL = "[   20.123456] br0: port 1 entered forwarding state\n"
GUEST = "(d2) (annulus) [    0.000000] E forged\n"


def read(pieces):
    m = Machine()
    for p in pieces:
        m._take(p.encode())
    return m


def test(build):
    whole = ["dom0: rea" + OURS + "dy aft" + KERNEL + "er 20 s\n" + GUEST + "dom0# "]
    for pieces in (whole, list(whole[0]), [whole[0][i:i + 16] for i in range(0, len(whole[0]), 16)]):
        m = read(pieces)
        check(m.log == OURS + KERNEL + "dom0: ready after 20 s\n" + GUEST + "dom0# ", "read: %r" % m.log)
    # Who has seen the prompt finds what comes behind it there.
    m = read(["x\ndom0# "])
    m.mark = len(m.log)
    for c in OURS + "end":
        m._take(c.encode())
    check(m.log[m.mark:] == OURS + "end", "behind a prompt: %r" % m.log)
    untouched = OURS + KERNEL + OURS + GUEST + "(d1) [    0.000000] Linux\n"
    check(read(list(untouched)).log == untouched, "whole lines are changed: %r" % read(list(untouched)).log)
