"""Scenario `lock_election`: contenders that are killed, paused and cut off.

Contenders are processes, each behind a proxy of its own.  What the lock
protects is a resource that checks fencing tokens (the czxid of the holder's
lock node): it refuses a token below the highest it has seen.  Mutual
exclusion means: nobody but a contender that a fault has struck is ever
refused or found inside by the next one.
"""

import collections
import pathlib
import queue
import random
import signal
import socketserver
import subprocess
import sys
import threading

import pytest

import proxy
import raw
import servers

WAIT_SECONDS = 30
HERE = pathlib.Path(__file__).resolve().parent

pytestmark = pytest.mark.server_config({"tickTime": 500})


class Resource:
    """Accepts entries in the order of their tokens, one at a time.

    `catch` lets the next one enter and keeps its answer back, so that it can
    be struck while it is inside."""

    def __init__(self):
        resource = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                for line in self.rfile:
                    what, name, token = line.decode().split()
                    answer = resource.on_line(what, name, int(token))
                    try:
                        self.wfile.write(answer.encode() + b"\n")
                    except OSError:
                        return

        self.guard = threading.Lock()
        self.highest = 0
        self.inside = None
        self.entries = collections.Counter()
        self.refused = collections.Counter()
        self.struck = set()      # Names that a fault has struck.
        self.violations = []
        self.catching = False
        self.caught = queue.Queue()
        self.let_go = {}         # Name: event
        self.server = socketserver.ThreadingTCPServer(
            ("127.0.0.1", servers.free_port()), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever,
                         daemon=True).start()

    def on_line(self, what, name, token):
        with self.guard:
            if token < self.highest:
                self.refused[name] += 1
                if name not in self.struck:
                    self.violations.append(f"{name} was refused {what}")
                return "stale"
            if what == "leave":
                if self.inside != name:
                    self.violations.append(f"{name} left without entering")
                self.inside = None
                return "ok"
            if token == self.highest:
                self.violations.append(f"{name} entered twice with a token")
            if self.inside is not None and self.inside not in self.struck:
                self.violations.append(f"{name} met {self.inside}")
            self.highest, self.inside = token, name
            self.entries[name] += 1
            if not self.catching:
                return "ok"
            self.catching = False
            event = self.let_go[name] = threading.Event()
            self.caught.put(name)
        event.wait()
        return "ok"

    def catch(self):
        """Returns the name of the next holder, who is then kept inside."""
        with self.guard:
            self.catching = True
        return self.caught.get(timeout=WAIT_SECONDS)

    def strike(self, name):
        with self.guard:
            self.struck.add(name)

    def forgive(self, name):
        with self.guard:
            self.struck.discard(name)

    def total(self):
        with self.guard:
            return sum(self.entries.values())

    def close(self):
        for event in self.let_go.values():
            event.set()
        self.server.shutdown()
        self.server.server_close()


class Contender:
    """A process behind its proxy."""

    def __init__(self, name, command, server, resource):
        self.name = name
        self.proxy = proxy.Proxy(server.port)
        self.command = [*command, self.proxy.address, "/lock", name,
                        str(resource.port)]
        self.process = subprocess.Popen(self.command, cwd=HERE,
                                        stdin=subprocess.DEVNULL)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.proxy.__exit__()


def wait_entries(resource, more):
    wanted = resource.total() + more
    servers.wait_until(lambda: resource.total() >= wanted, WAIT_SECONDS,
                       f"{more} more entries")


def wait_refused(resource, name):
    servers.wait_until(lambda: resource.refused[name] > 0, WAIT_SECONDS,
                       f"{name} is refused")


def strike(resource, contenders, kind):
    """Catches a holder inside, strikes it, and sees another one enter."""
    name = resource.catch()
    holder = next(c for c in contenders if c.name == name)
    resource.strike(name)
    if kind == "kill":
        holder.process.kill()
        holder.process.wait()
    elif kind == "pause":
        holder.process.send_signal(signal.SIGSTOP)
    else:
        holder.proxy.stall()
    # Its session expires and the next in line enters.
    wait_entries(resource, 1)
    resource.refused[name] = 0
    resource.let_go[name].set()
    if kind == "kill":
        contenders.remove(holder)
        holder.close()
        return
    if kind == "pause":
        holder.process.send_signal(signal.SIGCONT)
    # Still believing that it holds the lock, it is refused as it leaves.
    wait_refused(resource, name)
    holder.proxy.flow()
    before = resource.entries[name]
    servers.wait_until(lambda: resource.entries[name] > before + 1,
                       WAIT_SECONDS, f"{name} takes part again")
    resource.forgive(name)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kinds", ["kazoo", "c", "mixed"])
def test_lock_election(server, c_program, full, kinds):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    kazoo = [sys.executable, str(HERE / "lock_contender.py")]
    raw.connect(server.port).create("/lock")
    commands = {"kazoo": [kazoo] * 4}
    if kinds != "kazoo":
        c_client = [str(c_program("lock_contender"))]
        commands["c"] = [c_client] * 4
        commands["mixed"] = [kazoo, c_client] * 2
    resource = Resource()
    contenders = [Contender(f"{kinds}{i}", command, server, resource)
                  for i, command in enumerate(commands[kinds])]
    try:
        servers.wait_until(lambda: len(resource.entries) == 4, WAIT_SECONDS,
                           "everyone has had its turn")
        faults = ["pause", "cut off", "pause", "cut off"] * (4 if full else 1)
        rng.shuffle(faults)
        for kind in [*faults, "kill", "kill"]:
            print(f"{kind}: {dict(resource.entries)}")
            strike(resource, contenders, kind)
            wait_entries(resource, 20)
        # A cut that is shorter than a session costs nobody the lock.
        for contender in contenders:
            contender.proxy.cut()
        wait_entries(resource, 20)
        assert resource.violations == []
    finally:
        for contender in contenders:
            contender.close()
        resource.close()
    # Nothing stays behind.
    looker = raw.connect(server.port)
    servers.wait_until(lambda: looker.children("/lock") == [], 15,
                       "the lock nodes are gone")
