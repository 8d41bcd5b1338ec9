#!/usr/bin/env python3
"""Counts the instructions of a request, from its frame to its reply.

    tests/bench/budget.py             prints them beside the budget
    tests/bench/budget.py --check     fails where they are 5 % off
    tests/bench/budget.py --update    makes them the budget

They are those of the owner thread without sockets and disk: the frame codec
and a whole Replica (paddock_budget), counted by callgrind, so that neither the
machine's speed nor its load shows.  The budget is budget.txt: one path and its
instructions a line.  Needs a Release build and valgrind.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
BUDGET = HERE / "budget.txt"
REQUESTS = 4096
TOLERANCE = 0.05


def count(program, path):
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
         "--toggle-collect=paddock::bench::Counted*", program, path,
         str(REQUESTS)], stderr=subprocess.PIPE, text=True, check=False)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not found or int(found[1]) == 0:
        sys.exit(f"cannot count {path}:\n{done.stderr}")
    return round(int(found[1]) / REQUESTS)


def read_budget():
    lines = (line.split() for line in BUDGET.read_text().splitlines()
             if line and not line.startswith("#"))
    return {path: int(instructions) for path, instructions in lines}


def write_budget(counted):
    head = [line for line in BUDGET.read_text().splitlines()
            if line.startswith("#")]
    lines = [f"{path} {instructions}" for path, instructions in counted.items()]
    BUDGET.write_text("\n".join(head + lines) + "\n")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--build", type=pathlib.Path,
                        default=HERE.parents[1] / "build/release")
    arguments = parser.parse_args()
    program = arguments.build / "paddock_budget"
    if not program.exists():
        sys.exit(f"{program} is not there: ninja -C {arguments.build}")
    if shutil.which("valgrind") is None:
        sys.exit("valgrind is not there: apt-get install valgrind")
    budget = read_budget()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        counted = dict(zip(budget, pool.map(
            lambda path: count(program, path), budget)))
    off = [path for path in budget
           if abs(counted[path] - budget[path]) > TOLERANCE * budget[path]]
    print(f"{'path':12} {'budget':>8} {'counted':>8}")
    for path, instructions in budget.items():
        print(f"{path:12} {instructions:8,} {counted[path]:8,} "
              f"{counted[path] / instructions - 1:+.1%}"
              f"{'  off' if path in off else ''}")
    if arguments.update:
        write_budget(counted)
    elif arguments.check and off:
        sys.exit("More: find out why, and mend it.  Fewer, or more for a good "
                 "reason: --update, and say so in the commit.")


if __name__ == "__main__":
    main()
