#!/usr/bin/env python3
"""Measures what size, crowds and storms cost a server; prints tables.

    tests/bench/scale.py            about seven minutes
    tests/bench/scale.py --quick    about one

Each row compares two servers that run at the same time, one small, one with
what the row names, under the same load in turns: get and set, 16 connections
with 16 requests outstanding each, 128 B.  A cell is the median of the rounds;
the ratio is that of the rounds' ratios.  Needs a Release build: paddock,
paddock_load and paddock_crowd in build/release (or --build).
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import typing

import compare

sys.path.insert(0, str(compare.ROOT / "compat-tests"))
import servers  # noqa: E402

CONFIG = {"maxClientCnxns": "0", "4lw.commands.whitelist": "*"}
MINUTES_MAX = 5  # Of one command, come what may
CONNECTIONS_MAX = 50_000  # Or what the hard limit of open files grants


class Floor(typing.NamedTuple):
    """What paddock_load must know of a server."""
    port: int
    pid: int


class Bench:
    def __init__(self, build, folder, rounds, seconds):
        self.tools = compare.Tools(build)
        self.crowd_path = build / "paddock_crowd"
        self.folder = folder
        self.rounds = rounds
        self.seconds = seconds
        self.files_max = compare.raise_files_max()

    @contextlib.contextmanager
    def server(self, name, **config):
        home = self.folder / name
        try:
            with servers.Paddock({**CONFIG, **config}, data_dir=home) as server:
                yield server
        finally:
            shutil.rmtree(home, ignore_errors=True)

    def load(self, server, work, connections=16, outstanding=16, **options):
        return self.tools.load(server.port, server.pid, work=work,
                               connections=connections, outstanding=outstanding,
                               **options)

    def timed(self, server, work, **options):
        return self.load(server, work, seconds=self.seconds, warm_up=0.3,
                         **options)["per_second"]

    def settle(self, *all_servers):
        """Waits until they have nothing left to do: checkpoints, above all."""
        for server in all_servers:
            def is_idle():
                before = cpu_seconds(server.pid)
                time.sleep(0.5)
                return cpu_seconds(server.pid) - before < 0.05
            servers.wait_until(is_idle, seconds=60, what="the server is idle")

    def crowd(self, mode, server, connections, number):
        done = subprocess.run(
            [self.crowd_path, mode, str(server.port), str(connections),
             str(number)], stdout=subprocess.PIPE, text=True, check=True,
            timeout=MINUTES_MAX * 60)
        return json.loads(done.stdout)

    @contextlib.contextmanager
    def held(self, server, connections, watches=0):
        """Sessions that ping, with watches each, as long as it lasts."""
        process = subprocess.Popen(
            [self.crowd_path, "hold", str(server.port), str(connections),
             str(watches)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True)
        try:
            if not process.stdout.readline():
                raise RuntimeError("paddock_crowd failed")
            yield
        finally:
            process.stdin.close()
            process.wait(MINUTES_MAX * 60)

    def compare(self, title, small, large, works=("get", "set"), **options):
        """One row for each work.  `options` are two dictionaries of flags."""
        flags = options.get("flags", ({}, {}))
        for work in works:
            results = []
            for number in range(self.rounds):
                pair = [None, None]
                for which in ((0, 1) if number % 2 == 0 else (1, 0)):
                    pair[which] = self.timed((small, large)[which], work,
                                             **flags[which])
                results.append(pair)
            print(f"| {title} | {work} | "
                  f"{statistics.median(a for a, _ in results) / 1e3:,.0f} k/s | "
                  f"{statistics.median(b for _, b in results) / 1e3:,.0f} k/s | "
                  f"{statistics.median(b / a for a, b in results):.2f} |",
                  flush=True)


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1]
    ticks = fields.split()[11:13]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def znodes(bench, small, count):
    with bench.server("many") as many:
        bench.load(many, "create", outstanding=64, requests=count)
        keys = min(count, 1_000_000)
        root = bench.load(many, "get", keys=keys, seconds=0.1)["root"]
        bench.settle(many)
        bench.compare(f"1,000 -> {count:,} znodes", small, many,
                      flags=({"keys": 1000}, {"keys": keys, "root": root}))


def checkpoints(bench, count):
    with bench.server("calm", **{"checkpoint.changes": "1000000000",
                                 "checkpoint.logKb": "100000000"}) as calm, \
            bench.server("busy", **{"checkpoint.changes": "1"}) as busy:
        for server in (calm, busy):
            bench.load(server, "create", outstanding=64, requests=count)
        bench.compare(f"no checkpoint -> one after the other, {count:,} znodes",
                      calm, busy)


def connections(bench, small, counts):
    with bench.server("crowded") as crowded:
        for count in counts:
            with bench.held(crowded, count - 10):
                bench.compare(f"10 -> {count:,} connections, of which 10 work",
                              small, crowded,
                              flags=({"connections": 10}, {"connections": 10}))
        count = min(counts[0], 9900)
        flags = ({"connections": 10, "outstanding": 1},
                 {"connections": count, "outstanding": 1})
        title = f"10 x 1 -> {count:,} x 1"
        bench.compare(title, small, crowded, flags=flags)
        with bench.tools.floor(200) as (port, pid):
            floor = Floor(port, pid)
            bench.compare(f"{title}, a server that does not look", floor, floor,
                          works=("get",), flags=flags)


def watches(bench, small, connections_count, each):
    with bench.server("watched") as watched:
        before = compare.resident_mb(watched.pid)
        with bench.held(watched, connections_count, each):
            held = compare.resident_mb(watched.pid)
            bench.compare(f"0 -> {connections_count * each:,} watches", small,
                          watched)
        servers.wait_until(lambda: servers.four_letter_word(watched.port, "wchs").endswith(
                "Total watches:0\n"),
                           what="the watchers are gone")
        time.sleep(2)
        print(f"\nResident: {before:.0f} MB before, {held:.0f} MB with the "
              f"watches, {compare.resident_mb(watched.pid):.0f} MB after.\n")


def children(bench, count):
    with bench.server("few") as few, bench.server("wide") as wide:
        for server in (few, wide):
            bench.load(server, "create", requests=16)
        root = bench.load(wide, "sequential", outstanding=64,
                          requests=count)["root"]
        results = []
        for number in range(bench.rounds):
            pair = [None, None]
            for which in ((0, 1) if number % 2 == 0 else (1, 0)):
                options = {"root": root} if which else {}
                pair[which] = bench.load(
                    (few, wide)[which], "sequential", requests=20_000,
                    **options)["per_second"]
            results.append(pair)
        print(f"| 1 -> {count:,} children of the parent | sequential | "
              f"{statistics.median(a for a, _ in results) / 1e3:,.0f} k/s | "
              f"{statistics.median(b for _, b in results) / 1e3:,.0f} k/s | "
              f"{statistics.median(b / a for a, b in results):.2f} |")


def idle(bench, count, seconds):
    with bench.server("idle") as server, bench.held(server, count):
        time.sleep(2)
        begin, start = cpu_seconds(server.pid), time.monotonic()
        time.sleep(seconds)
        share = (cpu_seconds(server.pid) - begin) / (time.monotonic() - start)
        print(f"\n{count:,} idle sessions, each pings every 10 s: "
              f"{share * 100:.2f} % of a core.")


def cores(bench):
    print("\n| server on | load on | get 16 x 16 | set 16 x 16 | get 1 x 1, p50 "
          "| set 1 x 1, p50 |\n|---|---|---|---|---|---|")
    both = sorted(os.sched_getaffinity(0))
    for server_cores in (both[:1], both[:2]):
        for load_cores in (both[-1:], both[:2]):
            os.sched_setaffinity(0, server_cores)
            with bench.server("pinned") as server:
                os.sched_setaffinity(0, load_cores)
                cells = [f"{bench.timed(server, work) / 1e3:,.0f} k/s"
                         for work in ("get", "set")]
                cells += ["{:.0f} us".format(bench.load(
                    server, work, 1, 1, seconds=bench.seconds)["p50_us"])
                    for work in ("get", "set")]
            os.sched_setaffinity(0, both)
            print(f"| {len(server_cores)} | {len(load_cores)} | "
                  + " | ".join(cells) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--build", type=pathlib.Path,
                        default=compare.ROOT / "build/release")
    arguments = parser.parse_args()
    quick = arguments.quick
    with tempfile.TemporaryDirectory(prefix="paddock-scale-") as folder:
        bench = Bench(arguments.build, pathlib.Path(folder),
                      1 if quick else 3, 1 if quick else 2)
        print("| from -> to | work | small | large | ratio |\n"
              "|---|---|---|---|---|")
        with bench.server("small") as small:
            znodes(bench, small, 100_000 if quick else 1_000_000)
            most = min(CONNECTIONS_MAX, bench.files_max - 100)
            connections(bench, small, (1_000,) if quick else
                        sorted({min(10_000, most), most}))
            children(bench, 20_000 if quick else 100_000)
            checkpoints(bench, 100_000 if quick else 1_000_000)
            watches(bench, small, 1000, 500 if quick else 5000)
        with bench.server("storm") as server:
            for mode, count, number in (
                    ("fanout", 1000 if quick else 9900, 5),
                    ("rewatch", 1000, 100 if quick else 1000)):
                result = bench.crowd(mode, server, count, number)
                print(mode + ": " + ", ".join(
                    f"{key} {value:,}" for key, value in result.items()))
        print("fanout, bare loops of send and receive: " +
              bench.tools.fan_out(1000 if quick else 9900))
        idle(bench, 1000, 5 if quick else 30)
        cores(bench)


if __name__ == "__main__":
    main()
