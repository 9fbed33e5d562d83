# SPDX-License-Identifier: GPL-2.0-or-later
"""Tiny guest kernels as unprivileged domains from boot modules, and what their console says in the end."""
import re

from machine import Failure, Skip, check

RESULT = r"RESULT %s (PASS|FAIL|SKIP)\b(.*)\n"


def settings(build, name):
    """Of the guest's main.c: `// memory: 64M`, `// vcpus: 2`, `// verdict: crash`, `// seconds: 90`, `// emulator: bochs`."""
    values = {"memory": "32M", "vcpus": "1", "verdict": "result", "seconds": "60", "emulator": ""}
    try:
        with open("tests/guest/%s/main.c" % name) as f:
            head = f.read(4000)
    except OSError:
        return values
    for key in values:
        found = re.search(r"^//? ?\*? ?%s: *(\S+)" % key, head, re.M)
        if found:
            values[key] = found.group(1)
    return values


def module(build, name):
    s = settings(build, name)
    return build.need("guest/%s.elf" % name), "domU=%s,mem=%s,vcpus=%s" % (name, s["memory"], s["vcpus"])


def verdict(log, name):
    """What a guest's RESULT line says; None if there is none."""
    found = None
    for found in re.finditer(RESULT % re.escape(name), log, re.M):
        pass
    return found and (found.group(1), (found.group(2) or "").strip())


def judge(log, name):
    """Raise if the guest's result is not a pass; returns its note. A crash is expected of some: they print PASS before it."""
    v = verdict(log, name)
    check(v, "guest %s printed no RESULT line" % name)
    if v[0] == "SKIP":
        raise Skip(v[1])
    check(v[0] == "PASS", "guest %s: %s" % (name, v[1]))
    return v[1]


def wait_end(m, seconds):
    """Until the hypervisor has audited and the machine is down."""
    m.expect(r"\(annulus\).*audit: ", seconds, fail=r"\(annulus\).*panic")
    try:
        m.wait_exit(20)
    except Failure:
        if m.name != "Bochs":  # which may stay on after a reset or a halt
            raise
