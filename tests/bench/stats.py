# SPDX-License-Identifier: GPL-2.0-or-later
"""Medians, spreads, overheads, and the verdict on a row."""
import statistics

UNJUDGED_OVERHEAD = 0.10   # a row on which Xen costs less than this is not judged,
UNJUDGED_SPREADS = 3       # nor one on which it costs less than so many spreads
SHARE = 0.5                # what Annulus' overhead may be of Xen's
SAME = 0.01                # how far a row that must cost nothing may be from bare


def summary(values):
    """{median, low, high, spread, n}: the spread is (high - low) / median, 0 for a single value."""
    if not values:
        return None
    middle = statistics.median(values)
    low, high = min(values), max(values)
    return {"median": middle, "low": low, "high": high, "n": len(values),
            "spread": (high - low) / middle if middle else 0.0}


def overhead(value, bare):
    """By how much of `bare` `value` exceeds it: 0.5 is half as much again."""
    return value / bare - 1.0


def judge(bare, annulus, xen, must_be_same=False):
    """(verdict, reason) for one row; arguments are summaries, None where the row was not measured.

    verdict: "ok", "miss" or "not judged". The rule: Annulus' overhead over bare is at most half of Xen's. The spread that
    the rule's exception speaks of is the largest of the three machines'.
    """
    if not annulus or not bare:
        return "not judged", "no measurement"
    ours = overhead(annulus["median"], bare["median"])
    if must_be_same:
        good = abs(ours) <= SAME
        return ("ok" if good else "miss"), "%+.2f %% from bare, %g %% allowed" % (100 * ours, 100 * SAME)
    if not xen:
        return "not judged", "no measurement on Xen"
    theirs = overhead(xen["median"], bare["median"])
    if theirs < UNJUDGED_OVERHEAD:
        return "not judged", "Xen's overhead is %.1f %%, under %g %%" % (100 * theirs, 100 * UNJUDGED_OVERHEAD)
    spread = max(s["spread"] for s in (bare, annulus, xen))
    if theirs < UNJUDGED_SPREADS * spread:
        return "not judged", "Xen's overhead of %.1f %% is under %d spreads of %.1f %%" % (
            100 * theirs, UNJUDGED_SPREADS, 100 * spread)
    share = ours / theirs
    return ("ok" if share <= SHARE else "miss"), "%.0f %% of Xen's overhead, %g %% allowed" % (100 * share, 100 * SHARE)
