"""A well-behaved client beside an abusive one, in a process of its own.

Run as `python neighbour.py PORT`: gets a node and pings in turn, with a short
pause, until standard input is closed.  Prints the number of rounds so far now
and then, and at the end one line of JSON with latencies in seconds.
"""

import contextlib
import json
import pathlib
import select
import subprocess
import sys
import time

import raw

PAUSE_SECONDS = 0.002
ROUNDS_PER_LINE = 50
DATA = b"n" * 100


def percentile(values, part):
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(len(ranked) * part))]


def timed(call, *args):
    began = time.monotonic()
    result = call(*args)
    return time.monotonic() - began, result


def main(port):
    conn = raw.connect(port, timeout_ms=10000)
    path = conn.create("/neighbour-", DATA, raw.EPHEMERAL | raw.SEQUENTIAL)
    gets, pings = [], []
    while not select.select([sys.stdin], [], [], PAUSE_SECONDS)[0]:
        took, node = timed(conn.get, path)
        assert node[0] == DATA
        gets.append(took)
        took, _ = timed(conn.ping)
        pings.append(took)
        if len(gets) % ROUNDS_PER_LINE == 0:
            print(len(gets), flush=True)
    conn.call(raw.CLOSE)
    print(json.dumps({"rounds": len(gets), "get_p99": percentile(gets, 0.99),
                      "ping_p99": percentile(pings, 0.99),
                      "max": max(gets + pings)}), flush=True)


class Neighbour:
    """Handle of a running neighbour."""

    def __init__(self, port):
        self.process = subprocess.Popen(
            [sys.executable, str(pathlib.Path(__file__).resolve()), str(port)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.rounds = 0
        self.wait_rounds(ROUNDS_PER_LINE)

    def wait_rounds(self, more):
        """Waits until it made so many more rounds."""
        wanted = self.rounds + more
        while self.rounds < wanted:
            line = self.process.stdout.readline()
            assert line, "the well-behaved client lost its connection"
            self.rounds = int(line)

    def finish(self):
        """Ends it and returns what it measured."""
        self.process.stdin.close()
        lines = self.process.stdout.read().splitlines()
        assert self.process.wait(60) == 0, "the well-behaved client failed"
        return json.loads(lines[-1])


@contextlib.contextmanager
def beside(port, p99_seconds):
    """Runs a neighbour meanwhile and checks its p99 at the end."""
    neighbour = Neighbour(port)
    try:
        yield neighbour
        measured = neighbour.finish()
    except BaseException:
        neighbour.process.kill()
        neighbour.process.wait()
        raise
    print(f"neighbour: {measured}")
    assert measured["get_p99"] <= p99_seconds
    assert measured["ping_p99"] <= p99_seconds


if __name__ == "__main__":
    main(int(sys.argv[1]))
