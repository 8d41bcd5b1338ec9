#!/usr/bin/env python3
"""Runs Paddock and a Java ZooKeeper side by side and prints a table.

    tests/bench/compare.py            about half an hour
    tests/bench/compare.py --quick    about four minutes

Both servers run at the same time on loopback, each with its data on disk; the
load alternates between them, so that what else the machine does hits both.
A cell is the median of the rounds, with their range in brackets.  Java is the
3.9 whose jars ZOOKEEPER_39_JARS names (a folder), else Debian's 3.8, with a
heap of 1 GB.  Needs a Release build: paddock, paddock_load and paddock_floor
in build/release (or --build).
"""

import argparse
import contextlib
import dataclasses
import json
import os
import pathlib
import platform
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "compat-tests"))
import servers  # noqa: E402

LOAD_SECONDS_MAX = 300  # Of one run of the generator, come what may


@dataclasses.dataclass(frozen=True)
class Row:
    work: str
    connections: int
    outstanding: int
    latency: bool = False  # Show the median latency, not the throughput

    @property
    def name(self):
        title = {"sequential": "sequential create",
                 "mixed": "90 % get 10 % set",
                 "multi": "multi (check, set)"}.get(self.work, self.work)
        suffix = ", p50" if self.latency else ""
        return f"{title} {self.connections} x {self.outstanding}{suffix}"


# Those that let the tree grow come last.
ROWS = (
    Row("get", 16, 16),
    Row("get", 16, 1),
    Row("get", 1, 1, latency=True),
    Row("exists", 16, 16),
    Row("sync", 16, 16),
    Row("ping", 16, 16),
    Row("mixed", 16, 16),
    Row("set", 16, 16),
    Row("set", 1, 1, latency=True),
    Row("set", 64, 32),
    Row("get", 256, 64),
    Row("set", 256, 64),
    Row("multi", 3, 10),
    Row("sequential", 16, 16),
    Row("create", 16, 16),
    Row("delete", 16, 16),
)
DELETES = 100_000
QUICK_DELETES = 30_000


def raise_files_max():
    """For the programs that it starts; returns how many each may open."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard if hard >= 0 else sys.maxsize


class Tools:
    """The programs beside the server."""

    def __init__(self, build):
        self.load_path = build / "paddock_load"
        self.floor_path = build / "paddock_floor"
        for path in (self.load_path, self.floor_path):
            if not path.exists():
                sys.exit(f"{path} is not there: ninja -C {build}")

    def load(self, port, pid, **options):
        """Runs the generator; returns what it prints, as a dictionary."""
        flags = [f"--{k.replace('_', '-')}={v}" for k, v in options.items()]
        done = subprocess.run(
            [self.load_path, "--json", f"--server=127.0.0.1:{port}",
             f"--pid={pid}", *flags],
            stdout=subprocess.PIPE, timeout=LOAD_SECONDS_MAX, check=False)
        if not done.stdout:
            raise RuntimeError(f"paddock_load {' '.join(flags)} failed")
        result = json.loads(done.stdout)
        if result["errors"]:
            print(f"{' '.join(flags)}: {result['errors']} errors, the first "
                  f"{result['first_error']}", file=sys.stderr)
        return result

    @contextlib.contextmanager
    def floor(self, body):
        """Runs the server that does not look at what it is asked."""
        port = servers.free_port()
        process = subprocess.Popen(
            [self.floor_path, f"--port={port}", f"--body={body}"])
        try:
            servers.wait_until(lambda: accepts(port), what="floor serves")
            yield port, process.pid
        finally:
            process.kill()
            process.wait()

    def fan_out(self, connections):
        return subprocess.run([self.floor_path, f"--fan-out={connections}"],
                              text=True, stdout=subprocess.PIPE,
                              check=True).stdout.strip()

    def disk(self, folder):
        return subprocess.run([self.floor_path, f"--disk={folder}"], text=True,
                              stdout=subprocess.PIPE, check=True).stdout


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


class CpuWatch:
    """What share of the machine's CPU time went to others than this program
    and all that it started.  A hypervisor counts, and so do the kernel's
    threads."""

    def __init__(self):
        self.samples = []

    @staticmethod
    def _busy_and_total():
        fields = pathlib.Path("/proc/stat").read_text().split("\n")[0].split()
        ticks = [int(field) for field in fields[1:9]]
        return sum(ticks) - ticks[3] - ticks[4], sum(ticks)

    @staticmethod
    def _ours():
        """Ticks of this process and those beneath it, with the ended ones."""
        parents, ticks = {}, {}
        for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text().rpartition(")")[2].split()
            except OSError:
                continue  # It has just ended
            pid = int(path.parent.name)
            parents[pid] = int(fields[1])
            ticks[pid] = sum(map(int, fields[11:15]))

        def is_ours(pid):
            while pid in parents and pid != os.getpid():
                pid = parents[pid]
            return pid == os.getpid()

        return sum(ticks[pid] for pid in ticks if is_ours(pid))

    @contextlib.contextmanager
    def during(self):
        busy, total = self._busy_and_total()
        ours = self._ours()
        yield
        busy_after, total_after = self._busy_and_total()
        if total_after > total:
            others = busy_after - busy - (self._ours() - ours)
            self.samples.append(max(0, others) / (total_after - total))

    def share(self):
        return statistics.median(self.samples) if self.samples else 0


@dataclasses.dataclass
class Plan:
    rounds: int
    seconds: float
    warm_up: float
    deletes: int
    znodes: int


class Comparison:
    def __init__(self, tools, plan, folder, contenders):
        self.tools = tools
        self.plan = plan
        self.folder = folder
        self.contenders = contenders  # Name -> function that makes a Server
        self.cpu = CpuWatch()
        self.results = {}  # (name, row) -> results of all rounds

    def run_round(self, number):
        """One round: new servers, all rows, the load alternating."""
        with contextlib.ExitStack() as stack:
            running = []
            for name, make in self.contenders.items():
                home = self.folder / f"{name}-{number}"
                server = stack.enter_context(make(home))
                stack.callback(shutil.rmtree, home, ignore_errors=True)
                running.append((name, server))
                # Compilers and caches settle, in Java and elsewhere.
                self._load(server, Row("mixed", 16, 16), warm_up=0,
                           seconds=self.plan.warm_up * 3)
            for index, row in enumerate(ROWS):
                order = running if (number + index) % 2 == 0 else running[::-1]
                for name, server in order:
                    self._measure(name, server.port, server.pid, row)

    def run_floors(self):
        for body, work in ((200, "get"), (12, "sync")):
            with self.tools.floor(body) as (port, pid):
                for row in ROWS:
                    if row.work == work:
                        for _ in range(self.plan.rounds):
                            self._measure("floor", port, pid, row)

    def _measure(self, name, port, pid, row):
        with self.cpu.during():
            result = self._load_at(port, pid, row)
        self.results.setdefault((name, row), []).append(result)
        print(f"{name}: {row.name}: {result['per_second'] / 1e3:.1f} k/s, p50 "
              f"{result['p50_us']:.0f} us, p99.9 {result['p999_us']:.0f} us, "
              f"{result['server_cpu_us']:.2f} us CPU", file=sys.stderr)

    def _load(self, server, row, **options):
        return self.tools.load(server.port, server.pid, work=row.work,
                               connections=row.connections,
                               outstanding=row.outstanding, **options)

    def _load_at(self, port, pid, row):
        options = {"seconds": self.plan.seconds, "warm_up": self.plan.warm_up}
        if row.work == "delete":
            options = {"requests": self.plan.deletes}
        return self.tools.load(port, pid, work=row.work,
                               connections=row.connections,
                               outstanding=row.outstanding, **options)

    def run_fill(self, name):
        """Fills a server with znodes of 100 B and starts it again."""
        home = self.folder / f"{name}-fill"
        try:
            with self.contenders[name](home) as server:
                filled = self.tools.load(
                    server.port, server.pid, work="create", connections=16,
                    outstanding=64, value=100, requests=self.plan.znodes)
                server.stop()
                start = time.monotonic()
                server.start()
                seconds = time.monotonic() - start
                return {"fill_seconds": filled["seconds"],
                        "filled_mb": filled["rss_after_mb"],
                        "restart_seconds": seconds,
                        "restarted_mb": resident_mb(server.pid)}
        finally:
            shutil.rmtree(home, ignore_errors=True)

    def column(self, name, row, key):
        return [result[key] for result in self.results.get((name, row), [])]


def resident_mb(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024 / 1e6


def number(value):
    """Two digits at least, three at most: 1234 -> 1,234; 0.5123 -> 0.51."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def spread(values):
    if not values:
        return "-"
    median = number(statistics.median(values))
    if len(values) == 1:
        return median
    return f"{median} ({number(min(values))}-{number(max(values))})"


def main_cell(comparison, name, row):
    if row.latency:
        text = spread(comparison.column(name, row, "p50_us"))
        unit = "us"
    else:
        text = spread([v / 1e3 for v in
                       comparison.column(name, row, "per_second")])
        unit = "k/s"
    return text if text == "-" else f"{text} {unit}"


def median_of(comparison, name, row, key):
    values = comparison.column(name, row, key)
    return statistics.median(values) if values else None


def ratio_cell(comparison, names, row):
    """How many times better the first is than the second."""
    key = "p50_us" if row.latency else "per_second"
    ours, theirs = (median_of(comparison, name, row, key) for name in names)
    if not ours or not theirs:
        return "-"
    return f"{theirs / ours if row.latency else ours / theirs:.2f}"


def pair_cell(comparison, names, row, key, scale=1.0):
    values = [median_of(comparison, name, row, key) for name in names]
    return " / ".join("-" if v is None else number(v * scale) for v in values)


def print_rows(comparison):
    names = list(comparison.contenders)
    print("| work | " + " | ".join(names) +
          " | times better | floor | server CPU per request, us | p99, ms |"
          " p99.9, ms |")
    print("|---" * (len(names) + 6) + "|")
    for row in ROWS:
        cells = [row.name]
        cells += [main_cell(comparison, name, row) for name in names]
        cells.append(ratio_cell(comparison, names, row)
                     if len(names) == 2 else "-")
        cells.append(main_cell(comparison, "floor", row))
        cells.append(pair_cell(comparison, names, row, "server_cpu_us"))
        cells.append(pair_cell(comparison, names, row, "p99_us", 1e-3))
        cells.append(pair_cell(comparison, names, row, "p999_us", 1e-3))
        print("| " + " | ".join(cells) + " |")


def print_fill(znodes, fills):
    names = list(fills)
    print(f"\n| {znodes:,} znodes of 100 B | " + " | ".join(names) +
          " | times better |")
    print("|---" * (len(names) + 2) + "|")
    for key, title, unit in (
            ("fill_seconds", "creating them, 16 x 64", "s"),
            ("filled_mb", "resident after filling", "MB"),
            ("restarted_mb", "resident after a restart", "MB"),
            ("restart_seconds", "restart until `srvr` answers", "s")):
        values = [fills[name][key] for name in names]
        ratio = f"{values[1] / values[0]:.2f}" if len(values) == 2 else "-"
        cells = [f"{number(value)} {unit}" for value in values]
        print(f"| {title} | " + " | ".join(cells) + f" | {ratio} |")


def first_line(*command):
    """The first line that a command prints; empty when it cannot run."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.STDOUT, check=True, cwd=ROOT)
        return done.stdout.partition("\n")[0].strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def server_version(server):
    text = servers.four_letter_word(server.port, "srvr")
    return re.search(r"version: ([^,\s-]+)", text)[1]


def print_machine(contenders, folder):
    cpu = re.search(r"model name\s*: (.*)",
                    pathlib.Path("/proc/cpuinfo").read_text())
    memory_kb = int(re.search(
        r"MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text())[1])
    print(f"Machine: {os.cpu_count()} cores"
          f" ({cpu[1] if cpu else platform.machine()}), {memory_kb / 1e6:.0f} GB,"
          f" Linux {platform.release()}, data on {file_system(folder)}.")
    changed = first_line("git", "status", "--porcelain", "-uno")
    print("Commit:", first_line("git", "describe", "--always") +
          (" with changes" if changed else "") + ".")
    for name, make in contenders.items():
        home = folder / f"{name}-version"
        with make(home) as server:
            version = server_version(server)
        shutil.rmtree(home, ignore_errors=True)
        print(f"{name}: answers as ZooKeeper {version}" +
              (f", {first_line('java', '-version')}, heap of 1 GB."
               if name == "Java" else "."))


def file_system(folder):
    return first_line("stat", "-f", "-c", "%T", str(folder))


def make_contenders(only):
    java = "3.9" if servers.java_available("3.9") is None else "3.8"
    contenders = {}
    if only != "java":
        contenders["Paddock"] = lambda home: servers.Paddock(data_dir=home)
    if only != "paddock":
        reason = servers.java_available(java)
        if reason:
            sys.exit(reason)
        contenders["Java"] = lambda home: servers.JavaZooKeeper(
            version=java, data_dir=home)
    return contenders


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true",
                        help="one short round, 200,000 znodes")
    parser.add_argument("--rounds", type=int, help="default: 3, quick: 1")
    parser.add_argument("--seconds", type=float,
                        help="of each measurement; default: 5, quick: 2")
    parser.add_argument("--only", choices=("paddock", "java"))
    parser.add_argument("--no-fill", action="store_true",
                        help="without the table of many znodes")
    parser.add_argument("--build", type=pathlib.Path,
                        default=ROOT / "build/release")
    parser.add_argument("--folder", type=pathlib.Path,
                        help="for the servers' data; default: in --build")
    return parser.parse_args()


def main():
    # Ends the servers too, through their context managers.
    signal.signal(signal.SIGTERM, lambda *unused: sys.exit("ended"))
    arguments = parse_arguments()
    arguments.build = arguments.build.resolve()
    quick = arguments.quick
    plan = Plan(rounds=arguments.rounds or (1 if quick else 3),
                seconds=arguments.seconds or (2 if quick else 5),
                warm_up=1 if quick else 2,
                deletes=QUICK_DELETES if quick else DELETES,
                znodes=200_000 if quick else 1_000_000)
    servers.PADDOCK_BIN = str(arguments.build / "paddock")
    tools = Tools(arguments.build)
    contenders = make_contenders(arguments.only)
    with tempfile.TemporaryDirectory(
            prefix="compare-", dir=arguments.folder or arguments.build) as name:
        folder = pathlib.Path(name)
        if file_system(folder) == "tmpfs":
            sys.exit(f"{folder} is in memory: give --folder on a disk")
        print_machine(contenders, folder)
        comparison = Comparison(tools, plan, folder, contenders)
        for number_of_round in range(plan.rounds):
            comparison.run_round(number_of_round)
        comparison.run_floors()
        print(f"Rounds: {plan.rounds}, {plan.seconds:g} s for each cell. Other"
              f" programs used {100 * comparison.cpu.share():.0f} % of the CPU"
              " time meanwhile.\n")
        print_rows(comparison)
        if not arguments.no_fill:
            print_fill(plan.znodes, {contender: comparison.run_fill(contender)
                                     for contender in contenders})
        print("\nThe disk's floor:\n\n```\n" + tools.disk(folder) + "```")


if __name__ == "__main__":
    main()
