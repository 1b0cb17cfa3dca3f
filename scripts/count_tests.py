#!/usr/bin/env python3
"""Prints how many tests passed, failed and were skipped; why these were, to standard error.

    scripts/count_tests.py JUNIT REPORTS [FAILURES]

JUNIT: what `ctest --output-junit` wrote. REPORTS: a folder with what GoogleTest wrote of those that are suites (--gtest_output=xml:..); the
others count as one test each, and so does a suite whose process wrote nothing. FAILURES: what failed, with what it printed, is appended
to this file.
"""

import sys
import xml.etree.ElementTree as xml
from collections import Counter
from pathlib import Path

reasons = Counter()


def count_suite(report):
    """Passed, failed, skipped of one process."""
    counts = [0, 0, 0]
    for test in xml.parse(report).iter("testcase"):
        if test.find("failure") is not None:
            counts[1] += 1
        elif test.get("result") in ("skipped", "suppressed"):
            counts[2] += 1
            skipped = test.find("skipped")
            reasons[(skipped.get("message", "") if skipped is not None else "").strip().split("\n")[-1]] += 1
        else:
            counts[0] += 1
    return counts


def count_one(test):
    if test.find("failure") is not None or test.get("status") == "fail":
        return [0, 1, 0]
    return [1, 0, 0] if test.get("status") == "run" else [0, 0, 1]


def main(junit, reports, failures=None):
    totals = [0, 0, 0]
    for test in xml.parse(junit).iter("testcase"):
        report = Path(reports) / (test.get("name").replace("/", ".") + ".xml")
        counts = count_one(test)
        if report.exists():
            of_suite = count_suite(report)
            # One that failed after its last test, or ran none: the report alone would not show it.
            counts = [of_suite[0], max(of_suite[1], counts[1]), of_suite[2]]
        if counts[1] and failures:
            with open(failures, "a", encoding="utf-8") as out:
                print(f"{Path(junit).stem}: {test.get('name')}:\n{test.findtext('system-out') or ''}", file=out)
        totals = [total + count for total, count in zip(totals, counts)]
    for reason, count in reasons.most_common():
        print(f"{count} skipped: {reason}", file=sys.stderr)
    print(*totals)


main(*sys.argv[1:])
