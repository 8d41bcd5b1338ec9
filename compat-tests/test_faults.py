"""What a server does when its disk or its clock fails it.

Each test states a row of the table "Faults" in the README: what clients see
while it lasts, how the server ends, and that a start after it finds every
write that was acknowledged and none half done.
"""

import errno
import os
import re
import shutil
import threading
import time

import pytest

import faults
import raw
import servers
from test_tools import run

pytestmark = pytest.mark.skipif(
    os.environ.get("PADDOCK_TEST_SERVER", "paddock") != "paddock",
    reason="states what Paddock does")

DATA_FOLDER, FOLDER_BUSY, LOG_WRITE_FAILED = 3, 4, 8
SESSION_MS = 2000
CONFIG = {"tickTime": 200, "maxSessionTimeout": 40000}
DAY_SECONDS = 24 * 3600


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    if not shutil.which("gcc"):
        pytest.skip("gcc is not installed")
    return faults.build_library(tmp_path_factory.mktemp("faults"))


@pytest.fixture
def faulty(library, tmp_path):
    with faults.FaultyPaddock(library, CONFIG, data_dir=tmp_path) as running:
        yield running


@pytest.fixture
def small_disk(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk takes root")
    try:
        disk = faults.SmallDisk(tmp_path / "disk", 8)
    except OSError as error:
        pytest.skip(f"a small disk cannot be mounted: {error}")
    yield disk
    disk.close()


class Pairs:
    """Creates nodes in pairs by multi, and knows which were acknowledged."""

    def __init__(self, conn, data_bytes=100, prefix="/n"):
        self.conn = conn
        self.prefix = prefix
        self.data_bytes = data_bytes
        self.acked = 0
        self.sent = 0

    def path(self, number, half):
        return f"{self.prefix}{number}{half}"

    def data(self, number):
        return b"%d-" % number + b"x" * self.data_bytes

    def send(self):
        number = self.sent
        self.sent += 1
        self.conn.submit(raw.MULTI, raw.multi_body(
            [(raw.CREATE, raw.create_body(self.path(number, half),
                                          self.data(number)))
             for half in "ab"]))

    def take(self):
        reply = self.conn.read_reply()
        assert reply.err == 0, reply
        self.acked += 1

    def write(self, count):
        for _ in range(count):
            self.send()
            self.take()

    def write_until_closed(self):
        with pytest.raises(raw.Closed):
            self.write(2000)

    def check(self, port):
        """All that was acknowledged is there, and no half of another."""
        with raw.connect(port) as reader:
            for number in range(self.sent):
                found = [reader.get(self.path(number, half)) for half in "ab"]
                if number < self.acked:
                    assert None not in found, f"pair {number} is lost"
                for node in found:
                    assert (node is None) == (found[0] is None), (
                        f"half of pair {number}")
                    assert node is None or node[0] == self.data(number)
            reader.create(self.prefix + "after")


def expect_end(server, code, text):
    assert server.process.wait(30) == code
    assert text in server.log()


# ---- The disk ----


# With the first size the log has no room to be allocated from the start.
@pytest.mark.parametrize("allocated_kib", [65536, 256])
def test_full_disk(small_disk, tmp_path, allocated_kib):
    config = CONFIG | {"dataDir": small_disk.path / "data",
                       "preAllocSize": allocated_kib}
    ballast = small_disk.path / "ballast"
    ballast.write_bytes(bytes(4 << 20))
    server = servers.Paddock(config, data_dir=tmp_path)
    with server:
        pairs = Pairs(raw.connect(server.port), 20000)
        pairs.write_until_closed()
        assert pairs.acked > 10
        expect_end(server, LOG_WRITE_FAILED, "No space left on device")
        ballast.unlink()
        server.start()
        pairs.check(server.port)


def metric(server, name):
    text = servers.four_letter_word(server.port, "mntr")
    return int(re.search(rf"^zk_{name}\t(\d+)$", text, re.M)[1])


def test_checkpoint_leaves_the_log_its_room(small_disk, tmp_path):
    config = CONFIG | {"dataDir": small_disk.path / "data",
                       "preAllocSize": 512, "checkpoint.changes": 100}

    def free_bytes():
        disk = os.statvfs(small_disk.path)
        return disk.f_bavail * disk.f_frsize

    (small_disk.path / "ballast").write_bytes(bytes(3584 << 10))
    with servers.Paddock(config, data_dir=tmp_path) as server:
        pairs = Pairs(raw.connect(server.port), 25000)
        pairs.write(49)
        free = [free_bytes()]
        assert free[0] < 50 * 50000, "a checkpoint has room"
        pairs.write(1)
        while metric(server, "snapshot_error_count") == 0:
            free.append(free_bytes())
        assert min(free) > 500_000
        assert "database or disk is full" in server.log()
        pairs.write(8)  # Nearly as much
        server.kill()
        (small_disk.path / "ballast").unlink()
        server.start()
        pairs.check(server.port)


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_failed_sync(faulty, number):
    pairs = Pairs(raw.connect(faulty.port))
    pairs.write(20)
    faulty.faults.sync_error = number
    pairs.write_until_closed()
    assert pairs.acked == 20
    expect_end(faulty, LOG_WRITE_FAILED, os.strerror(number))
    faulty.faults.sync_error = 0
    faulty.start()
    pairs.check(faulty.port)
    again = raw.reattach(pairs.conn, faulty.port)
    assert again.session == pairs.conn.session


# EROFS: as a file system goes read-only by itself, while files are open.
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EDQUOT,
                                    errno.EROFS])
def test_failed_write(faulty, number):
    pairs = Pairs(raw.connect(faulty.port))
    pairs.write(20)
    faulty.faults.write_error = number
    pairs.write_until_closed()
    assert pairs.acked == 20
    expect_end(faulty, LOG_WRITE_FAILED, os.strerror(number))
    said = len(faulty.log())
    faulty.launch()
    expect_end(faulty, DATA_FOLDER, os.strerror(number))
    assert os.strerror(number) in faulty.log()[said:]
    faulty.faults.write_error = 0
    faulty.start()
    pairs.check(faulty.port)


def test_start_on_a_read_only_disk(small_disk, tmp_path):
    config = CONFIG | {"dataDir": small_disk.path / "data",
                       "preAllocSize": 256}
    server = servers.Paddock(config, data_dir=tmp_path)
    with server:
        pairs = Pairs(raw.connect(server.port))
        pairs.write(20)
        server.stop()
        small_disk.remount("ro")
        server.launch()
        expect_end(server, DATA_FOLDER, "Read-only file system")
        small_disk.remount("rw")
        server.start()
        pairs.check(server.port)


# As a backup is often looked at.
def test_tools_on_a_read_only_disk(small_disk, tmp_path):
    data_dir = small_disk.path / "data"
    config = CONFIG | {"dataDir": data_dir, "preAllocSize": 256,
                       "checkpoint.changes": 20}
    tree = data_dir / "version-2/tree.db"
    with servers.Paddock(config, data_dir=tmp_path) as server:
        pairs = Pairs(raw.connect(server.port))
        pairs.write(20)
        servers.wait_until(lambda: run("snapshot", tree)[0] == 0,
                           what="a checkpoint")
        for words in (["export", "--to", tmp_path / "busy", data_dir],
                      ["import", data_dir, tmp_path / "busy"]):
            code, text = run(*words)
            assert code == FOLDER_BUSY and f"pid {server.pid}" in text
        server.kill()
    small_disk.remount("ro")
    for words in (["check", data_dir], ["snapshot", tree],
                  ["export", "--to", tmp_path / "exported", data_dir],
                  ["import", data_dir, tmp_path / "imported"],
                  ["diff", data_dir, tmp_path / "imported"],
                  ["diff", data_dir, tmp_path / "exported"]):
        code, text = run(*words)
        assert code == 0, text
    # SQLite cannot read the -wal file then.
    small_disk.remount("rw")
    tree.with_name("tree.db-shm").unlink()
    small_disk.remount("ro")
    for words in (["check", data_dir], ["snapshot", tree],
                  ["import", data_dir, tmp_path / "new"]):
        code, text = run(*words)
        assert code == DATA_FOLDER
        assert "copy all of them to where it can" in text
        assert "DAMAGED" not in text


def test_stalled_disk(faulty):
    pairs = Pairs(raw.connect(faulty.port, timeout_ms=SESSION_MS))
    reader = raw.connect(faulty.port, timeout_ms=SESSION_MS)
    pairs.write(5)
    reader.create("/mine", flags=raw.EPHEMERAL)
    flood = Pairs(raw.connect(faulty.port, timeout_ms=SESSION_MS), prefix="/f")
    faulty.faults.stall = 1
    pairs.send()
    servers.wait_until(lambda: faulty.faults.stalled, what="the disk stalls")
    # More than globalOutstandingLimit; the rest is not even read.
    for _ in range(1500):
        flood.send()
    late = raw.Connection(faulty.port)
    late.send(raw.connect_request(timeout_ms=SESSION_MS))
    # Longer than all sessions last without a heartbeat.
    end = time.monotonic() + 2.5 * SESSION_MS / 1000
    while time.monotonic() < end:
        assert reader.get("/n0a")[0] == pairs.data(0)
        reader.ping()
        pairs.conn.ping()  # Overtakes the write
        assert "Mode:" in servers.four_letter_word(faulty.port, "srvr")
        threading.Event().wait(0.1)
    assert reader.get("/n5a") is None, "seen before it is durable"
    assert faulty.log().count("has confirmed no write for") == 1
    assert "the disk goes on" not in faulty.log()
    faulty.faults.stall = 0
    pairs.take()
    servers.wait_until(lambda: "the disk goes on" in faulty.log(),
                       what="the end of the stall is told")
    assert re.search(r"^zk_fsync_threshold_exceed_count\t[1-9]",
                     servers.four_letter_word(faulty.port, "mntr"), re.M)
    for _ in range(flood.sent):
        flood.take()
    assert raw.parse_handshake(late.read_frame()).session != 0
    assert reader.exists("/mine")
    faulty.kill()
    faulty.start()
    pairs.check(faulty.port)
    flood.check(faulty.port)


def test_stop_while_the_disk_stalls(faulty):
    pairs = Pairs(raw.connect(faulty.port))
    pairs.write(5)
    faulty.faults.stall = 1
    pairs.send()
    servers.wait_until(lambda: faulty.faults.stalled, what="the disk stalls")
    faulty.process.terminate()
    with pytest.raises(raw.Closed):
        pairs.take()
    servers.wait_until(lambda: "waiting for the disk" in faulty.log(),
                       what="the server waits")
    assert faulty.process.poll() is None
    assert faulty.faults.stalled
    faulty.faults.stall = 0
    assert faulty.process.wait(30) == 0
    pairs.acked += 1  # What it waited for
    faulty.start()
    pairs.check(faulty.port)


def test_kill_while_the_disk_stalls(faulty):
    pairs = Pairs(raw.connect(faulty.port))
    pairs.write(5)
    faulty.faults.stall = 1
    pairs.send()
    servers.wait_until(lambda: faulty.faults.stalled, what="the disk stalls")
    faulty.kill()
    faulty.faults.stall = faulty.faults.stalled = 0
    faulty.start()
    pairs.check(faulty.port)


def test_deleted_data_folder(faulty):
    faulty.config["datadir.autocreate"] = "false"
    conn = raw.connect(faulty.port)
    pairs = Pairs(conn)
    pairs.write(5)
    shutil.rmtree(faulty.data_dir)
    assert conn.get("/n0a")[0] == pairs.data(0)
    conn.ping()
    pairs.write_until_closed()
    assert pairs.acked == 5
    expect_end(faulty, LOG_WRITE_FAILED, "was removed")
    faulty.launch()
    expect_end(faulty, DATA_FOLDER, "does not exist")


# ---- The clock ----


@pytest.mark.parametrize("days", [400, -400])
def test_wall_clock_jumps(faulty, days):
    conn = raw.connect(faulty.port, timeout_ms=SESSION_MS)
    pairs = Pairs(conn)
    conn.create("/mine", flags=raw.EPHEMERAL)
    pairs.write(3)
    before = conn.exists("/n0a")
    faulty.faults.clock_offset = days * DAY_SECONDS
    with raw.connect(faulty.port, timeout_ms=SESSION_MS) as second:
        assert second.session not in (0, conn.session)
    pairs.write(3)
    moved_ms = conn.exists("/n3a").ctime - before.ctime
    assert abs(moved_ms - days * DAY_SECONDS * 1000) < 60000
    assert conn.exists("/n3a").czxid > before.czxid
    # Nobody's time ran out: the ephemeral is there after its time-out.
    end = time.monotonic() + 1.5 * SESSION_MS / 1000
    while time.monotonic() < end:
        conn.ping()
        threading.Event().wait(0.1)
    assert conn.exists("/mine")
    faulty.stop()
    faulty.start()
    conn = raw.reattach(conn, faulty.port)
    assert conn.exists("/mine")
    with raw.connect(faulty.port) as third:
        assert third.session != conn.session
    pairs.check(faulty.port)
