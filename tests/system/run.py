#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""run.py --build DIR [--only TEXT] [--list] [--verbose] [--jobs N] - run the system tests.

Every tests/system/test_*.py is a test. Its docstring says what the machine is expected to do and why. It has either
    test(build)          one test, named after the file; returns a text with measured numbers, or None
or  cases(build)         yields (name, function) pairs, each a test
A test fails by raising; the serial log of the machine that it used is then printed. Skip(reason) skips it.
The last line is: N passed, N failed, N skipped.

Where there are two CPUs, two tests run at a time: those whose emulator keeps one CPU busy (ONE_CPU) beside the others, and when
there are none of these left, the others from both ends.
"""
import argparse
import glob
import importlib.util
import io
import itertools
import multiprocessing
import os
import re
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import machine  # noqa: E402

ONE_CPU = re.compile(r"bochs|cpus1\b")  # by their names: Bochs has one thread, and so has QEMU with one CPU
# Lines of the serial log that a failure shows behind the state that the hypervisor told; all are in BUILD/system/<name>.log.
LOG_TAIL = 120
SHORT_TAIL = 6  # lines of each serial port in the summary of what failed


def collect(build):
    for path in sorted(glob.glob(os.path.join(os.path.dirname(os.path.abspath(__file__)), "test_*.py"))):
        name = os.path.basename(path)[len("test_"):-len(".py")]
        spec = importlib.util.spec_from_file_location("test_" + name, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        if not module.__doc__:
            raise SystemExit("%s has no docstring" % path)
        if hasattr(module, "cases"):
            for case, function in module.cases(build):
                yield "%s.%s" % (name, case), function
        else:
            yield name, lambda m=module: m.test(build)


class Recorder:
    """Remembers the machines of the running test, for its log."""

    def __init__(self):
        self.machines = []
        original = machine.Machine.__init__

        def init(m, *args):
            original(m, *args)
            self.machines.append(m)
        machine.Machine.__init__ = init


class Runner:
    """Runs tests one after the other; what each says goes out in one piece, since another runner may be at work."""

    def __init__(self, build, lock):
        self.logs, self.lock, self.recorder = build.file("system"), lock, Recorder()
        self.passed = self.failed = self.skipped = 0
        self.failures = []

    def say(self, text, end="\n"):
        with self.lock:
            print(text, end=end, flush=True)

    def run(self, name, function):
        self.recorder.machines.clear()
        start = time.monotonic()
        self.say("     %s ..." % name, end="\r")
        try:
            note = function()
            self.passed += 1
            self.say("ok   %s (%.0f s)%s" % (name, time.monotonic() - start, ": " + note if note else ""))
        except machine.Skip as s:
            self.skipped += 1
            self.say("skip %s: %s" % (name, s))
        except KeyboardInterrupt:
            raise
        except Exception as e:
            self.failed += 1
            out = io.StringIO()
            print("FAIL %s (%.0f s): %s" % (name, time.monotonic() - start, e), file=out)
            self.failures.append(out.getvalue() + "".join("  | %s\n" % line[:160] for m in self.recorder.machines
                                                          for line in m.log[:m.said].rstrip().split("\n")[-SHORT_TAIL:]))
            if not isinstance(e, machine.Failure):
                traceback.print_exc(file=out)
            for m in self.recorder.machines:
                for line in m.state:
                    print("  > " + line, file=out)
                print("  | the serial port of this %s at the end:" % m.name, file=out)
                for line in m.log.split("\n")[-LOG_TAIL:]:
                    print("  | " + line, file=out)
            self.say(out.getvalue(), end="")
        for i, m in enumerate(self.recorder.machines):
            with open(os.path.join(self.logs, "%s%s.log" % (name, "" if i == 0 else ".%d" % i)), "w") as f:
                f.write(m.log)

    def run_all(self, tests):
        for name, function in tests:
            self.run(name, function)
        return self.passed, self.failed, self.skipped, self.failures


class Shared:
    """Tests that two processes take from, one at either end."""

    def __init__(self, tests):
        self.tests, self.left = tests, multiprocessing.Array("i", [0, len(tests)])

    def take(self, end):
        with self.left.get_lock():
            if self.left[0] == self.left[1]:
                return None
            self.left[end] += -1 if end else 1
            return self.tests[self.left[end] - (0 if end else 1)]

    def all(self, end):
        return iter(lambda: self.take(end), None)


def run_beside(build, tests, shared, lock):
    """These tests, and then others, in a process of its own; returns what to call for its (passed, failed, skipped, failures)."""
    ours, theirs = multiprocessing.Pipe(False)

    def child():
        try:
            theirs.send(Runner(build, lock).run_all(itertools.chain(tests, shared.all(1))))
        except KeyboardInterrupt:
            pass

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    theirs.close()

    def result():
        try:
            counts = ours.recv()
        except EOFError:
            counts = (0, 1, 0, ["FAIL the process that ran half of the tests has died\n"])
        process.join()
        return counts
    return result


def main():
    parser = argparse.ArgumentParser(description="Annulus' system tests")
    parser.add_argument("--build", default="build")
    parser.add_argument("--only", help="run the tests whose name contains this")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--verbose", action="store_true", help="show the serial port while a test runs")
    parser.add_argument("--jobs", type=int, default=min(2, len(os.sched_getaffinity(0))), help="tests at once, 1 or 2")
    args = parser.parse_args()
    build = machine.Build(args.build)
    tests = [(name, function) for name, function in collect(build) if not args.only or args.only in name]
    if args.list:
        print("\n".join(name for name, _ in tests))
        return 0
    if args.verbose:
        machine.Machine.echo = staticmethod(lambda text: (sys.stdout.write(text), sys.stdout.flush()))
    os.makedirs(build.file("system"), exist_ok=True)
    lock = multiprocessing.Lock()
    two = args.jobs > 1 and not args.verbose and len(tests) > 1
    beside = [t for t in tests if ONE_CPU.search(t[0])] if two else []
    shared = Shared([t for t in tests if t not in beside])
    result = run_beside(build, beside, shared, lock) if two else lambda: (0, 0, 0, [])
    counts = Runner(build, lock).run_all(shared.all(0))
    passed, failed, skipped, failures = (a + b for a, b in zip(counts, result()))
    # Once more, in short: who sees only the end of what was printed sees what failed.
    print("".join(failures), end="")
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
