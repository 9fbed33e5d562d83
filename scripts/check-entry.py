#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""check-entry.py IMAGE [--objdump PROGRAM] [--verbose] - what flags does C run with, and what did a guest leave behind?

Walks over the assembly of the linked image (with symbols) from every place where the CPU enters ring 0 and from every function
that C calls, over jumps, calls, the fixed-up faults of .extable, and the instructions that `alternative` puts in at boot: once
per set of features that exclude each other, each time in the code as it is then. An error is

  * a way into C, or back to it, on which DF, NT, TF, or AC where SMAP is on, may be set. They are 0 where CLD or CLAC was
    executed, where the CPU clears them on the way in (NOTE_ENTRY says so), where POPF took a constant, and after C;
  * IRETQ with NT, which faults in long mode;
  * IRETQ or SYSRETQ that may lead to a guest and is not next to a VERW, where the CPU needs that;
  * in the code that bounces on the guest's view, an access to memory by a register other than rip, rsp and (page faults) the one
    that has the info page, outside of the stretches after which ring0_u puts things right (the *_puts), but for what it knows of
    vcpu_info, whose page we map; or in such a stretch anything but MOV to that memory, PUSH and what changes rax alone (or
    RDGSBASE, which may be #UD), so that a fault finds everything else as it was;
  * a jump, call or return to an address that the instruction does not tell and no note (entry/macros.h) does;
  * an entry of .extable at no instruction that was walked over, or out of a function of C;
  * code that nothing leads to: a way in without its note;
  * STD anywhere.

A fault in ring 0 gives back the flags of the instruction that it was at: that is how an .extable edge is walked.
Prints what it found and exits with 1, or says nothing.
"""
import argparse
import bisect
import os
import re
import struct
import subprocess
import sys
import tempfile

(ENTRY, FUNCTION, TARGET, TABLE, TO_C, RING0, PUSH, THUNK, CALLER, DATA, BOOT) = range(1, 12)
FLAGS = {"TF": 0x100, "DF": 0x400, "NT": 0x4000, "AC": 0x40000}
ALL = sum(FLAGS.values())

# cpu/alternative.h
SMAP, VERW, RSB_ENTRY, RETPOLINE, LFENCE, RSB_64BIT, LATENCY = 1, 2, 4, 8, 16, 32, 64
KIND_BYTES = 0
KINDS = {KIND_BYTES: b"", 1: b"\xe8", 3: b"\xe9", 2: b"\x0f\x00\x2d"}  # CALL, JMP, VERW
CONFIGS = [SMAP | VERW | RSB_ENTRY | RSB_64BIT | RETPOLINE, SMAP | VERW | LFENCE | LATENCY, 0]

# Where a guess of the processor ends, or what fills up: no way leads there.
PADDING = re.compile(r"^(nop[wl]?|int3|ud2|pause|lfence|xchg|cs|data16)$")
LINE = re.compile(r"^([0-9a-f]+):\t((?:[0-9a-f]{2} )+)\s*(?:(?:bnd|notrack|repz|rep|cs|ds|data16|lock) )*([a-z0-9]+)\s*(.*)$")
MAX_CALLS = 4


class Trouble(Exception):
    pass


class Image:
    """The ELF file: bytes by address, symbols, and the tables that the assembly wrote."""

    def __init__(self, path):
        with open(path, "rb") as f:
            self.data = bytearray(f.read())
        (shoff,) = struct.unpack_from("<Q", self.data, 40)
        size, count, strings = struct.unpack_from("<HHH", self.data, 58)
        raw = [struct.unpack_from("<IIQQQQIIQQ", self.data, shoff + i * size) for i in range(count)]
        self.sections = {}
        for s in raw:
            name = self.text(raw[strings][4] + s[0])
            self.sections[name] = {"type": s[1], "addr": s[3], "offset": s[4], "size": s[5], "link": s[6]}
        self.symbols = {}
        self.functions, self.labels = {}, {}  # address to (name, size): C's, and the assembly's
        symtab = self.section(".symtab")
        names = raw[symtab["link"]][4]
        for at in range(symtab["offset"], symtab["offset"] + symtab["size"], 24):
            name, info, _, index, value, length = struct.unpack_from("<IBBHQQ", self.data, at)
            text = self.text(names + name)
            if index == 0 or index >= 0xff00 or not text:
                continue
            self.symbols[text] = (value, length)
            if info & 15 == 2:
                self.functions[value] = (text, length)
            elif info & 15 == 0 and text not in ("_entry_start", "_entry_end", "_text_end"):
                self.labels.setdefault(value, text)
        self.notes = {}
        notes = self.section(".entry_notes")
        for kind, address, value in self.records(notes["offset"], notes["size"], "<QQQ"):
            self.notes.setdefault(address, []).append((kind, value))
        self.alternatives = list(self.table("_alternatives_start", "_alternatives_end", "<QQIHH"))
        self.extable = dict(self.table("_extable_start", "_extable_end", "<QQ"))

    def section(self, name):
        if name not in self.sections:
            raise Trouble("there is no section %s" % name)
        return self.sections[name]

    def text(self, at):
        return self.data[at:self.data.index(0, at)].decode()

    def records(self, offset, size, form):
        for at in range(offset, offset + size, struct.calcsize(form)):
            yield struct.unpack_from(form, self.data, at)

    def offset(self, address):
        for s in self.sections.values():
            if s["type"] == 1 and s["addr"] and s["addr"] <= address < s["addr"] + s["size"]:
                return s["offset"] + address - s["addr"]
        raise Trouble("nothing is loaded at %#x" % address)

    def table(self, start, end, form):
        a, b = self.symbols[start][0], self.symbols[end][0]
        return self.records(self.offset(a), b - a, form)

    def name(self, address):
        starts = sorted(set(self.functions) | set(self.labels))
        i = bisect.bisect_right(starts, address) - 1
        if i < 0:
            return "%#x" % address
        at = starts[i]
        name = self.functions[at][0] if at in self.functions else self.labels[at]
        return name + ("+%#x" % (address - at) if address > at else "")

    def patched(self, on):
        """The bytes as alternatives_apply() leaves them, and the notes, which move with the code."""
        data, notes = bytearray(self.data), dict(self.notes)
        for place, source, feature, length, kind in self.alternatives:
            if kind not in KINDS or not any(c & feature for c in CONFIGS):
                raise Trouble("the alternative at %s is of a kind or for a feature that this script does not know" %
                              self.name(place))
            if not feature & on:
                continue
            to = self.offset(place)
            distance = struct.pack("<i", source - place - length)
            if kind == KIND_BYTES:
                at = self.offset(source)
                new = bytes(self.data[at:at + length])
                keep = [n for n in notes.get(place, []) if n[0] in (ENTRY, FUNCTION, THUNK)]
                for a in range(place, place + length):
                    notes.pop(a, None)
                    moved = (keep if a == place else []) + self.notes.get(source + a - place, [])
                    if moved:
                        notes[a] = moved
            else:
                new = KINDS[kind] + distance
            if len(new) != length:
                raise Trouble("the alternative at %s has an odd length" % self.name(place))
            data[to:to + length] = new
        return data, notes


class Walk:
    def __init__(self, image, on, objdump):
        self.image, self.on = image, on
        data, self.notes = image.patched(on)
        self.wanted = ALL if on & SMAP else ALL & ~FLAGS["AC"]
        self.code, self.errors = {}, []
        self.visited, self.reached_extable = set(), set()
        self.disassemble(data, objdump)

    def disassemble(self, data, objdump):
        with tempfile.TemporaryDirectory(prefix="entry-") as d:
            path = os.path.join(d, "image")
            with open(path, "wb") as f:
                f.write(data)
            out = subprocess.run([objdump, "-dw", "-j", ".text", path], stdout=subprocess.PIPE, text=True, check=True,
                                 env=dict(os.environ, LC_ALL="C")).stdout
        for line in out.splitlines():
            m = LINE.match(line)
            if m:
                self.code[int(m.group(1), 16)] = (m.group(3), m.group(4).strip(), len(m.group(2)) // 3)

    def complain(self, address, what):
        self.errors.append("%s: %s" % (self.image.name(address), what))

    def noted(self, address, kind):
        return [v for k, v in self.notes.get(address, []) if k == kind]

    def in_c(self, address, known, what):
        """A way to C, or back to it."""
        missing = [n for n, bit in FLAGS.items() if bit & self.wanted & ~known]
        if missing:
            self.complain(address, "%s with %s as the guest left %s" %
                          (what, ", ".join(missing), "it" if len(missing) == 1 else "them"))

    def indirect(self, address, known, stack, push):
        """Where a branch at `address` may go that does not say so itself: states to go on with."""
        targets = self.noted(address, TARGET)
        tables = self.noted(address, TABLE)
        for t in tables:
            name = [n for n, (a, _) in self.image.symbols.items() if a == t][0]
            at, size = self.image.offset(t), self.image.symbols[name][1]
            for (f,) in self.image.records(at, size, "<Q"):
                if f and f not in self.image.functions:
                    self.complain(address, "%s holds %#x, which is no function of C" % (name, f))
        if tables or self.noted(address, TO_C):
            self.in_c(address, known, "C is called")
            return [(push, ALL, False, None, stack)] if push else self.leave(address, ALL, stack)
        if not targets:
            self.complain(address, "an indirect branch without a note")
        return [(t, known, False, None, stack + ((push,) if push else ())) for t in targets]

    def leave(self, address, known, stack):
        """A return."""
        if self.noted(address, CALLER):
            if stack != ("thunk",) or known != ALL:
                self.complain(address, "a thunk that is none")
            return []
        if self.noted(address, TARGET):
            return self.indirect(address, known, stack, None)
        if stack[-1] == "C":
            self.in_c(address, known, "back to C")
            return []
        if not isinstance(stack[-1], int):
            self.complain(address, "returns, and nobody called")
            return []
        return [(stack[-1], known, False, None, stack[:-1])]

    def transfer(self, address, operand, known, stack, push):
        """JMP or CALL."""
        if operand.startswith("*"):
            if self.noted(address, CALLER):
                return self.leave(address, known, stack)
            return self.indirect(address, known, stack, push)
        target = int(operand.split()[0], 16)
        if target in self.image.functions:
            self.in_c(address, known, "%s is called" % self.image.functions[target][0])
            return [(push, ALL, False, None, stack)] if push else self.leave(address, ALL, stack)
        if self.noted(target, THUNK):
            return self.indirect(address, known, stack, push)
        if push and self.noted(address, PUSH):
            push = None
        if push and len(stack) > MAX_CALLS:
            self.complain(address, "calls itself")
            return []
        return [(target, known, False, None, stack + ((push,) if push else ()))]

    def step(self, state):
        address, known, verw, constant, stack = state
        if address not in self.code:
            self.complain(address, "there is no instruction")
            return []
        op, operand, length = self.code[address]
        after = address + length
        out = []
        if address in self.image.extable:
            self.reached_extable.add(address)
            out.append((self.image.extable[address], known, False, None, stack))
        if op in ("iret", "iretq", "sysret", "sysretq", "sysretl"):
            if known & FLAGS["NT"] == 0 and op.startswith("iret"):
                self.complain(address, "IRETQ, and NT may be set")
            if not verw and self.on & VERW and not self.noted(address, RING0):
                self.complain(address, "a way out to a guest without VERW before it")
            return out
        if op in ("int3", "ud2"):
            return out
        if op in ("jmp", "jmpq"):
            new = self.transfer(address, operand, known, stack, None)
            return out + [(a, k, verw, None, s) for a, k, _, _, s in new]
        if op in ("call", "callq"):
            return out + self.transfer(address, operand, known, stack, after)
        if op in ("ret", "retq", "lret", "lretq"):
            return out + self.leave(address, known, stack)
        if op.startswith("j") or op.startswith("loop"):
            out.append((int(operand.split()[0], 16), known, False, None, stack))
            return out + [(after, known, False, None, stack)]
        pushed = None
        if op == "cld":
            known |= FLAGS["DF"]
        elif op == "std":
            known &= ~FLAGS["DF"]
        elif op == "clac":
            known |= FLAGS["AC"]
        elif op == "stac":
            known &= ~FLAGS["AC"]
        elif op in ("popf", "popfq"):
            known = ALL & ~constant if constant is not None else 0
        elif op in ("push", "pushq") and operand.startswith("$"):
            pushed = int(operand[1:], 16)
        return out + [(after, known, op == "verw", pushed, stack)]

    def run(self):
        todo = []
        for address, notes in self.notes.items():
            for kind, value in notes:
                if kind == ENTRY:
                    todo.append((address, value & ALL, False, None, ("entry",)))
                elif kind == FUNCTION:
                    todo.append((address, ALL, False, None, ("C",)))
                elif kind == THUNK:
                    todo.append((address, ALL, False, None, ("thunk",)))
        seen = set(todo)
        while todo:
            state = todo.pop()
            self.visited.add(state[0])
            for new in self.step(state):
                if new not in seen:
                    seen.add(new)
                    todo.append(new)
        for address, (op, _, _) in self.code.items():
            if op == "std":
                self.complain(address, "STD")


# What bounces on the guest's view: where it begins and ends, the registers that it may reach memory by anywhere, and its
# stretches of stores to the guest's stack, or loads from it; and where a fault in ring 0 is looked at that came from there.
BOUNCES = (("syscall_stub_ring1", "syscall_stub_ring1_end", ("%rip", "%rsp"),
            ("ring1_puts", "ring1_msr_puts", "ring1_gets", "ring1_get_base"), "ring1_stub_faulted"),
           ("pf_entry_ring1", "pf_entry_ring1_end", ("%rip", "%rsp", "%rcx"), ("ring1_pf_puts", "ring1_pf_inner_puts"),
            "ring1_pf_faulted"))
# vcpu_info: pending, mask, CR2.
INFO = (("cmpw", "$0x0,(%rax)"), ("mov", "%al,0x1(%rdx)"), ("mov", "%rax,0x10(%rdx)"), ("sete", "0x1(%rdx)"))
# The hypercall has a mask of its own: it alone may look for an event without the mask.
PENDING_ALONE = ("cmpb", "$0x0,(%rax)"), "ring1_short_iret", "ring1_gets"


def looked_for(code, address):
    """The stretches that the code from `address` on compares the faulting instruction with: (first byte, size)."""
    found, base = set(), None
    for address in sorted(a for a in code if a >= address):
        op, operand, _ = code[address]
        lea = re.fullmatch(r"(-?)(?:0x([0-9a-f]+))?\(%rax\),%rcx", operand) if op == "lea" else None
        cmp = re.fullmatch(r"\$0x([0-9a-f]+),%rcx", operand) if op.startswith("cmp") else None
        if lea:
            base = int(lea.group(2) or "0", 16) * (1 if lea.group(1) else -1)
        elif cmp:
            found.add((base, int(cmp.group(1), 16)))
        elif op == "jmp":
            return found


def bounce_errors(image, code, first, last, trusted, stretches, faulted):
    start, end = image.symbols[first][0], image.symbols[last][0]
    puts = [(image.symbols[n][0], image.symbols[n + "_end"][0]) for n in stretches]
    for address in sorted(a for a in code if start <= a < end):
        op, operand, _ = code[address]
        operand = operand.split("#")[0].strip()
        base = re.search(r"\((%\w+)", operand)
        stores = bool(re.search(r"\)$", operand)) and base
        if any(a <= address < b for a, b in puts):
            if op in ("mov", "movq") and (stores or operand.endswith(",%rax")):
                continue
            if op == "push" or (op, operand) == ("rdgsbase", "%rax"):
                continue
            if op not in ("mov", "movzwl", "and") or not operand.endswith(",%eax"):
                yield "%s: %s %s where a fault is put right" % (image.name(address), op, operand)
        elif base and base.group(1) not in trusted and not op.startswith("nop"):
            look, a, b = PENDING_ALONE
            alone = (op, operand) == look and image.symbols[a][0] <= address < image.symbols[b][0]
            if (op, operand) not in INFO and not alone:
                yield "%s: %s %s, and nobody puts a fault right" % (image.name(address), op, operand)
    known = looked_for(code, image.symbols[faulted][0])
    for a, b in puts:
        if not start < a < b < end:
            yield "%s: no stretch of %s" % (image.name(a), first)
        elif (a - start, b - a) not in known:
            yield "%s: %s does not know this stretch" % (image.name(a), faulted)


def stub_errors(image, code):
    for bounce in BOUNCES:
        yield from bounce_errors(image, code, *bounce)


def assembly(image):
    """The stretches of .text that are neither C's nor data."""
    text = image.section(".text")
    end = text["addr"] + text["size"]
    skip = []
    for address, notes in image.notes.items():
        skip += [(address, value) for kind, value in notes if kind == BOOT]
        skip += [(address, None) for kind, _ in notes if kind == DATA]
    starts = sorted(a for a in set(image.functions) | set(image.labels) if text["addr"] <= a < end)
    for a, b in zip(starts, starts[1:] + [end]):
        if a in image.functions or any(x <= a < (y or b) for x, y in skip):
            continue
        yield a, b


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("image")
    ap.add_argument("--objdump", default="objdump")
    ap.add_argument("--verbose", action="store_true", help="also say how much was walked over")
    a = ap.parse_args()
    errors, visited, reached, code = [], set(), set(), {}
    try:
        image = Image(a.image)
        for on in CONFIGS:
            walk = Walk(image, on, a.objdump)
            walk.run()
            errors += walk.errors + list(stub_errors(image, walk.code))
            visited |= walk.visited
            reached |= walk.reached_extable
            if on == 0:
                code = walk.code
        order = sorted(code)
        for start, end in assembly(image):
            before = None
            for at in order[bisect.bisect_left(order, start):bisect.bisect_left(order, end)]:
                op, operand, _ = code[at]
                if at not in visited and not PADDING.match(op) and not (op == "jmp" and before == "lfence"):
                    errors.append("%s: nothing leads here (%s %s): a way in without a note?" % (image.name(at), op, operand))
                    break
                before = op
        for source, target in image.extable.items():
            if source in reached:
                continue
            inside = [n for f, (n, size) in image.functions.items() if f <= source < f + size and f <= target < f + size]
            if not inside:
                errors.append("%s: .extable leads from where nothing comes by" % image.name(source))
    except Trouble as e:
        errors.append(str(e))
    errors = sorted(set(errors))
    for e in errors:
        print("check-entry: " + e)
    if a.verbose:
        print("%d instructions, %d ways in, %d fixed-up faults, %d errors" %
              (len(visited), sum(1 for n in image.notes.values() for k, _ in n if k == ENTRY), len(reached), len(errors)))
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
