"""Adds up JUnit files and prints the last line of tests/run.sh.

usage: count_results.py FILE...

Prints each failed test, each skipped one with its reason, and then
`N passed, N failed` or `N passed, N failed, N skipped`.  Exits with 1 on any
failure, and when nothing ran at all.
"""

import re
import sys
import xml.etree.ElementTree as ElementTree


def reason_of(case):
    """Why a test was skipped: pytest says so, GoogleTest prints it."""
    message = case.find("skipped").get("message") or ""
    printed = case.findtext("system-out") or ""
    match = re.search(r"Skipped\n(.*)\n", printed)
    return match.group(1) if match else message


def main(paths):
    passed, failed, skipped = 0, [], []
    for path in paths:
        for case in ElementTree.parse(path).iter("testcase"):
            name = case.get("name")
            if case.get("classname") not in (None, name):
                name = f'{case.get("classname")} {name}'
            if case.find("failure") is not None or case.find("error") is not None:
                failed.append(name)
            elif case.find("skipped") is not None:
                skipped.append(f"{name}: {reason_of(case)}")
            else:
                passed += 1
    for line in skipped:
        print("skipped:", line)
    for line in failed:
        print("failed:", line)
    tail = f", {len(skipped)} skipped" if skipped else ""
    print(f"{passed} passed, {len(failed)} failed{tail}")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
