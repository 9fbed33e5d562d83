#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Run the fuzzers that tests/fuzz/Makefile built.

  run.py fuzz    run each for --seconds, --jobs at once; findings go to DIR/finding/, one line per run to DIR/runs.tsv
  run.py replay  run the inputs of corpus/NAME/ and crash/NAME/ through the programs that gcc built
  run.py corpus  make corpus/NAME/found.pack anew from what there is and what fuzzing found
  run.py hours   sum up DIR/runs.tsv as the table of docs/fuzzing.md

The last line of fuzz and replay is `N passed, N failed, N skipped`; one failure makes the exit code 1.
"""
import argparse
import datetime
import glob
import hashlib
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = "tests/fuzz"
PACK_LIMIT = 180 * 1024
STATUS = re.compile(r"^#(\d+)\s.*?\bcov: (\d+) ft: (\d+)")


def unpack(path):
    """The inputs in a file: many of a .pack, else the file itself."""
    with open(path, "rb") as f:
        data = f.read()
    if not path.endswith(".pack"):
        return [data]
    out, at = [], 0
    while at < len(data):
        (n,) = struct.unpack_from("<I", data, at)
        at += 4
        if n > len(data) - at:
            sys.exit(f"{path} is cut off")
        out.append(data[at:at + n])
        at += n
    return out


def kept(name):
    """All inputs in the tree for a fuzzer."""
    files = sorted(glob.glob(f"{HERE}/corpus/{name}/*") + glob.glob(f"{HERE}/crash/{name}/*"))
    return [i for f in files if os.path.isfile(f) for i in unpack(f)]


def spread(inputs, where):
    """Write inputs as files named by their digest."""
    os.makedirs(where, exist_ok=True)
    for i in inputs:
        path = os.path.join(where, hashlib.sha1(i).hexdigest())
        if not os.path.exists(path):
            with open(path, "wb") as f:
                f.write(i)


def options(name):
    with open(f"{HERE}/{name}_fuzz.c", encoding="utf-8") as f:
        return " ".join(re.findall(r"^// options: *(.*)$", f.read(), re.M)).split()


def environment():
    env = dict(os.environ)
    env.setdefault("ASAN_OPTIONS", "detect_leaks=1:abort_on_error=0:allocator_may_return_null=1")
    env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    return env


class Run:
    """One fuzzer at work."""

    def __init__(self, name, a):
        self.name = name
        self.execs = self.cov = self.features = 0
        self.log = f"{a.dir}/{name}.log"
        self.found = f"{a.dir}/finding/{name}"
        corpus = f"{a.dir}/corpus/{name}"
        spread(kept(name), corpus)
        os.makedirs(self.found, exist_ok=True)
        self.before = set(os.listdir(self.found))
        self.start = time.monotonic()
        cmd = [f"{a.dir}/bin/{name}", f"-max_total_time={a.seconds}", f"-artifact_prefix={self.found}/",
               "-print_final_stats=1", "-timeout=60", "-rss_limit_mb=3000", "-reload=0", "-len_control=10", f"-seed={a.seed}"]
        self.p = subprocess.Popen(cmd + options(name) + [corpus], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  stdin=subprocess.DEVNULL, env=environment(), text=True, errors="replace")
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        with open(self.log, "w", encoding="utf-8") as log:
            for line in self.p.stdout:
                log.write(line)
                m = STATUS.match(line)
                if m:
                    self.execs, self.cov, self.features = (int(x) for x in m.groups())
                elif line.startswith("stat::number_of_executed_units:"):
                    self.execs = int(line.split()[-1])

    def finish(self):
        self.thread.join()
        self.seconds = time.monotonic() - self.start
        self.findings = sorted(set(os.listdir(self.found)) - self.before)
        self.bad = self.p.returncode != 0 or bool(self.findings)


def fuzz(a):
    todo, running, done = list(a.names), [], []
    failed = 0
    os.makedirs(a.dir, exist_ok=True)
    for name in list(todo):
        if not os.access(f"{a.dir}/bin/{name}", os.X_OK):
            print(f"FAIL {name}: was not built")
            failed += 1
            todo.remove(name)
    total = len(todo)
    every = 5 if a.seconds <= 60 else 30
    next_status = time.monotonic() + every
    try:
        while todo or running:
            while todo and len(running) < a.jobs:
                running.append(Run(todo.pop(0), a))
            time.sleep(0.2)
            for r in [r for r in running if r.p.poll() is not None]:
                r.finish()
                running.remove(r)
                done.append(r)
                report(r, a)
            if time.monotonic() >= next_status and running:
                next_status = time.monotonic() + every
                print(f"  [{len(done)}/{total}] " + "   ".join(
                    f"{r.name}: {time.monotonic() - r.start:.0f}/{a.seconds} s, {r.execs:,} runs, cov {r.cov}"
                    for r in running), flush=True)
    finally:
        for r in running:
            r.p.kill()
    print(f"\n{'fuzzer':<18} {'executions':>14} {'seconds':>8} {'per second':>11} {'cov':>7} {'features':>9} {'findings':>9}")
    for r in sorted(done, key=lambda r: r.name):
        print(f"{r.name:<18} {r.execs:>14,} {r.seconds:>8.0f} {r.execs / max(r.seconds, 1):>11,.0f} {r.cov:>7} "
              f"{r.features:>9} {int(r.bad):>9}")
    print(f"{'all':<18} {sum(r.execs for r in done):>14,} {sum(r.seconds for r in done):>8.0f}")
    bad = sum(r.bad for r in done) + failed
    print(f"{len(done) + failed - bad} passed, {bad} failed, 0 skipped")
    return bad


def report(r, a):
    with open(f"{a.dir}/runs.tsv", "a", encoding="utf-8") as f:
        day = datetime.date.today().isoformat()
        f.write(f"{day}\t{r.name}\t{r.seconds:.0f}\t{r.execs}\t{r.cov}\t{int(r.bad)}\n")
    if not r.bad:
        print(f"ok   {r.name}: {r.execs:,} executions in {r.seconds:.0f} s, cov {r.cov}", flush=True)
        return
    print(f"FAIL {r.name} (exit {r.p.returncode}), from {r.log}:")
    with open(r.log, encoding="utf-8") as f:
        lines = f.read().splitlines()
    for line in [x[:300] for x in lines if not STATUS.match(x)][-80:]:
        print("    " + line)
    for x in r.findings:
        print(f"     again: {a.dir}/bin/{r.name} {r.found}/{x}", flush=True)


def replay(a):
    passed = failed = 0
    for name in a.names:
        prog = f"{a.dir}/replay/{name}"
        if not os.access(prog, os.X_OK):
            print(f"FAIL {name}: was not built")
            failed += 1
            continue
        dirs = [d for d in (f"{HERE}/corpus/{name}", f"{HERE}/crash/{name}") if os.path.isdir(d)]
        p = subprocess.run(["timeout", "300", prog] + dirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           stdin=subprocess.DEVNULL, env=environment(), text=True, errors="replace", check=False)
        lines = p.stdout.splitlines()
        if p.returncode == 0 and lines and lines[-1].endswith(" inputs"):
            passed += 1
            print(f"ok   {name} ({lines[-1]})", flush=True)
        else:
            failed += 1
            print(f"FAIL {name} (exit {p.returncode}):")
            for line in lines[-100:]:
                print("    " + line[:300])
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return failed


def corpus(a):
    for name in a.names:
        with tempfile.TemporaryDirectory() as tmp:
            spread([i for f in glob.glob(f"{HERE}/corpus/{name}/*.pack") for i in unpack(f)], f"{tmp}/old")
            found = f"{a.dir}/corpus/{name}"
            os.makedirs(found, exist_ok=True)
            os.makedirs(f"{tmp}/new")
            p = subprocess.run([f"{a.dir}/bin/{name}", "-merge=1", "-timeout=60", "-rss_limit_mb=3000",
                                f"-artifact_prefix={tmp}/"] + options(name) + [f"{tmp}/new", f"{tmp}/old", found],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment(), text=True,
                               errors="replace", check=False)
            if p.returncode:
                sys.exit(f"{name}: the merge failed:\n{p.stdout[-3000:]}")
            inputs = []
            for f in os.listdir(f"{tmp}/new"):
                inputs += unpack(f"{tmp}/new/{f}")
            inputs.sort(key=lambda i: (len(i), i))
            keep, size = [], 0
            for i in inputs:
                if size + 4 + len(i) > PACK_LIMIT:
                    break
                keep.append(i)
                size += 4 + len(i)
            os.makedirs(f"{HERE}/corpus/{name}", exist_ok=True)
            with open(f"{HERE}/corpus/{name}/found.pack", "wb") as f:
                for i in keep:
                    f.write(struct.pack("<I", len(i)) + i)
            print(f"{name}: {len(keep)} of {len(inputs)} inputs, {size} bytes")
            shutil.rmtree(found)
    return 0


def hours(a):
    rows = {}
    with open(f"{a.dir}/runs.tsv", encoding="utf-8") as f:
        for line in f:
            _, name, seconds, execs, cov, bad = line.rstrip("\n").split("\t")
            r = rows.setdefault(name, [0, 0, 0, 0])
            r[0] += int(seconds)
            r[1] += int(execs)
            r[2] = max(r[2], int(cov))
            r[3] += int(bad)
    print("| fuzzer | hours | executions | cov | findings |\n|---|---|---|---|---|")
    for name in sorted(rows):
        s, e, c, b = rows[name]
        print(f"| {name} | {s / 3600:.2f} | {e:,} | {c} | {b} |")
    print(f"| all | {sum(r[0] for r in rows.values()) / 3600:.2f} | {sum(r[1] for r in rows.values()):,} | | "
          f"{sum(r[3] for r in rows.values())} |")
    return 0


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("what", choices=("fuzz", "replay", "corpus", "hours"))
    p.add_argument("--dir", default="build/fuzz", help="where the programs are")
    p.add_argument("--seconds", type=int, default=10, help="for each fuzzer")
    p.add_argument("--jobs", type=int, default=2, help="fuzzers at once")
    p.add_argument("--seed", type=int, default=0, help="of libFuzzer's choices; 0: another one each time")
    p.add_argument("names", nargs="*")
    a = p.parse_intermixed_args()
    if a.what in ("fuzz", "replay") and not a.names:
        sys.exit("no fuzzer has such a name")
    sys.exit(1 if {"fuzz": fuzz, "replay": replay, "corpus": corpus, "hours": hours}[a.what](a) else 0)


main()
