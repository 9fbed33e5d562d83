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


def judge(bare, annulus, xen, must_be_same=False, has_bare=True):
    """{verdict, reason, share} for one row; arguments are summaries, None where the row was not measured.

    verdict: "ok", "miss" or "not judged". The rule: Annulus' overhead over bare is at most half of Xen's; share is the
    one divided by the other. The spread that the rule's exception speaks of is the largest of the three machines'. Where
    bare hardware has no such thing (a hypercall), all of the cost is overhead.
    """
    def result(verdict, reason, share=None):
        return {"verdict": verdict, "reason": reason, "share": share}

    if not annulus or (has_bare and not bare):
        return result("not judged", "not measured")
    if must_be_same:
        ours = overhead(annulus["median"], bare["median"])
        return result("ok" if abs(ours) <= SAME else "miss", "%+.2f %% from bare, %g %% allowed" % (100 * ours, 100 * SAME))
    if not xen:
        return result("not judged", "not measured on Xen")
    spread = max(s["spread"] for s in (bare, annulus, xen) if s)
    if has_bare:
        ours, theirs = overhead(annulus["median"], bare["median"]), overhead(xen["median"], bare["median"])
        if theirs < UNJUDGED_OVERHEAD:
            return result("not judged", "Xen's overhead is %.1f %%, under %g %%" % (100 * theirs, 100 * UNJUDGED_OVERHEAD))
        if theirs < UNJUDGED_SPREADS * spread:
            return result("not judged", "Xen's overhead of %.1f %% is under %d spreads of %.1f %%" % (
                100 * theirs, UNJUDGED_SPREADS, 100 * spread))
        what = "overhead"
    else:
        ours, theirs, what = annulus["median"], xen["median"], "cost"
    share = ours / theirs
    return result("ok" if share <= SHARE else "miss", "%.0f %% of Xen's %s, %g %% allowed" % (
        100 * share, what, 100 * SHARE), share)


def worth(value):
    """A number as people read it: four digits and a unit."""
    for limit, divisor, unit in ((9999.5, 1, ""), (9999.5e3, 1e3, "k"), (9999.5e6, 1e6, "M")):
        if value < limit:
            value /= divisor
            return ("%.0f" if value >= 1000 or not unit else "%.1f") % value + unit
    return "%.1fG" % (value / 1e9)
