# SPDX-License-Identifier: GPL-2.0-or-later
"""The benchmark's arithmetic: medians, spreads and verdicts, the initramfs archive and the chart, without any machine."""
import os
import re
import subprocess
import sys

from machine import check


def test(build):
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bench", "test_bench.py")
    done = subprocess.run([sys.executable, path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    check(done.returncode == 0, done.stdout)
    return re.search(r"Ran (\d+ tests)", done.stdout).group(1)
