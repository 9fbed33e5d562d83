# SPDX-License-Identifier: GPL-2.0-or-later
"""Tiny guests that are copied while they run: dom0 (tests/guest/log-dirty) has the log of their written pages, and no write may
be missing in it. The same guests as everywhere, so all ways of writing that they know.
"""
import os
import tempfile

import guests
from machine import SOAK, Bochs, Qemu

# What writes in ways of its own, and what changes tables under a shadow; in `make soak` all that need no machine of their own.
CHOSEN = ["writable-pt", "mmu-update", "va-mapping", "user-mode", "user-roots", "fast-paths", "evil-tables", "evil-race-tables",
          "grants", "events-fifo", "segments", "vcpus", "evil-pae-root", "evil-int80", "multicall",
          "evil-descriptors"]
# Frames that dom0 looks at have one reference more for a moment and cannot be exchanged; who is stopped is late.
NOT_LOOKED_AT = ["memory-op", "evil-exchange", "timers", "sched"]
AT_ONCE = 10


def chosen(build):
    names = [n for n in build.guests() if not n.startswith("dies-") and guests.settings(n)["alone"] != "yes" and
             guests.settings(n)["driven"] != "yes" and guests.settings(n)["emulator"] == "any" and
             n.removesuffix("-32") not in NOT_LOOKED_AT]
    return names if SOAK else [n for n in names if n.removesuffix("-32") in CHOSEN]


def follow(m, names, patience):
    end = m.clock() + patience
    m.expect(r"^RESULT log-dirty PASS", end - m.clock(), fail=r"RESULT log-dirty FAIL.*|^\(annulus\).*panic")
    for n in names:
        try:
            guests.judge(m.log, n)
        except guests.Skip:
            pass
    guests.judge_machine(m)
    return "%d guests in %.0f s" % (len(names), m.seconds())


def qemu(build, names, cpus, options):
    modules = [(build.need("guest/log-dirty.elf"), "")] + [guests.module(build, n) for n in names]
    with Qemu(kernel=build.hv, cmdline="console=com1 com1=115200 dom0_mem=48M " + options, cpus=cpus, mem=640, nic=None,
              modules=modules) as m:
        return follow(m, names, 60 + 40 * len(names))


def bochs(build, names):
    with tempfile.TemporaryDirectory(prefix="annulus-") as d:
        modules = [(build.need("guest/log-dirty.elf"), "")] + [guests.module(build, n) for n in names]
        iso = build.iso(os.path.join(d, "guests.iso"), modules, "dom0_mem=48M")
        with Bochs(iso, cpus=2, mem=256) as m:
            return follow(m, names, 240 + 120 * len(names))


def cases(build):
    names = chosen(build)
    for i in range(0, len(names), AT_ONCE):
        part = names[i:i + AT_ONCE]
        yield "mapped.%d" % (i // AT_ONCE), lambda part=part: qemu(build, part, 2, "")
        yield "unmapped.%d" % (i // AT_ONCE), lambda part=part: qemu(build, part, 2, "xpti=on")
    yield "bochs", lambda: bochs(build, [n for n in ("writable-pt", "user-mode-32") if n in names])
