# SPDX-License-Identifier: GPL-2.0-or-later
"""Tiny guest kernels as unprivileged domains from boot modules, and what is to be said of them in the end."""
import os
import re

from machine import SOAK, Failure, Qemu, Skip, check

AT_ONCE = 24      # so many guests share a machine, where they need none of their own
MEMORY = 704      # MiB for that machine
AUDIT_EVERY = 2.0  # seconds


def settings(name):
    """What the opening comment of the guest's main.c asks for: `vcpus: 2`, `alone: yes`, ... NAME-32 is NAME for 32 bits, NAME-r1
    for a 64-bit kernel in ring 1."""
    values = {"memory": "16M", "vcpus": "1", "seconds": "60", "alone": "no", "emulator": "any", "icount": "no", "driven": "no",
              "options": "", "quick": "all", "cpu": "", "kind": "pv", "bits": "64"}
    form = name.endswith(("-32", "-r1")) and not os.path.isdir("tests/guest/" + name)
    with open("tests/guest/%s/main.c" % (name[:-3] if form else name)) as f:
        head = f.read(3000)
    for key in values:
        found = re.search(r"^(?://| \*) *%s: *(\S+)" % key, head, re.M)
        if found:
            values[key] = found.group(1)
    return values


def module(build, name):
    s = settings(name)
    return build.need("guest/%s.elf" % name), "domU=%s,mem=%s,vcpus=%s%s" % (name, s["memory"], s["vcpus"],
                                                                              ",pvh" if s["kind"] == "pvh" else "")


def left_to_soak(name, machine):
    """Whether `make test` does without this guest on this machine. `quick: first`: Bochs has only the form of 64 bits in ring 3,
    as QEMU has them all; `quick: MACHINE`: that form runs there alone."""
    quick = settings(name)["quick"]
    if SOAK or quick == "all":
        return False
    other = name.endswith(("-32", "-r1"))
    return other and machine.startswith("bochs") if quick == "first" else other or quick != machine


def in_ring1(name):
    """Whether it is a 64-bit kernel for ring 1."""
    return settings(name)["bits"] == "ring1" or name.endswith("-r1")


def batches(build, emulator, ring1=None):
    """Lists of guests: each list is a machine's. `ring1`: 64-bit kernels in ring 1 alone, or all but them."""
    together, out = [], []
    for name in build.guests():
        s = settings(name)
        if s["driven"] == "yes" or s["emulator"] not in ("any", emulator) or (ring1 is not None and in_ring1(name) != ring1):
            continue
        if s["alone"] == "yes":
            out.append([name])
        else:
            together.append(name)
    size = -(-len(together) // max(1, -(-len(together) // AT_ONCE)))
    return [together[i:i + size] for i in range(0, len(together), size or 1)] + out


def run(m, names, keys, factor=1):
    """Until all have ended, the hypervisor has audited and the machine is off. `keys`: audit while they run, too. `factor`: of
    patience, for a slow machine. It begins anew whenever a guest has come to its end: work beside must not judge."""
    patience = factor * (max(int(settings(n)["seconds"]) for n in names) + 2 * len(names))
    ended = end = 0
    while True:
        results = len(m.lines(r"^\(d\d+\) .*RESULT "))
        if results != ended or not end:
            ended, end = results, m.clock() + patience
        try:
            m.expect(r"^\(annulus\).*all domains have ended", AUDIT_EVERY, fail=r"^\(annulus\).*panic")
            break
        except Failure as e:
            if not m.alive() or str(e).startswith("unexpected") or m.clock() > end:
                raise
            if keys:
                m.send("A")
    m.expect(r"^\(annulus\).*audit: ", 60)
    try:
        m.wait_exit(30)
    except Failure:
        if m.name != "Bochs":  # which may stay on after the power-off
            raise


def judge(log, name):
    """Raise unless the guest did what is expected of it; returns its note."""
    option = settings(name)["options"].split("=")[0]
    if option and re.search(r"(?m)^\(annulus\).* W .*'%s" % re.escape(option), log):
        raise Skip("this build has no option " + option)
    number = re.search(r"(?m)^\(annulus\).* boot: d(\d+) is %s," % re.escape(name), log)
    check(number, "guest %s was not started" % name)
    crash = re.search(r"(?m)^\(annulus\).* (d%s(?:v\d+)? (?:was )?crashed.*)" % number.group(1), log)
    said = re.findall(r"^\(d%s\) .*RESULT %s (PASS|FAIL|SKIP|DIES)(?: (.*))?$" % (number.group(1), re.escape(name)), log, re.M)
    check(said or crash, "guest %s printed no RESULT line" % name)
    check(said, "guest %s: %s" % (name, crash and crash.group(1)))
    word, note = said[-1]
    if word == "SKIP":
        raise Skip(note.strip())
    if word == "DIES":
        check(crash, "guest %s said that it dies but no crash was logged" % name)
        return crash.group(1).split(": ", 1)[-1]
    check(word == "PASS", "guest %s: %s" % (name, note))
    check(not crash, "guest %s passed, then: %s" % (name, crash and crash.group(1)))
    return None


def judge_machine(m):
    """The hypervisor came through: every audit clean, also those in the middle, and nothing said at error level."""
    errors = m.lines(r"^\(annulus\) \[[^]]*\] E |^\(annulus\).*panic")
    check(not errors, "; ".join(errors[:3]))
    audits = m.lines(r"^\(annulus\).*audit: ")
    check(audits, "the hypervisor printed no audit line")
    for line in audits:
        check("audit: clean" in line, line.strip())
    return len(audits)


def as_dom0(build, name, cpus, words="", **machine):
    """The tiny guest `name` as dom0 of a machine of its own, to its PASS; `words`: a piece of what it says."""
    with Qemu(kernel=build.hv, cmdline="console=com1 com1=115200 dom0_mem=32M", cpus=cpus, mem=256, nic=None,
              modules=[(build.need("guest/%s.elf" % name), "")], **machine) as m:
        m.expect(r"^RESULT %s PASS" % name, 60, fail=r"^\(annulus\).*panic|RESULT \S+ FAIL")
        check(words in m.log, "%s does not say '%s'" % (name, words))
        judge_machine(m)
        return "%.0f s" % m.seconds()
