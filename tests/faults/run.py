#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""run.py [--build DIR] [--only NAME] [--jobs N] [--seconds S] - are the tests of the deciding code good for anything?

Seeds the faults of tests/faults/*.fault one at a time, in a copy of the tree, and tells what catches each: a unit test, an
input of a fuzzer's corpus, or fuzzing (--seconds in all, shared by the faults that are still unnoticed then). Only programs
that a faulty file is part of are built and run. Faults of assembly are for the check that ends the hypervisor's own build
(scripts/check-entry.py): that must break off. What fuzzing finds counts if the same input does no harm to the tree as it is;
if it does, that is a failure of its own. The last line is `N passed, N failed, N skipped`; the exit code is 1 if less than 95 %
are caught, or if a fault cannot be seeded: its text must be in its file, exactly once, and compile.

A .fault file is a list of

    fault NAME
    what DESCRIPTION
    file PATH
    by build     the hypervisor's build is to notice
    by system T  no program of ours has the file in it: the system tests whose name contains T are to notice
    -LINE        as it is in PATH; all of these in a row
    +LINE        what takes its place
"""

import argparse
import filecmp
import glob
import os
import shutil
import subprocess
import sys
import time

CFLAGS = "-std=gnu11 -g1 -O1 -w -fno-omit-frame-pointer -fno-strict-aliasing -fms-extensions -D_GNU_SOURCE -DANNULUS_UNIT"
SANITIZE = "-fsanitize=address,undefined -fno-sanitize-recover=all"
NEEDED = 95  # per cent


class Fault:
    def __init__(self, name):
        self.name, self.what, self.path = name, "", ""
        self.old, self.new = [], []
        self.build, self.system = False, None
        self.by, self.seconds, self.trouble = None, 0.0, None


def parse(path):
    faults = []
    with open(path, encoding="utf-8") as f:
        for n, line in enumerate(f, 1):
            line = line.rstrip("\n")
            word, _, rest = line.partition(" ")
            if line.startswith("-"):
                faults[-1].old.append(line[1:])
            elif line.startswith("+"):
                faults[-1].new.append(line[1:])
            elif word == "fault":
                faults.append(Fault(rest))
            elif word == "what":
                faults[-1].what = rest
            elif word == "file":
                faults[-1].path = rest
            elif line == "by build":
                faults[-1].build = True
            elif word == "by" and rest.startswith("system "):
                faults[-1].build, faults[-1].system = True, rest[len("system "):]
            elif line and not line.startswith("#"):
                sys.exit("%s:%d: what is this line?" % (path, n))
    return faults


def seeded(fault, text):
    """The text with the fault in it, or None if it does not fit."""
    old = "".join(x + "\n" for x in fault.old)
    if not old or ("\n" + text).count("\n" + old) != 1:
        return None
    at = ("\n" + text).index("\n" + old)
    return text[:at] + "".join(x + "\n" for x in fault.new) + text[at + len(old):]


def copy_tree(to):
    """The tree as it is now. Only files with other content are written, so that nothing is built without need."""
    want = {"Makefile"}
    for top in ("hypervisor", "pv-abi", "frontends", "libhvctl", "backends", "tests/unit", "tests/fuzz", "scripts"):
        for d, _, files in os.walk(top):
            want.update(os.path.join(d, f) for f in files)
    for path in want:
        copy = os.path.join(to, path)
        if not os.path.exists(copy) or not filecmp.cmp(path, copy, shallow=False):
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            shutil.copyfile(path, copy)
        shutil.copymode(path, copy)
    for d, _, files in os.walk(to):
        for f in files:
            if os.path.relpath(os.path.join(d, f), to) not in want:
                os.remove(os.path.join(d, f))


class Lab:
    def __init__(self, a):
        self.build = os.path.abspath(a.build)
        self.dir = os.path.join(self.build, "faults")
        self.tree = os.path.join(self.dir, "tree")
        self.out = os.path.join(self.dir, "out")
        self.clean = os.path.join(self.dir, "fuzz-clean")  # fuzzers of the tree as it is
        self.faulty = os.path.join(self.dir, "fuzz")
        self.again = os.path.join(self.dir, "again-")
        self.output = ""  # of the program that ran last
        self.own = []  # what fuzzing found that no fault is to blame for
        self.jobs = a.jobs
        self.env = dict(os.environ, ASAN_OPTIONS="detect_leaks=1:abort_on_error=0", UBSAN_OPTIONS="print_stacktrace=0")
        self.fuzz_env = dict(self.env, ASAN_OPTIONS=self.env["ASAN_OPTIONS"] + ":allocator_may_return_null=1")
        kernel = os.path.join(self.build, "kernel", "vmlinuz")
        if os.path.exists(kernel):
            self.env["ANNULUS_TEST_KERNEL"] = kernel
        self.env["ANNULUS_MODEL_EDGES"] = os.path.join(self.build, "model", "edges.txt")
        copy_tree(self.tree)
        self.objects = {}
        for line in self.make("list").stdout.splitlines():
            words = line.split()
            if words and words[0] == "program":
                self.objects[words[1]] = words[2:]

    def make(self, *goals):
        return subprocess.run(["make", "--no-print-directory", "-k", "-s", "-j%d" % self.jobs, "-f", "tests/unit/coverage.mk",
                               "C=" + self.out, "FLAGS=%s %s" % (CFLAGS, SANITIZE), "LINK=gcc " + SANITIZE, *goals],
                              cwd=self.tree, env=self.env, capture_output=True, text=True, check=False)

    def image(self):
        """Link the hypervisor from the tree as it is now: None, or what was said."""
        where = os.path.join(self.dir, "hv")
        p = subprocess.run(["make", "--no-print-directory", "-s", "-j%d" % self.jobs, "B=" + where, where + "/annulus.elf"],
                           cwd=self.tree, capture_output=True, text=True, check=False)
        return p.stdout + p.stderr[-3000:] if p.returncode else None

    def system(self, name):
        """Run system tests on that image, with guests from the build outside: None, or what the first that fails says."""
        p = subprocess.run([sys.executable, "tests/system/run.py", "--build", self.build, "--only", name],
                           env=dict(os.environ, HV=os.path.join(self.dir, "hv", "annulus.elf")), stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if p.returncode == 0 and not p.stdout.rstrip().endswith("\n0 passed, 0 failed, 0 skipped"):
            return None
        return next((x for x in p.stdout.splitlines() if "FAIL " in x), "no test ran: " + p.stdout[-500:])

    def program(self, name):
        return os.path.join(self.out, "bin", name)

    def users(self, path):
        """Programs that `path` is compiled or included into; needs a build before."""
        hit = set()
        for name, objects in self.objects.items():
            for o in objects:
                with open(o + ".d", encoding="utf-8") as f:
                    if path in f.read().replace("\\\n", " ").split():
                        hit.add(name)
                        break
        return sorted(hit)

    def corpora(self, name):
        n = name[: -len("_fuzz")]
        return [d for d in ("tests/fuzz/corpus/" + n, "tests/fuzz/crash/" + n) if os.path.isdir(os.path.join(self.tree, d))]

    def passes(self, name):
        """Run a program: True, or what happened."""
        args = self.corpora(name) if name.endswith("_fuzz") else []
        try:
            p = subprocess.run([self.program(name)] + args, cwd=self.tree, env=self.env, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, check=False)
        except subprocess.TimeoutExpired:
            self.output = "still running after 120 s"
            return "hangs"
        self.output = p.stdout.decode(errors="replace")
        if p.returncode in (0, 77):
            return True
        return "fails" if p.returncode > 0 else "dies of signal %d" % -p.returncode

    def write(self, path, text):
        with open(os.path.join(self.tree, path), "w", encoding="utf-8") as f:
            f.write(text)

    def build_fuzzers(self, names, where):
        """From the tree as it is now, below `where`: None, or what the compiler said."""
        goals = ["%s/bin/%s" % (where, n) for n in names]
        p = subprocess.run(["make", "--no-print-directory", "-s", "-j%d" % self.jobs, "-f", "tests/fuzz/Makefile",
                            "F=" + where] + goals, cwd=self.tree, capture_output=True, text=True, check=False)
        return p.stderr[-3000:] if p.returncode else None

    def survives(self, where, name, path):
        """Whether a fuzzer built below `where` gets through one input."""
        p = subprocess.run([os.path.join(where, "bin", name), "-timeout=60", "-rss_limit_mb=3000",
                            "-artifact_prefix=" + self.again, path], cwd=self.tree, env=self.fuzz_env,
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        return p.returncode == 0

    def fuzz(self, fault, names, seconds):
        """
        Fuzz for `seconds` each. The name of the fuzzer that finds what the fault did, or None: an input that ends the
        program with the fault, and not the one without.
        """
        trouble = self.build_fuzzers(names, self.faulty)
        if trouble:
            fault.trouble = "a fuzzer does not compile:\n" + trouble
            return None
        for n in names:
            found = os.path.join(self.faulty, "finding", n)
            shutil.rmtree(found, ignore_errors=True)
            p = subprocess.run([sys.executable, "tests/fuzz/run.py", "fuzz", "--dir", self.faulty, "--jobs", "1", "--seed", "1",
                                "--seconds", str(seconds), n], cwd=self.tree, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, check=False)
            # What was merely slow is called slow-unit-*.
            inputs = [i for i in sorted(glob.glob(found + "/*")) if not os.path.basename(i).startswith("slow-")]
            if p.returncode and not inputs:
                fault.trouble = "the fuzzer %s broke off without an input:\n%s" % (n, p.stdout[-3000:])
                return None
            for i in inputs:
                if self.survives(self.faulty, n, i):
                    continue
                if self.survives(self.clean, n, i):
                    return n
                keep = os.path.join(self.dir, "%s-%s" % (n, os.path.basename(i)))
                shutil.copyfile(i, keep)
                self.own.append("%s ends without any fault too: %s" % (n, os.path.relpath(keep)))
        return None


def catch(lab, fault, text):
    lab.write(fault.path, seeded(fault, text))
    if fault.build:
        said = lab.image()
        if said and "check-entry: " in said:
            fault.by = "build"
        elif said:
            fault.trouble = "does not build:\n" + said
        elif fault.system and lab.system(fault.system):
            fault.by = "system test " + fault.system
        return
    users = lab.users(fault.path)
    p = lab.make(*[lab.program(u) for u in users])
    if p.returncode:
        fault.trouble = "does not compile:\n" + p.stderr[-2000:]
        return
    for u in [u for u in users if u.endswith("_test")] + [u for u in users if u.endswith("_fuzz")]:
        how = lab.passes(u)
        if how is not True:
            fault.by = ("unit test " if u.endswith("_test") else "corpus of ") + u.rsplit("_", 1)[0]
            if how != "fails":
                fault.by += " (%s)" % how
            return


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--build", default="build")
    ap.add_argument("--only", default="")
    ap.add_argument("--check", action="store_true", help="only whether every fault's text is where it should be")
    ap.add_argument("--jobs", type=int, default=2)
    ap.add_argument("--seconds", type=int, default=60, help="of fuzzing, in all")
    a = ap.parse_args()

    faults = [f for p in sorted(glob.glob("tests/faults/*.fault")) for f in parse(p)]
    names = [f.name for f in faults]
    trouble = ["%s: there are two of this name" % n for n in set(names) if names.count(n) > 1]
    texts = {}
    for f in faults:
        if not os.path.exists(f.path):
            trouble.append("%s: there is no %s" % (f.name, f.path))
            continue
        with open(f.path, encoding="utf-8") as src:
            texts[f.path] = src.read()
        if seeded(f, texts[f.path]) is None:
            trouble.append("%s: its text is not in %s exactly once: the code changed, so must the fault" % (f.name, f.path))
    if trouble:
        print("\n".join("FAIL " + t for t in trouble))
        print("0 passed, %d failed, 0 skipped" % len(trouble))
        return 1
    if a.check:
        return 0
    faults = [f for f in faults if a.only in f.name]
    if not faults:
        sys.exit("no fault has such a name")

    lab = Lab(a)
    hosted = [f for f in faults if not f.build]
    print("building everything once", flush=True)
    p = lab.make("programs") if hosted else None
    if p and p.returncode:
        sys.exit("the tree does not build as it is:\n" + p.stderr[-3000:])
    said = lab.image() if len(hosted) < len(faults) else None
    if said:
        sys.exit("the hypervisor does not build as it is:\n" + said)
    for name in sorted({f.system for f in faults if f.system}):
        said = lab.system(name)
        if said:
            sys.exit("%s\nFAIL %s without any fault: make and make system come first" % (said, name))
    used = sorted({u for path in {f.path for f in hosted} for u in lab.users(path)})
    for u in used:
        if lab.passes(u) is not True:
            sys.exit("%s\nFAIL %s without any fault: make unit and make replay come first" % (lab.output[-2000:], u))

    for i, f in enumerate(faults):
        start = time.monotonic()
        try:
            catch(lab, f, texts[f.path])
        finally:
            lab.write(f.path, texts[f.path])
        f.seconds = time.monotonic() - start
        print("[%d/%d] %-28s %s" % (i + 1, len(faults), f.name, f.trouble or f.by or "not yet"), flush=True)

    left = [f for f in hosted if not f.by and not f.trouble]
    jobs = {f.name: [u[: -len("_fuzz")] for u in lab.users(f.path) if u.endswith("_fuzz")] for f in left}
    total = sum(len(j) for j in jobs.values())
    trouble = lab.build_fuzzers(sorted({n for j in jobs.values() for n in j}), lab.clean) if total else None
    if trouble:
        sys.exit("the fuzzers were not built:\n" + trouble)
    for f in left:
        if not jobs[f.name]:
            continue
        start = time.monotonic()
        lab.write(f.path, seeded(f, texts[f.path]))
        try:
            found = lab.fuzz(f, jobs[f.name], max(2, a.seconds // total))
        finally:
            lab.write(f.path, texts[f.path])
        f.by = "fuzzing " + found if found else None
        f.seconds += time.monotonic() - start

    print("\n%-28s %-34s %-34s %s" % ("fault", "file", "caught by", "s"))
    for f in faults:
        by = "NOT SEEDED" if f.trouble else f.by or "NOTHING: " + f.what
        print("%-28s %-34s %-34s %.0f" % (f.name, f.path, by, f.seconds))
        if f.trouble:
            print("    " + f.trouble.replace("\n", "\n    "))
    for what in lab.own:
        print("FAIL " + what)
    caught = sum(1 for f in faults if f.by)
    print("%d of %d caught, %.0f %%" % (caught, len(faults), 100.0 * caught / len(faults)))
    print("%d passed, %d failed, 0 skipped" % (caught, len(faults) - caught + len(lab.own)))
    return 1 if 100 * caught < NEEDED * len(faults) or any(f.trouble for f in faults) or lab.own else 0


if __name__ == "__main__":
    sys.exit(main())
