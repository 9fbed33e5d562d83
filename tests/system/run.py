#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""run.py --build DIR [--only TEXT] [--list] [--verbose] - run the system tests.

Every tests/system/test_*.py is a test. Its docstring says what the machine is expected to do and why. It has either
    test(build)          one test, named after the file; returns a text with measured numbers, or None
or  cases(build)         yields (name, function) pairs, each a test
A test fails by raising; the serial log of the machine that it used is then printed. Skip(reason) skips it.
The last line is: N passed, N failed, N skipped.
"""
import argparse
import glob
import importlib.util
import os
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import machine  # noqa: E402

LOG_TAIL = 120  # lines of the serial log that a failure shows; the whole of it goes to BUILD/system/<name>.log


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


def main():
    parser = argparse.ArgumentParser(description="Annulus' system tests")
    parser.add_argument("--build", default="build")
    parser.add_argument("--only", help="run the tests whose name contains this")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--verbose", action="store_true", help="show the serial port while a test runs")
    args = parser.parse_args()
    build = machine.Build(args.build)
    logs = build.file("system")
    os.makedirs(logs, exist_ok=True)
    recorder = Recorder()
    passed = failed = skipped = 0
    for name, function in collect(build):
        if args.only and args.only not in name:
            continue
        if args.list:
            print(name)
            continue
        recorder.machines.clear()
        if args.verbose:
            machine.Machine.echo = staticmethod(lambda text: (sys.stdout.write(text), sys.stdout.flush()))
        start = time.monotonic()
        print("     %s ..." % name, end="\r", flush=True)
        try:
            note = function()
            passed += 1
            print("ok   %s (%.0f s)%s" % (name, time.monotonic() - start, ": " + note if note else ""), flush=True)
        except machine.Skip as s:
            skipped += 1
            print("skip %s: %s" % (name, s), flush=True)
        except KeyboardInterrupt:
            raise
        except Exception as e:
            failed += 1
            print("FAIL %s (%.0f s): %s" % (name, time.monotonic() - start, e), flush=True)
            if not isinstance(e, machine.Failure):
                traceback.print_exc(file=sys.stdout)
            for m in recorder.machines:
                print("  | the serial port of this %s at the end:" % m.name)
                for line in m.log.split("\n")[-LOG_TAIL:]:
                    print("  | " + line)
        for i, m in enumerate(recorder.machines):
            with open(os.path.join(logs, "%s%s.log" % (name, "" if i == 0 else ".%d" % i)), "w") as f:
                f.write(m.log)
    if not args.list:
        print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
