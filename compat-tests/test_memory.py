"""Where memory is, and that it comes back."""

import pathlib
import re

import pytest

import conftest
import raw
import servers

ZNODES = 20000
CHECKPOINT_CHANGES = 4000
OPS_PER_MULTI = 50
CONNECTIONS = 300
WATCHES = 50  # Of each connection

pytestmark = pytest.mark.skipif(conftest.KIND != "paddock",
                                reason="of Paddock's memory")


def resident_bytes(server):
    status = pathlib.Path(f"/proc/{server.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024


def metric(server, name):
    text = servers.four_letter_word(server.port, "mntr")
    return int(re.search(rf"^zk_{name}\t(-?\d+)$", text, re.M)[1])


def multis(op, bodies):
    for at in range(0, len(bodies), OPS_PER_MULTI):
        part = bodies[at:at + OPS_PER_MULTI]
        yield raw.MULTI, raw.multi_body([(op, body) for body in part])


def create(server, parent, count):
    """Znodes of all sizes up to 1,000 B."""
    with raw.connect(server.port, timeout_ms=40000) as conn:
        conn.create(parent)
        creates = [raw.create_body(f"{parent}/{i:08}", bytes(i % 1000))
                   for i in range(count)]
        for reply in conn.pipeline(list(multis(raw.CREATE, creates)), window=8):
            assert reply.err == 0
        assert conn.call(raw.CLOSE).err == 0


def delete(server, parent, count):
    with raw.connect(server.port, timeout_ms=40000) as conn:
        deletes = [raw.delete_body(f"{parent}/{i:08}") for i in range(count)]
        for reply in conn.pipeline(list(multis(raw.DELETE, deletes)), window=8):
            assert reply.err == 0
        assert conn.call(raw.DELETE, raw.delete_body(parent)).err == 0
        assert conn.call(raw.CLOSE).err == 0


def create_and_delete(server, count=ZNODES):
    create(server, "/cycle", count)
    delete(server, "/cycle", count)


def connect_and_close(server):
    """Sessions with watches: half are closed, half just lose their client."""
    conns = [raw.connect(server.port, timeout_ms=3000)
             for _ in range(CONNECTIONS)]
    for number, conn in enumerate(conns):
        conn.pipeline([(raw.EXISTS, raw.read_body(f"/no/{number}/{i}", True))
                       for i in range(WATCHES)])
    assert metric(server, "watch_count") == CONNECTIONS * WATCHES
    for conn in conns[::2]:
        assert conn.call(raw.CLOSE).err == 0
    for conn in conns:
        conn.sock.close()
    servers.wait_until(lambda: metric(server, "global_sessions") == 0,
                       what="all sessions are gone")
    assert metric(server, "watch_count") == 0


def settled_bytes(server):
    """What is resident when the changes until now are in a checkpoint."""
    create_and_delete(server, CHECKPOINT_CHANGES // 2)
    return resident_bytes(server)


@pytest.mark.parametrize("cycle", [create_and_delete, connect_and_close])
def test_memory_comes_back_after_each_cycle(cycle, full):
    # With checkpoints in each cycle, for their memory counts.
    config = {"checkpoint.changes": CHECKPOINT_CHANGES, "tickTime": 500}
    with servers.Paddock(config) as server:
        create(server, "/stays", ZNODES)
        for _ in range(2):  # The allocator's own reserves grow at first
            cycle(server)
        first = settled_bytes(server)
        for _ in range(20 if full else 2):
            cycle(server)
            servers.wait_until(lambda: settled_bytes(server) <= first * 1.1,
                               what=f"at most 1.1 times {first} bytes")


def test_mntr_tells_where_memory_is():
    names = ("znode", "data", "watch", "session", "connection")

    def account(server):
        return {name: metric(server, f"{name}_memory_bytes") for name in names}

    with servers.Paddock() as server:
        before = account(server)
        with raw.connect(server.port) as conn:
            for i in range(100):
                conn.create(f"/{i}", bytes(1000))
                conn.exists(f"/{i}/{i}", watch=True)
            after = account(server)
        assert after["data"] - before["data"] == 100 * 1000
        assert 10_000 < after["znode"] - before["znode"] < 100_000
        assert 3_000 < after["watch"] - before["watch"] < 20_000
        assert 0 < after["session"] - before["session"] < 1_000
        assert 500 < after["connection"] - before["connection"] < 20_000
        resident = metric(server, "process_resident_memory_bytes")
        assert 0.5 < resident / resident_bytes(server) < 2
        assert "memory: " in server.log()
