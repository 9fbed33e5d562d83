#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Unit tests of what the benchmark computes: statistics, verdicts, the initramfs archive, the chart."""
import os
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import archive  # noqa: E402
import catalogue  # noqa: E402
import chart  # noqa: E402
import machines  # noqa: E402
import publish  # noqa: E402
import run  # noqa: E402
import stats  # noqa: E402


def exact(value):
    return stats.summary([value] * 5)


class Summary(unittest.TestCase):
    def test_median_and_spread(self):
        s = stats.summary([110, 100, 90, 100, 104])
        self.assertEqual((s["median"], s["low"], s["high"], s["n"]), (100, 90, 110, 5))
        self.assertAlmostEqual(s["spread"], 0.2)

    def test_even_number_of_values(self):
        self.assertEqual(stats.summary([1, 2, 3, 10])["median"], 2.5)

    def test_single_value_has_no_spread(self):
        self.assertEqual(stats.summary([7])["spread"], 0)

    def test_nothing(self):
        self.assertIsNone(stats.summary([]))


class Judgement(unittest.TestCase):
    def verdict(self, bare, ours, xen, **kw):
        return stats.judge(bare and exact(bare), ours and exact(ours), xen and exact(xen), **kw)

    def test_half_is_ok_and_more_is_not(self):
        self.assertEqual(self.verdict(100, 150, 200)["verdict"], "ok")
        self.assertEqual(self.verdict(100, 151, 200)["verdict"], "miss")
        self.assertAlmostEqual(self.verdict(100, 151, 200)["share"], 0.51)

    def test_faster_than_bare_is_ok(self):
        self.assertEqual(self.verdict(100, 98, 200)["verdict"], "ok")

    def test_small_overhead_of_xen_is_not_judged(self):
        self.assertEqual(self.verdict(100, 130, 109)["verdict"], "not judged")
        self.assertEqual(self.verdict(100, 130, 111)["verdict"], "miss")

    def test_overhead_within_the_spread_is_not_judged(self):
        noisy = stats.summary([110, 120, 130])  # spread 1/6, Xen's overhead 20 %
        self.assertEqual(stats.judge(exact(100), exact(150), noisy)["verdict"], "not judged")
        noisy = stats.summary([118, 120, 122])  # spread 1/30
        self.assertEqual(stats.judge(exact(100), exact(150), noisy)["verdict"], "miss")

    def test_spread_of_any_machine_counts(self):
        noisy = stats.summary([90, 100, 110])
        self.assertEqual(stats.judge(noisy, exact(105), exact(150))["verdict"], "not judged")
        self.assertEqual(stats.judge(noisy, exact(105), exact(170))["verdict"], "ok")

    def test_must_be_same(self):
        self.assertEqual(self.verdict(1000, 1009, 1500, must_be_same=True)["verdict"], "ok")
        self.assertEqual(self.verdict(1000, 1011, 1500, must_be_same=True)["verdict"], "miss")
        self.assertEqual(self.verdict(1000, 985, None, must_be_same=True)["verdict"], "miss")

    def test_without_bare_all_is_overhead(self):
        self.assertEqual(self.verdict(None, 50, 100, has_bare=False)["verdict"], "ok")
        self.assertEqual(self.verdict(None, 51, 100, has_bare=False)["verdict"], "miss")

    def test_what_was_not_measured_is_not_judged(self):
        self.assertEqual(self.verdict(None, 150, 200)["verdict"], "not judged")
        self.assertEqual(self.verdict(100, None, 200)["verdict"], "not judged")
        self.assertEqual(self.verdict(100, 150, None)["verdict"], "not judged")


class Numbers(unittest.TestCase):
    def test_worth(self):
        for value, text in ((3.6, "4"), (9999, "9999"), (10591, "10.6k"), (534373, "534.4k"), (1711176, "1711k"),
                            (403e6, "403.0M"), (6.1e9, "6100M"), (61e9, "61.0G")):
            self.assertEqual(stats.worth(value), text)


class Cpio(unittest.TestCase):
    def test_what_goes_in_comes_out(self):
        a = archive.Archive()
        a.add("deep/er/file", b"12345")
        a.link("link", "deep/er/file")
        with tempfile.TemporaryDirectory() as d:
            subprocess.run(["cpio", "-idm", "--quiet"], input=a.bytes() + a.bytes(), cwd=d, check=True)
            with open(d + "/link", "rb") as f:
                self.assertEqual(f.read(), b"12345")
            self.assertTrue(os.access(d + "/deep/er/file", os.X_OK))


class Chart(unittest.TestCase):
    def report(self, ours):
        rows = []
        for r in catalogue.ROWS:
            values = {"bare": 100, "annulus-dom0": ours, "annulus-guest": ours, "xen-dom0": 200, "xen-guest": 900}
            cells = {c: exact(v) for c, v in values.items() if catalogue.measured(r, c)}
            rows.append({"name": r.name, "title": r.title, "has_bare": r.has_bare, "instructions": cells,
                         "instructions_verdict": {"dom0": stats.judge(exact(100), exact(ours), exact(200))}})
        return {"date": "today", "rows": rows, "boots": {"instructions": 5}, "configurations": catalogue.CONFIGS,
                "machine": {"kernel": "k", "xen": "4.17+x", "annulus": "a<b>&", "emulator": "QEMU"}}

    def test_it_is_xml_and_shows_every_row(self):
        for ours in (95, 150, 5000):
            svg = chart.draw(self.report(ours))
            xml.etree.ElementTree.fromstring(svg)
            for r in catalogue.ROWS:
                self.assertEqual(">%s<" % r.title in svg, r.where != "disk")
        self.assertIn(">50.00x<", svg)  # beyond the axis, with its number

    def test_few_rows(self):
        report = self.report(150)
        report["rows"] = [r for r in report["rows"] if r["name"] == "fork"]
        xml.etree.ElementTree.fromstring(chart.draw(report))
        report["rows"] = []
        xml.etree.ElementTree.fromstring(chart.draw(report))


class Reasons(unittest.TestCase):
    TEXT = ("before\n\n* <!-- miss fork --> **Fork**: because\n  of this.\n* <!-- miss pipe --> **Pipe**: for that.\n"
            "* Always.\n\nafter\n")

    def test_those_of_rows_that_miss_stay(self):
        self.assertEqual(publish.keep_reasons(self.TEXT, ["fork", "pipe"]), (self.TEXT, []))
        text, without = publish.keep_reasons(self.TEXT, ["pipe", "mmap"])
        self.assertEqual(text, "before\n\n* <!-- miss pipe --> **Pipe**: for that.\n* Always.\n\nafter\n")
        self.assertEqual(without, ["mmap"])
        self.assertEqual(publish.keep_reasons(self.TEXT, [])[0], "before\n\n* Always.\n\nafter\n")

    def test_a_miss_in_either_place_counts(self):
        verdicts = {"dom0": {"verdict": "ok"}, "guest": {"verdict": "miss"}}
        report = {"rows": [{"name": "fork", "instructions_verdict": verdicts}, {"name": "pipe"},
                           {"name": "mmap", "instructions_verdict": {"dom0": {"verdict": "not judged"}}}]}
        self.assertEqual(publish.misses(report), ["fork"])


class Pv32(unittest.TestCase):
    def test_has_the_short_rows_only_and_its_machine_says_so(self):
        rows = {c: {r.name for r in catalogue.ROWS if catalogue.measured(r, c)} for c in catalogue.CONFIGS}
        self.assertEqual(rows["annulus-dom0-nopv32"], {r.name for r in catalogue.ROWS if r.where == "init"})
        self.assertEqual(rows["annulus-guest-nopv32"] - rows["annulus-dom0-nopv32"],
                         {"null-hypercall", "event", "grant-map", "grant-copy"})
        self.assertEqual(rows["annulus-guest"], {r.name for r in catalogue.ROWS})
        for config in catalogue.CONFIGS:
            self.assertIn(config, catalogue.TITLES)

        class Build:
            hv = "hv"

            def need(self, name):
                return name
        for config in catalogue.CONFIGS:
            if config.startswith("annulus-"):
                argv = machines.boot(config, Build(), "initramfs", "", True).argv
                self.assertEqual("pv32=0" in argv[argv.index("-append") + 1].split(), config.endswith("-nopv32"))

    def test_is_a_column_without_a_verdict(self):
        r = catalogue.BY_NAME["fork"]
        cells = {"bare": exact(100), "annulus-dom0": exact(150), "annulus-dom0-nopv32": exact(140), "xen-dom0": exact(200)}
        report = {"rows": [{"name": r.name, "title": r.title, "has_bare": True, "instructions": cells,
                            "instructions_verdict": {"dom0": stats.judge(exact(100), exact(150), exact(200))}}]}
        lines = publish.table(report, ["fork"], "instructions", catalogue.CONFIGS[:4], ["dom0"])
        self.assertEqual(lines[2:], ["| fork, exit, wait | 100 | 150 (1.50x) | 140 (1.40x) | 200 (2.00x) | ok, 50 % |"])


class Disks(unittest.TestCase):
    def test_are_measured_in_guests_by_each_backend(self):
        for config in catalogue.EVERY:
            names = {r.name for r in catalogue.ROWS if catalogue.measured(r, config)}
            self.assertEqual("disk-log" in names, config in catalogue.OF_DISKS)
            self.assertEqual(names <= {r.name for r in catalogue.ROWS if r.where == "disk"}, config in catalogue.CONFIGS_DISK)
            self.assertIn(config, catalogue.TITLES)

    def test_their_backend_is_the_configurations(self):
        class Images:
            def get(self, name):
                return name
        for config, disk in (("annulus-guest", "kernel"), ("xen-guest", "kernel"), ("annulus-guest-window", "window"),
                             ("annulus-guest-persistent", "persistent")):
            image, args = machines.prepare(Images(), config, ["disk-read", "disk-log"])
            self.assertEqual(image, "host")
            self.assertEqual(set(args.split()) & {"bench.rows=disk-read,disk-log", "bench.guest=1", "bench.disk=" + disk},
                             {"bench.rows=disk-read,disk-log", "bench.guest=1", "bench.disk=" + disk})
        self.assertIn("bench.disk=none", machines.prepare(Images(), "annulus-guest", ["fork"])[1])
        self.assertEqual(machines.prepare(Images(), "bare", ["disk-read"]), ("work", "bench.rows=disk-read"))

    def test_have_a_table_of_their_own(self):
        cells = {"bare": exact(100), "annulus-guest": exact(150), "annulus-guest-window": exact(120), "xen-guest": exact(300)}
        r = catalogue.BY_NAME["disk-read"]
        report = {"rows": [{"name": r.name, "title": r.title, "has_bare": True, "instructions": cells},
                           {"name": "fork", "title": "fork", "has_bare": True, "instructions": {"bare": exact(10)}}]}
        disks = [c for c in catalogue.OF_DISKS if c in cells]
        self.assertEqual(publish.table(report, ["disk-read", "fork"], "instructions", disks, [], disks=True)[2:],
                         ["| read 128 KiB in sequence | 100 | 150 (1.50x) | 120 (1.20x) | 300 (3.00x) |"])
        self.assertEqual(len(publish.table(report, ["disk-read"], "instructions", ["bare"], [])), 2)
        text = run.table(report, "instructions", disks, disks=True)
        self.assertIn("1.20x", text)
        self.assertNotIn("fork", text)
        self.assertNotIn("128 KiB", run.table(report, "instructions", ["bare"]))


class LinuxI386(unittest.TestCase):
    def rows(self):
        cells = {"bare": exact(100), "annulus-dom0": exact(150), "xen-dom0": exact(200),
                 "bare-32": exact(10), "annulus-32": exact(25)}
        r = catalogue.BY_NAME["fork"]
        only64 = {c: cells[c] for c in ("bare", "annulus-dom0", "xen-dom0")}
        return [{"name": r.name, "title": r.title, "has_bare": True, "instructions": cells},
                {"name": "build", "title": "compile", "has_bare": True, "instructions": only64}]

    def test_has_the_rows_of_micro_and_compression(self):
        for config in catalogue.CONFIGS32:
            names = {r.name for r in catalogue.ROWS if catalogue.measured(r, config)}
            self.assertEqual(names & {"fork", "compress", "boot", "build", "redis", "grant-map", "create"},
                             {"fork", "compress", "boot"})

    def test_has_a_table_of_its_own_with_its_own_base(self):
        report = {"rows": self.rows()}
        lines = publish.table(report, ["fork", "build"], "instructions", catalogue.CONFIGS32, [])
        self.assertEqual(lines[2:], ["| fork, exit, wait | 10 | 25 (2.50x) |"])
        lines = publish.table(report, ["fork", "build"], "instructions", catalogue.TUNING, [])
        self.assertEqual(lines[2:], ["| fork, exit, wait | 100 | 150 (1.50x) | 200 (2.00x) |",
                                     "| compile | 100 | 150 (1.50x) | 200 (2.00x) |"])
        text = run.table(report, "instructions", catalogue.CONFIGS32)
        self.assertIn("2.50x", text)
        self.assertNotIn("compile", text)


if __name__ == "__main__":
    unittest.main()
