#!/usr/bin/env python3
"""What writers notice of checkpoints, in a tree of a million znodes.

    tests/bench/checkpoint_stall.py     about eight minutes

Servers run side by side, each with the same znodes of 100 B, and the load, a
set at a time on one connection over all of them, alternates between them:

    without     no checkpoints
    always      one checkpoint after the other, of what changed meanwhile
    each 1000   a checkpoint when 1,000 znodes have changed
    whole       started anew without tree.db: a checkpoint of the whole tree
                runs all the time

Latencies are medians of the rounds, the longest stall is the longest of all;
"times" compares p99 with that of "without".  Bytes are what the process gave
to write() for each set, the log included.  --before names a second build to
compare with, --java adds a ZooKeeper with a snapshot in every 1,000 sets.
Needs Release builds; see compare.py.
"""

import argparse
import contextlib
import functools
import pathlib
import re
import signal
import statistics
import sys
import tempfile

import compare

NEVER = {"checkpoint.changes": 2**31 - 1, "checkpoint.logKb": 2**31 - 1}
MODES = {
    "without": NEVER,
    "always": {**NEVER, "checkpoint.changes": 1},
    "each 1000": {**NEVER, "checkpoint.changes": 1000},
    "whole": {**NEVER, "checkpoint.changes": 500_000},
}


class Build(compare.servers.Paddock):
    """Paddock as one build has it."""

    def __init__(self, path, **keys):
        super().__init__(**keys)
        self.path = path

    def command(self, config_path):
        return [self.path / "paddock", str(config_path)]


def java(mode, **keys):
    sets = {"without": 2**30, "each 1000": 1000}[mode]
    return compare.servers.JavaZooKeeper(
        version="3.9", java_properties={"zookeeper.snapCount": sets}, **keys)


def written_bytes(pid):
    text = pathlib.Path(f"/proc/{pid}/io").read_text()
    return int(re.search(r"^wchar: (\d+)", text, re.M)[1])


def median(values):
    return compare.number(statistics.median(values))


class Stall:
    def __init__(self, tools, arguments):
        self.tools = tools
        self.arguments = arguments
        self.results = {}  # (build, mode) -> results of all rounds

    def load(self, server, **options):
        return self.tools.load(
            server.port, server.pid, work="set", connections=1, outstanding=1,
            keys=self.arguments.znodes, value=100, **options)

    def run(self, running):
        """`running`: (build, mode) -> server."""
        roots = {who: self.load(server, seconds=0.5)["root"]
                 for who, server in running.items()}
        for number in range(self.arguments.rounds):
            order = list(running)
            for who in order if number % 2 == 0 else order[::-1]:
                if who[1] == "whole":
                    self.restart(running[who])
                self.measure(who, running[who], roots[who])

    @staticmethod
    def restart(server):
        server.stop()
        for path in server.data_dir.glob("version-2/tree.db*"):
            path.unlink()
        server.start()

    def measure(self, who, server, root):
        before = written_bytes(server.pid)
        result = self.load(server, root=root, warm_up=0,
                           seconds=self.arguments.seconds)
        result["bytes"] = ((written_bytes(server.pid) - before)
                           / result["requests"])
        self.results.setdefault(who, []).append(result)
        print(f"{' '.join(who)}: p50 {result['p50_us']:.0f} us, p99 "
              f"{result['p99_us']:.0f} us, max {result['max_us']:.0f} us",
              file=sys.stderr)

    def print(self):
        print("| server | checkpoints | sets a second | p50, us | p99, us |"
              " times | p99.9, us | longest, ms | CPU, us | bytes |")
        print("|---" * 10 + "|")
        for (build, mode), results in self.results.items():
            def column(key, of=results):
                return [result[key] for result in of]
            without = [r["p99_us"] for r in self.results[build, "without"]]
            times = statistics.median(column("p99_us")) / statistics.median(
                without)
            longest = max(column("max_us")) / 1e3
            print(f"| {build} | {mode} | {median(column('per_second'))} |"
                  f" {median(column('p50_us'))} | {median(column('p99_us'))} |"
                  f" {times:.2f} | {median(column('p999_us'))} |"
                  f" {longest:.1f} | {median(column('server_cpu_us'))} |"
                  f" {median(column('bytes'))} |")


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--znodes", type=int, default=1_000_000)
    parser.add_argument("--modes", default=",".join(MODES),
                        help="of those, separated by commas")
    parser.add_argument("--java", action="store_true")
    parser.add_argument("--build", type=pathlib.Path,
                        default=compare.ROOT / "build/release")
    parser.add_argument("--before", type=pathlib.Path)
    parser.add_argument("--folder", type=pathlib.Path,
                        help="for the servers' data; default: in --build")
    return parser.parse_args()


def main():
    signal.signal(signal.SIGTERM, lambda *unused: sys.exit("ended"))
    arguments = parse_arguments()
    builds = {"Paddock": arguments.build.resolve()}
    if arguments.before:
        builds["before"] = arguments.before.resolve()
    modes = arguments.modes.split(",")
    makers = {(name, mode): functools.partial(Build, path, config=MODES[mode])
              for name, path in builds.items() for mode in modes}
    if arguments.java:
        makers |= {("Java", mode): functools.partial(java, mode)
                   for mode in modes if mode in ("without", "each 1000")}
    with tempfile.TemporaryDirectory(
            prefix="stall-", dir=arguments.folder or builds["Paddock"]
            ) as name, contextlib.ExitStack() as stack:
        stall = Stall(compare.Tools(builds["Paddock"]), arguments)
        stall.run({who: stack.enter_context(make(
            data_dir=pathlib.Path(name) / "-".join(who).replace(" ", "-")))
            for who, make in makers.items()})
        stall.print()


if __name__ == "__main__":
    main()
