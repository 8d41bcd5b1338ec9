"""Scenario `patroni`: short read time-outs while the server is busy.

What Patroni does with kazoo: a leader key as an ephemeral node that is its
own when ephemeralOwner is its session; mzxid as the index of a value; a
session restart to change the TTL; every call with a read time-out, whose
excess means a fail-over of the database.
"""

import contextlib
import pathlib
import subprocess
import sys
import threading
import time

import pytest
from kazoo.client import KazooState
from kazoo.exceptions import NodeExistsError

READ_SECONDS = 1.0
HERE = pathlib.Path(__file__).resolve().parent


class Member:
    """One Patroni: its calls fail when they take too long."""

    def __init__(self, client, name):
        self.client, self.name = client, name
        self.slowest = 0.0
        self.states = []
        client.add_listener(self.states.append)

    def call(self, function, *args, **kw):
        began = time.monotonic()
        try:
            return function(*args, **kw).get(timeout=READ_SECONDS)
        finally:
            self.slowest = max(self.slowest, time.monotonic() - began)

    def get(self, path):
        return self.call(self.client.get_async, path)

    def touch_member(self):
        path = f"/service/c/members/{self.name}"
        data = b'{"state":"running","timeline":1}'
        try:
            self.call(self.client.create_async, path, data, ephemeral=True)
        except NodeExistsError:
            self.call(self.client.set_async, path, data)

    def attempt_to_lead(self):
        try:
            self.call(self.client.create_async, "/service/c/leader",
                      self.name.encode(), ephemeral=True)
            return True
        except NodeExistsError:
            return False

    def leads(self):
        """Whether the leader key is this session's."""
        data, stat = self.get("/service/c/leader")
        mine = stat.ephemeralOwner == self.client.client_id[0]
        assert mine == (data == self.name.encode())
        return mine

    def change_ttl(self, seconds):
        """As Patroni does it: a new session, the key created anew."""
        self.client._session_timeout = int(seconds * 1000)
        self.client.restart()
        self.states.clear()


def own_line(client):
    """The line of the client's connection in `cons`."""
    sid = f"sid=0x{client.client_id[0]:x},"
    (line,) = [s for s in client.command(b"cons").splitlines() if sid in s]
    return line


@contextlib.contextmanager
def load(server, size):
    """Keeps the server writing meanwhile."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / "load.py"), str(server.port), str(size)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "loading\n"
        yield
        process.stdin.close()
        done = int(process.stdout.read())
        assert process.wait(30) == 0
        print(f"{done} nodes of {size} bytes written meanwhile")
        assert done > 1000
    finally:
        process.kill()
        process.wait()


# A checkpoint (Java: a snapshot) every two thousand transactions.
@pytest.mark.server_config({"tickTime": 500, "snapCount": 2000})
def test_patroni(server, kazoo):
    leader, standby = (Member(kazoo(timeout=2), name) for name in "ab")
    kazoo().ensure_path("/service/c/members")
    leader.client.create("/service/c/optime", b"0")
    assert leader.attempt_to_lead() and not standby.attempt_to_lead()
    index = 0
    with load(server, 1000):
        for turn in range(100):
            leader.touch_member()
            standby.touch_member()
            assert leader.leads() and not standby.leads()
            stat = leader.call(leader.client.set_async, "/service/c/optime",
                               b"%d" % turn)
            assert stat.mzxid > index
            index = stat.mzxid
            # The standby may lag behind no index it has been told.
            data, seen = standby.get("/service/c/optime")
            assert (int(data), seen.mzxid) == (turn, index)
    print(f"slowest: {leader.slowest:.3f} s, {standby.slowest:.3f} s")
    assert leader.states == [] and standby.states == []


@pytest.mark.server_config({"tickTime": 200})
def test_patroni_changes_its_ttl(server, kazoo):
    leader, standby = (Member(kazoo(timeout=2), name) for name in "ab")
    kazoo().ensure_path("/service/c/members")
    for seconds in (1, 3, 1, 2):
        assert leader.attempt_to_lead()
        before = leader.client.client_id[0]
        leader.change_ttl(seconds)
        assert leader.client.client_id[0] != before
        assert f"to={seconds * 1000}," in own_line(leader.client)
        # The old session was closed, not left to expire.
        assert standby.call(standby.client.exists_async,
                            "/service/c/leader") is None


@pytest.mark.server_config({"tickTime": 200})
def test_patroni_fails_over_after_the_ttl_and_not_before(
        server, kazoo, proxy):
    ttl = 2
    leader = Member(kazoo(via=proxy, timeout=ttl), "a")
    standby = Member(kazoo(timeout=ttl), "b")
    kazoo().ensure_path("/service/c/members")
    assert leader.attempt_to_lead()
    lost = threading.Event()
    leader.client.add_listener(
        lambda state: state != KazooState.CONNECTED and lost.set())
    free = threading.Event()
    standby.client.exists("/service/c/leader", watch=lambda e: free.set())
    last_touch = time.monotonic()
    leader.leads()
    proxy.stall()
    # Its own read time-out tells the leader before the key is free.
    assert lost.wait(10)
    assert not free.is_set()
    assert free.wait(10)
    assert time.monotonic() - last_touch >= ttl
    assert standby.attempt_to_lead()
    proxy.flow()
    assert standby.leads()
