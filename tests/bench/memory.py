#!/usr/bin/env python3
"""Measures memory and start-up of Paddock beside a Java ZooKeeper.

    tests/bench/memory.py            about twenty minutes
    tests/bench/memory.py --quick    about three minutes, smaller numbers

Memory is what the process has resident (VmRSS), measured from outside: the
difference that many of a thing make, divided by their number.  A Java server
keeps garbage until its heap of 1 GB is full, so that for it the heap in use
after a full collection (jcmd GC.run) is measured instead, where that is said.
Start-up is the time until a client has a session and an answer; both servers
start on data of their own, Paddock also on the folder that Java left.

Needs what compare.py needs.
"""

import argparse
import contextlib
import json
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import compare
from compare import number, resident_mb, servers
import raw  # In compat-tests, where compare.py has found servers

CONNECTIONS_AT_ONCE = 16
_poll = threading.Event()  # Never set: a bounded wait between two looks


def largest_mb(path, pattern):
    return max((p.stat().st_size for p in path.glob(pattern)), default=0) / 1e6


def connect_when_served(server, seconds=300):
    """A session on a server that is still starting."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            conn = raw.Connection(server.port)
            conn.send(raw.connect_request(timeout_ms=40000))
            # Java may leave a client that comes early without an answer.
            raw.parse_handshake(conn.read_frame(seconds=0.5))
            assert conn.get("/") is not None
            return conn
        except (OSError, raw.Closed):
            if time.monotonic() > deadline or server.process.poll() is not None:
                raise
            _poll.wait(0.002)


def timed_start(server):
    """Seconds until a client is answered, and MB resident then."""
    start = time.monotonic()
    server.launch()
    with connect_when_served(server):
        return time.monotonic() - start, resident_mb(server.pid)


class Meter:
    """One kind of server; `used` tells its MB."""

    def __init__(self, name, make, folder, tools):
        self.name, self.make = name, make
        self.folder, self.tools = folder, tools

    @contextlib.contextmanager
    def server(self, what):
        home = self.folder / f"{self.name}-{what}"
        try:
            with self.make(home) as server:
                yield server
        finally:
            shutil.rmtree(home, ignore_errors=True)

    def used(self, server):
        if self.name != "Java":
            return resident_mb(server.pid)
        subprocess.run(["jcmd", str(server.pid), "GC.run"], check=True,
                       stdout=subprocess.DEVNULL)
        text = subprocess.run(["jcmd", str(server.pid), "GC.heap_info"],
                              check=True, stdout=subprocess.PIPE,
                              text=True).stdout
        return sum(int(part.split("K")[0]) for line in text.splitlines()
                   if "Metaspace" not in line and "class space" not in line
                   for part in line.split("used ")[1:]) * 1024 / 1e6

    def fill(self, server, znodes, value):
        return self.tools.load(server.port, server.pid, work="create",
                               connections=CONNECTIONS_AT_ONCE, outstanding=64,
                               value=value, requests=znodes)

    def per_znode(self, znodes, value):
        with self.server(f"znodes-{value}") as server:
            before = self.used(server)
            self.fill(server, znodes, value)
            return (self.used(server) - before) * 1e6 / znodes

    def starts(self, znodes, rounds):
        """Fills a server, and starts it again: {what: value}, and leaves
        nothing but, of Java, its data for others."""
        with self.server(f"start-{znodes}") as server:
            self.fill(server, znodes, 100)
            filled = resident_mb(server.pid)
            seconds, resident = [], []
            for _ in range(rounds):
                server.stop()
                one = timed_start(server)
                seconds.append(one[0])
                resident.append(one[1])
            server.stop()
            version = server.data_dir / "version-2"
            result = {"filled": filled, "seconds": seconds,
                      "resident": resident,
                      "snapshot": largest_mb(version, "snapshot.*"),
                      "tree_db": largest_mb(version, "tree.db")}
            if self.name == "Java":
                result["foreign"] = paddock_on(version, self.folder, rounds)
            else:
                for path in version.glob("tree.db*"):
                    path.unlink()
                result["log"] = paddock_on(version, self.folder, rounds)
            return result

    def per_thing(self, count, make_things):
        """Bytes for each of `count` things, of which make_things(server,
        count) returns the owners."""
        with self.server(make_things.__name__) as server:
            first = make_things(server, 1000)  # What only the first costs
            before = self.used(server)
            things = make_things(server, count)
            bytes_each = (self.used(server) - before) * 1e6 / count
            for conn in first + things:
                conn.sock.close()
            return bytes_each


def paddock_on(version, folder, rounds):
    """Starts Paddock `rounds` times, each on a copy of the folder version-2
    that a server left: seconds and MB."""
    results = []
    for _ in range(rounds):
        home = folder / "copy"
        server = servers.Paddock(data_dir=home)
        try:
            shutil.copytree(version, server.data_dir / "version-2")
            results.append(timed_start(server))
        finally:
            server.__exit__()
            shutil.rmtree(home, ignore_errors=True)
    return [[each[i] for each in results] for i in (0, 1)]


def connections(server, count):
    """Idle, without a session."""
    conns = [raw.Connection(server.port) for _ in range(count)]
    servers.four_letter_word(server.port, "srvr")  # They are accepted by now
    return conns


def connected_sessions(server, count):
    return [raw.connect(server.port, timeout_ms=40000) for _ in range(count)]


def sessions(server, count):
    """Without their connections, of which few are there at a time."""
    for _ in range(0, count, 100):
        for conn in connected_sessions(server, 100):
            conn.sock.close()
    return []


def watches(server, count):
    """One-shot, on paths of 20 bytes, from 10 connections."""
    conns = connected_sessions(server, 10)
    for first in range(0, count, 1000):  # In turns, so that none expires
        for at, conn in enumerate(conns):
            conn.pipeline([(raw.EXISTS, raw.read_body(f"/watch/{i:013}", True))
                           for i in range(first + at, first + 1000, 10)])
    return conns


def print_starts(results):
    print("| znodes of 100 B | | " + " | ".join(results) + " |")
    print("|---" * (len(results) + 2) + "|")
    for znodes in next(iter(results.values())):
        rows = {"filled": "resident after filling, MB",
                "seconds": "start-up, s", "resident": "resident then, MB",
                "snapshot": "snapshot, MB", "tree_db": "tree.db, MB"}
        for key, title in rows.items():
            cells = []
            for result in results.values():
                value = result[znodes][key]
                cells.append(compare.spread(value) if isinstance(value, list)
                             else number(value) if value else "-")
            print(f"| {znodes:,} | {title} | " + " | ".join(cells) + " |")
        for key, title in (("log", "Paddock from a log alone"),
                           ("foreign", "Paddock on Java's folder")):
            for result in results.values():
                if key in result[znodes]:
                    seconds, resident = map(compare.spread, result[znodes][key])
                    print(f"| {znodes:,} | {title}: s, MB | {seconds}, "
                          f"{resident} |" + " |" * (len(results) - 1))


def print_things(title, rows):
    names = list(rows)
    print(f"\n| {title} | " + " | ".join(names) + " |")
    print("|---" * (len(names) + 1) + "|")
    for thing in rows[names[0]]:
        print(f"| {thing} | " +
              " | ".join(number(rows[name][thing]) for name in names) + " |")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true",
                        help="smaller numbers, one round")
    parser.add_argument("--only", choices=("paddock", "java"))
    parser.add_argument("--rounds", type=int, help="starts; default: 5, quick: 1")
    parser.add_argument("--znodes", type=int, nargs="+",
                        help="for the start-up; default: 10000 100000 1000000")
    parser.add_argument("--no-things", action="store_true",
                        help="start-up only")
    parser.add_argument("--build", type=pathlib.Path,
                        default=compare.ROOT / "build/release")
    parser.add_argument("--folder", type=pathlib.Path,
                        help="for the servers' data; default: in --build")
    return parser.parse_args()


def measure(arguments, meters):
    quick = arguments.quick
    rounds = arguments.rounds or (1 if quick else 5)
    counts = arguments.znodes or ([10_000, 100_000] if quick else
                                  [10_000, 100_000, 1_000_000])
    starts = {meter.name: {} for meter in meters}
    for znodes in counts:
        for meter in meters:
            starts[meter.name][znodes] = meter.starts(znodes, rounds)
    print_starts(starts)
    if arguments.no_things:
        return
    scale = 10 if quick else 1
    things = {meter.name: {} for meter in meters}
    for meter in meters:
        row = things[meter.name]
        for value in (0, 100, 1000):
            row[f"znode with {value:,} B of data, path of 37 B"] = (
                meter.per_znode(500_000 // scale, value))
        row["one-shot watch, path of 20 B"] = meter.per_thing(
            200_000 // scale, watches)
        row["session"] = meter.per_thing(20_000 // scale, sessions)
        row["idle connection"] = meter.per_thing(8_000 // scale, connections)
        row["connection with a session"] = meter.per_thing(
            8_000 // scale, connected_sessions)
    print_things("bytes for each", things)


def print_append(build, folder):
    """The log's append of transactions of 150 B, beside its floor."""
    done = subprocess.run(
        [build / "tests/bench/log_bench", "--benchmark_format=json"],
        cwd=folder, check=True, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL)
    us = {}
    for run in json.loads(done.stdout)["benchmarks"]:
        work, batch, _ = run["name"].split("/")
        us.setdefault(int(batch), {})[work] = run["real_time"] / 1e3
    print("\n| transactions of 150 B with one sync | our log, us | bare append, "
          "us |\n|---|---|---|")
    for batch, each in us.items():
        print(f"| {batch:,} | {number(each['LogAppend'])} | "
              f"{number(each['BareAppend'])} |")


def main():
    signal.signal(signal.SIGTERM, lambda *unused: sys.exit("ended"))
    arguments = parse_arguments()
    arguments.build = arguments.build.resolve()
    servers.PADDOCK_BIN = str(arguments.build / "paddock")
    compare.raise_files_max()
    contenders = compare.make_contenders(arguments.only)
    tools = compare.Tools(arguments.build)
    with tempfile.TemporaryDirectory(
            prefix="memory-", dir=arguments.folder or arguments.build) as name:
        folder = pathlib.Path(name)
        compare.print_machine(contenders, folder)
        watch = compare.CpuWatch()
        print()
        with watch.during():
            measure(arguments, [Meter(name, make, folder, tools)
                                for name, make in contenders.items()])
        print(f"\nOther programs used {100 * watch.share():.0f} % of the "
              "CPU time meanwhile; the medians of what was measured more than "
              "once have their range in brackets.")
        print_append(arguments.build, folder)


if __name__ == "__main__":
    main()
