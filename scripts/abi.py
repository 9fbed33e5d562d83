#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""abi.py check|write - the numbers of the ABI: public headers, pv-abi/abi.table, code, tests and docs/abi.md say the same.

A row of the table: NAME STATE ERRNO TEST. STATE is `done`, `refused` (on purpose) or `none` (not there); ERRNO is what it answers
if it is not done; TEST is a unit test or a tiny guest that uses the name, or `-`. `check` fails when

* a number of the headers (pv-abi/, and Xen's own if they are installed) has no row, or a row no number;
* a row says done or refused for its own reasons and no code names it, or says none and some does;
* an operation is done and 32-bit guests' hypercalls do not pass it on;
* a test is not there, or does not name it;
* docs/abi.md, or the list of refusals that the tiny guest `refused` asks for one by one, is not what `write` makes of the table.
"""
import glob
import os
import re
import sys

TABLE, DOC, XEN = "pv-abi/abi.table", "docs/abi.md", "/usr/include/xen"
LIST = "tests/guest/refused/rows.h"
# Title, header, names, which of them are no operations, the call that they belong to.
GROUPS = [
    ("Hypercalls", "xen.h", r"__HYPERVISOR_[a-z]\w+", r"__HYPERVISOR_dom0_op", None),
    ("mmu_update", "xen.h", r"MMU_(?:NORMAL_PT_UPDATE|MACHPHYS_UPDATE|PT_UPDATE_\w+)", None, "mmu_update"),
    ("mmuext_op", "xen.h", r"MMUEXT_[A-Z]\w+", None, "mmuext_op"),
    ("vm_assist", "xen.h", r"VMASST_(?:CMD|TYPE)_\w+", None, "vm_assist"),
    ("console_io", "xen.h", r"CONSOLEIO_\w+", None, "console_io"),
    ("xen_version", "version.h", r"XENVER_\w+", None, "xen_version"),
    ("memory_op", "memory.h", r"XENMEM_[a-z]\w+",
     r"XENMEM_(?:(?:paging|access|sharing)_op_|resource_ioreq_server_|resource_grant_table_id_)", "memory_op"),
    ("sched_op", "sched.h", r"SCHEDOP_\w+", None, "sched_op"),
    ("vcpu_op", "vcpu.h", r"VCPUOP_\w+", None, "vcpu_op"),
    ("event_channel_op", "event_channel.h", r"EVTCHNOP_\w+", None, "event_channel_op"),
    ("grant_table_op", "grant_table.h", r"GNTTABOP_\w+", r"GNTTABOP_error_msgs", "grant_table_op"),
    ("callback_op", "callback.h", r"CALLBACKOP_\w+", None, "callback_op"),
    ("nmi_op", "nmi.h", r"XENNMI_\w+", None, "nmi_op"),
    ("physdev_op", "physdev.h", r"PHYSDEVOP_[a-z]\w+", None, "physdev_op"),
    ("platform_op", "platform.h", r"XENPF_[a-z]\w+", None, "platform_op"),
    ("sysctl", "sysctl.h", r"XEN_SYSCTL_(?:[a-z]\w+|CPUPOOL_OP_\w+|SCHEDOP_\w+)",
     r"XEN_SYSCTL_(?:cpu_featureset|cpu_policy|pm_op)_", "sysctl"),
    ("domctl", "domctl.h", r"XEN_DOMCTL_(?:[a-z]\w+|SCHEDOP_\w+)",
     r"XEN_DOMCTL_(?:vmtrace_(?!op)|real_mode_area)", "domctl"),
    ("mca", "arch-x86/xen-mca.h", r"XEN_MC_(?:fetch|notifydomain|physcpuinfo|msrinject|mceinject|inject_v2)", None, "mca"),
]
# What the code does without the name: the usual case of a number's low bits; what is true of every update.
IMPLIED = {"MMU_NORMAL_PT_UPDATE", "MMU_PT_UPDATE_NO_TRANSLATE"}
# Whoever is not dom0 is told EPERM before the number is looked at.
PRIVILEGED = r"XENPF_|XEN_SYSCTL_|XEN_DOMCTL_|XEN_MC_|XENMEM_resource_|PHYSDEVOP_dbgp_op"
# Calls whose operations 32-bit guests have by lists of their own, and what goes without.
NARROW, NOT_NARROW = {"memory_op", "vcpu_op", "sched_op", "physdev_op", "grant_table_op", "platform_op"}, \
    {"VCPUOP_initialise", "XENMEM_add_to_physmap", "XENMEM_add_to_physmap_batch", "XENMEM_remove_from_physmap",
     "XENMEM_get_vnumainfo", "XENMEM_resource_grant_table", "XENMEM_resource_ioreq_server", "XENMEM_resource_vmtrace_buf",
     "__HYPERVISOR_set_segment_base", "__HYPERVISOR_hypfs_op", "__HYPERVISOR_hvm_op"}
HEAD = """<!-- SPDX-License-Identifier: GPL-2.0-or-later -->
<!-- Made by scripts/abi.py from pv-abi/abi.table. -->
# The ABI, number by number

Every number of the public headers of 4.17 that a PV guest or its toolstack may ask for. *done*: it does what the headers say.
*refused*: on purpose, with the error named. *not there*: the error is what any unknown number gets. Operations of hypercalls
that are not there have no rows. A domain without privilege gets `-EPERM` for whatever it asks of platform_op, sysctl, domctl
and mca, for the resources of XENMEM_acquire_resource and for PHYSDEVOP_dbgp_op. The tiny guest `refused` asks for all that is
refused or not there, and for the number after the last of each call, as a guest and as dom0, with 64 and with 32 bits. A test
is a file in `tests/unit/` or a directory in `tests/guest/` that uses the number; `-`: none does by name. `make lint` fails
when headers, code, tests and this table part.
"""
NUMBER = r"(?:xen_mk_uint\()?(?:0x)?[0-9a-fA-F]+(?:U|UL)?\)?(?:\s*<<\s*\d+)?"


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def numbers(path, names, not_ops):
    """{name: number} of a header; names for other names are left out."""
    out = {}
    for name, value in re.findall(r"(?m)^#\s*define\s+(%s)\s+(%s)\s*(?:/[*/].*)?$" % (names, NUMBER), read(path)):
        if not (not_ops and re.match(not_ops, name)):
            out[name] = int(re.sub(r"xen_mk_uint|[()]|[UL]+$", "", value.split("<<")[0]).strip(" UL"), 0)
    return out


def headers():
    """[(title, {name: number})]; what both kinds of headers have must have the same number."""
    out, wrong = [], []
    for title, header, names, not_ops, _ in GROUPS:
        group = {}
        for path in (os.path.join("pv-abi", header), os.path.join(XEN, header), os.path.join("pv-abi", os.path.basename(header))):
            if not os.path.exists(path):
                continue
            for name, number in numbers(path, names, not_ops).items():
                if group.setdefault(name, number) != number:
                    wrong.append("%s: %s is %d, elsewhere %d" % (path, name, number, group[name]))
        out.append((title, group))
    return out, wrong


def rows():
    out, wrong = {}, []
    for n, line in enumerate(read(TABLE).splitlines(), 1):
        words = line.split()
        if not words or line.startswith("#"):
            continue
        if len(words) != 4 or words[1] not in ("done", "refused", "none") or (words[1] == "done") != (words[2] == "-") or \
                words[0] in out:
            wrong.append("%s:%d: NAME done|refused|none ERRNO TEST, once each" % (TABLE, n))
        else:
            out[words[0]] = words[1:]
    return out, wrong


def code():
    """Names that the hypervisor uses, where it decides; the table of hypercalls by what it expands to."""
    out = set()
    for path in glob.glob("hypervisor/**/*.c", recursive=True):
        # The translation of structures names what it translates, whether it is there or not.
        if os.path.basename(path) == "compat_struct.c":
            continue
        text = re.sub(r"/\*.*?\*/", "", read(path), flags=re.S)
        out.update(re.findall(r"\b[A-Z_]\w+", text))
        for names in re.findall(r"#define ALL_HYPERCALLS\(H\)((?:.*\\\n)*.*)", text):
            out.update("__HYPERVISOR_" + n for n in re.findall(r"H\((\w+)\)", names))
    if "__HYPERVISOR_mca" in out:
        out.add("__HYPERVISOR_arch_0")
    return out


def test_path(name):
    unit = "tests/unit/%s.c" % name
    return unit if os.path.exists(unit) else "tests/guest/%s/main.c" % name


def uses(path, name):
    """Does a test use it? Calls are named without their prefix there."""
    short = name.replace("__HYPERVISOR_", "")
    text = read(path)
    return re.search(r"\b(?:%s|do_%s|hypercall\(%s)\b" % (name, short, short), text) is not None


def document(groups, table):
    out = [HEAD]
    count = {"done": 0, "refused": 0, "none": 0}
    for title, group in groups:
        out += ["## " + title, "", "| number | name | state | errno | test |", "|---|---|---|---|---|"]
        for name, number in sorted(group.items(), key=lambda x: (x[1], x[0])):
            state, errno, test = table[name]
            count[state] += 1
            out.append("| %d | `%s` | %s | %s | %s |" % (number, name, {"none": "not there"}.get(state, state),
                                                         "" if errno == "-" else "`-%s`" % errno,
                                                         "-" if test == "-" else "`%s`" % test))
        out.append("")
    out.insert(1, "%d are done, %d refused, %d not there.\n" % (count["done"], count["refused"], count["none"]))
    return "\n".join(out).rstrip() + "\n"


def requests(groups, table):
    """The tiny guest's list: what each number that is not done answers dom0 and others."""
    out = ["/* SPDX-License-Identifier: GPL-2.0-or-later */", "/* Made by scripts/abi.py from pv-abi/abi.table. */"]

    def row(kind, number, errno, name):
        others = "EPERM" if re.match(PRIVILEGED, name) else errno
        out.append("ROW(%s, %d, %s, %s, \"%s\")" % (kind, number, errno, others, name))

    for (_, group), (_, _, names, _, call) in zip(groups, GROUPS):
        call = call or "hypercall"
        for name, number in sorted(group.items(), key=lambda x: (x[1], x[0])):
            state, errno, _ = table[name]
            if state != "done":
                kind = "cpupool_op" if "CPUPOOL" in name else "acquire_resource" if "XENMEM_resource" in name else call
                row(kind, number, errno, name)
        if call not in ("mmu_update", "vm_assist"):  # no more bits; two kinds, neither of which has a next
            last = max(group.values())
            row(call, last + 1, "ENOSYS", re.match(r"[A-Z_]*[A-Z]_?", names).group() + " and no more")
    return "\n".join(out) + "\n"


def narrow(groups, table):
    """What is done, or refused in words of its own, and not for 32-bit guests."""
    listed = set(re.findall(r"\{ ([A-Z]\w+), ", read("hypervisor/entry/compat_struct.c")))
    listed.update("__HYPERVISOR_" + n for n in re.findall(r"\bC\((\w+), \"", read("hypervisor/entry/compat_hypercall.c")))
    if "__HYPERVISOR_mca" in listed:
        listed.add("__HYPERVISOR_arch_0")
    for (_, group), (title, _, _, _, call) in zip(groups, GROUPS):
        if call in NARROW or title == "Hypercalls":
            for name in sorted(set(group) - listed - NOT_NARROW):
                if table.get(name, ["none"])[0] != "none":
                    yield name


def check(write=False):
    groups, wrong = headers()
    table, more = rows()
    wrong += more
    known, named = {n for _, g in groups for n in g}, code()
    wrong += ["%s: no row for %s" % (TABLE, n) for n in sorted(known - set(table))]
    if os.path.isdir(XEN):
        wrong += ["%s: %s is in no header" % (TABLE, n) for n in sorted(set(table) - known)]
    for name, (state, errno, test) in sorted(table.items()):
        if state == "done" and name not in named | IMPLIED:
            wrong.append("%s: %s is done, and no code names it" % (TABLE, name))
        if state == "none" and name in named:
            wrong.append("%s: %s is not there, and some code names it" % (TABLE, name))
        if errno != "-" and not re.search(r"\bX?E?N?_?%s\b" % errno, read("pv-abi/errno.h")):
            wrong.append("%s: %s: there is no %s" % (TABLE, name, errno))
        if test != "-" and (not os.path.exists(test_path(test)) or not uses(test_path(test), name)):
            wrong.append("%s: %s: %s does not use it" % (TABLE, name, test))
    wrong += ["%s: 32-bit guests do not have %s" % (TABLE, n) for n in narrow(groups, table)]
    # Without Xen's headers the numbers of those that pv-abi/ does not have are not known: the document stays.
    if not wrong and os.path.isdir(XEN):
        for path, text in (DOC, document(groups, table)), (LIST, requests(groups, table)):
            if write:
                with open(path, "w", encoding="utf-8") as f:
                    f.write(text)
            elif not os.path.exists(path) or read(path) != text:
                wrong.append("%s is not what scripts/abi.py makes of %s: scripts/abi.py write" % (path, TABLE))
    return wrong


if __name__ == "__main__":
    if sys.argv[1:] not in (["check"], ["write"]):
        sys.exit(__doc__)
    faults = check(sys.argv[1] == "write")
    print("".join(x + "\n" for x in faults), end="")
    sys.exit(bool(faults))
