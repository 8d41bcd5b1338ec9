"""`paddock check`: what it finds in sound and damaged folders, and repairs."""

import contextlib
import os
import shutil
import sqlite3
import struct
import zlib

import pytest

import raw
import servers
from test_tools import (DAMAGED, DATA_FOLDER, FOLDER_BUSY, OK, USAGE, files,
                        json_lines, log_files, record_offsets, run)

pytestmark = pytest.mark.skipif(
    os.environ.get("PADDOCK_TEST_SERVER", "paddock") != "paddock",
    reason="states what Paddock's tools do")


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory):
    """A dataDir with the logs of two runs, of 6 transactions each."""
    home = tmp_path_factory.mktemp("two_runs")
    for run_number in range(2):
        with servers.Paddock(data_dir=home) as server:
            with raw.connect(server.port) as conn:
                for i in range(4):
                    conn.create(f"/{run_number}-{i}", b"data")
                assert conn.call(raw.CLOSE).err == 0
            server.stop()
    return home / "data"


@pytest.fixture
def data_dir(two_runs, tmp_path):
    return shutil.copytree(two_runs, tmp_path / "data")


def change_byte(path, offset):
    body = bytearray(path.read_bytes())
    body[offset] ^= 1
    path.write_bytes(body)


def zxids(data_dir):
    return [int(line["zxid"], 16)
            for line in json_lines("log", "--json", *log_files(data_dir))]


def test_sound_folder_is_not_changed(data_dir):
    before = files(data_dir)
    code, text = run("check", data_dir)
    assert code == OK, text
    first, second = log_files(data_dir)
    assert f"{first}: sound, 6 transactions, 0x1 to 0x6\n" in text
    assert f"{second}: sound, 6 transactions, 0x7 to 0xc\n" in text
    assert ("A start would work, from an empty state and 12 transactions of "
            "the log after it: zxid 0xc, ") in text
    code, text = run("check", "--repair", "--cut-damage", data_dir)
    assert code == OK
    assert text.endswith("Nothing was repaired\n")
    assert files(data_dir) == before


def test_torn_end(data_dir):
    log = log_files(data_dir)[1]
    body = log.read_bytes()
    end = record_offsets(log)[-1]
    log.write_bytes(body[:end + 20] + bytes(1000))
    before = files(data_dir)
    code, text = run("check", data_dir)
    assert code == OK, text
    assert "then a torn end of 1020 bytes at offset" in text
    assert "zxid 0xb, " in text
    assert files(data_dir) == before
    code, text = run("check", "--repair", data_dir)
    assert code == OK, text
    kept = log.with_name(f"cut-{end}-of-{log.name}")
    assert str(kept) in text
    assert kept.read_bytes() == body[end:end + 20].rstrip(b"\0")
    assert log.read_bytes() == body[:end]
    code, text = run("check", data_dir)
    assert code == OK
    assert "torn end" not in text


def test_damage_before_intact_transactions(data_dir):
    log = log_files(data_dir)[1]
    body = log.read_bytes()
    offsets = record_offsets(log)
    change_byte(log, offsets[2] + 40)
    before = files(data_dir)
    for words in ([], ["--repair"]):
        code, text = run("check", *words, data_dir)
        assert code == DAMAGED
        assert f"{log}: DAMAGED at offset {offsets[2]} " in text
        assert "A start would be REFUSED: " in text
        assert "after 0x8: " in text
        assert "gives up 3 intact transactions behind it (0xa to 0xc)" in text
        assert files(data_dir) == before
    code, text = run("check", "--repair", "--cut-damage", data_dir)
    assert code == OK, text
    assert "zxid 0x8, " in text
    kept = log.with_name(f"cut-{offsets[2]}-of-{log.name}")
    assert kept.read_bytes() == before[log][offsets[2]:]
    assert log.read_bytes() == body[:offsets[2]]
    assert zxids(data_dir) == list(range(1, 9))


def test_damage_in_an_older_log(data_dir):
    first, second = log_files(data_dir)
    offset = record_offsets(first)[4]
    change_byte(first, offset + 40)
    before = files(data_dir)
    code, text = run("check", data_dir)
    assert code == DAMAGED
    assert f"{first}: DAMAGED at offset {offset} " in text
    assert "transactions are missing between 0x4 and 0x7" in text
    assert "gives up 7 intact transactions behind it (0x6 to 0xc)" in text
    code, text = run("check", "--repair", "--cut-damage", data_dir)
    assert code == OK, text
    assert "zxid 0x4, " in text
    assert not second.exists()
    kept = second.with_name(f"cut-0-of-{second.name}")
    assert kept.read_bytes() == before[second]
    with servers.Paddock(data_dir=data_dir.parent) as server:
        with raw.connect(server.port) as conn:
            assert conn.exists("/0-2") and not conn.exists("/0-3")


def test_missing_log(data_dir):
    first, second = log_files(data_dir)
    first.unlink()
    code, text = run("check", data_dir)
    assert code == DAMAGED
    assert "transactions are missing between 0x0 and 0x7" in text
    assert "gives up 6 intact transactions behind it (0x7 to 0xc)" in text
    assert second.exists()


def test_transaction_that_cannot_be_decoded(data_dir):
    log = log_files(data_dir)[1]
    body = bytearray(log.read_bytes())
    at = record_offsets(log)[3]
    (size,) = struct.unpack_from(">i", body, at + 8)
    struct.pack_into(">i", body, at + 12 + 28, 99)  # The type
    struct.pack_into(">q", body, at, zlib.adler32(body[at + 12:at + 12 + size]))
    log.write_bytes(body)
    code, text = run("log", log)
    assert code == DAMAGED
    assert "type 99 CANNOT BE DECODED" in text
    code, text = run("check", data_dir)
    assert code == DAMAGED
    assert "the transaction 0xa cannot be decoded" in text
    assert "gives up 3 intact transactions behind it (0xa to 0xc)" in text
    code, text = run("check", "--repair", "--cut-damage", data_dir)
    assert code == OK, text
    assert zxids(data_dir) == list(range(1, 10))


def test_damaged_snapshots(data_dir):
    assert run("export", data_dir)[0] == OK
    snapshot = data_dir / "version-2/snapshot.c"
    code, text = run("check", data_dir)
    assert code == OK, text
    assert f"{snapshot}: sound, zxid 0xc, " in text
    assert "A start would work, from the snapshot of zxid 0xc and 0 " in text
    change_byte(snapshot, 60)
    code, text = run("check", data_dir)
    assert code == DAMAGED  # And yet the log has it all
    assert f"{snapshot}: DAMAGED: " in text
    assert "A start would work, from an empty state and 12 " in text
    assert "Nothing is lost" in text
    snapshot.rename(snapshot.with_name("snapshot.d"))
    code, text = run("check", data_dir)
    assert code == DAMAGED
    assert "A start would be REFUSED: " in text
    assert "snapshot.d is damaged, and the log ends before it" in text


@pytest.fixture
def with_checkpoint(tmp_path):
    with servers.Paddock({"checkpoint.changes": 1},
                         data_dir=tmp_path / "home") as server:
        with raw.connect(server.port) as conn:
            for i in range(20):
                conn.create(f"/{i}", b"data" * 100)
        servers.wait_until(lambda: run(
            "snapshot", server.data_dir / "version-2/tree.db")[0] == OK)
        server.stop()
    return server.data_dir


def test_checkpoint(with_checkpoint):
    tree = with_checkpoint / "version-2/tree.db"
    before = files(with_checkpoint)
    code, text = run("check", with_checkpoint)
    assert code == OK, text
    assert f"{tree}: sound, zxid 0x" in text
    assert "A start would work, from the checkpoint of zxid 0x" in text
    assert files(with_checkpoint) == before
    body = bytearray(tree.read_bytes())
    body[4096:8192] = bytes(4096)
    tree.write_bytes(body)
    code, text = run("check", with_checkpoint)
    assert code == DAMAGED
    assert f"{tree}: DAMAGED: " in text
    assert "A start would be REFUSED: " in text
    assert "Restore the folder from a copy; if " in text
    assert "member" not in text  # It has no others
    assert ("A start without the checkpoint would work, from an empty state "
            "and 21 transactions") in text


@pytest.mark.parametrize("layout", [0, 1])
def test_checkpoint_of_another_layout(with_checkpoint, tmp_path, layout):
    tree = with_checkpoint / "version-2/tree.db"
    with contextlib.closing(sqlite3.connect(tree)) as db:
        db.execute(f"PRAGMA user_version = {layout}")
    before = files(with_checkpoint)
    why = (f"another version of Paddock wrote {tree}: its layout is {layout}, "
           "and this one knows 2")
    server = servers.Paddock(data_dir=with_checkpoint.parent)
    server.launch()
    assert server.process.wait(30) == DATA_FOLDER
    assert why in server.log()
    code, text = run("check", with_checkpoint)
    assert code == DATA_FOLDER
    assert f"{tree}: CANNOT BE USED: {why}" in text
    assert f"A start would be REFUSED: {why}" in text
    for words in (["snapshot", tree], ["export", with_checkpoint],
                  ["import", with_checkpoint, tmp_path / "new"],
                  ["diff", with_checkpoint, with_checkpoint]):
        code, text = run(*words)
        assert code == DATA_FOLDER, words
        assert why in text
    assert files(with_checkpoint) == before


def test_checkpoint_alone(with_checkpoint, tmp_path):
    for log in log_files(with_checkpoint):
        log.unlink()
    code, text = run("check", with_checkpoint)
    assert code == OK, text
    assert "and 0 transactions of the log after it" in text
    code, text = run("export", with_checkpoint)
    assert code == OK, text
    for snapshot in (with_checkpoint / "version-2").glob("snapshot.*"):
        snapshot.unlink()
    for tool in ("import", "diff"):
        code, text = run(tool, with_checkpoint, tmp_path / "new")
        assert code == OK, text
    code, text = run("import", tmp_path / "new", with_checkpoint)
    assert code == DATA_FOLDER
    assert "name another folder" in text


def test_folder_of_a_server_that_was_killed(tmp_path):
    with servers.Paddock({"checkpoint.changes": 1}, data_dir=tmp_path) as server:
        tree = server.data_dir / "version-2/tree.db"
        with raw.connect(server.port) as conn:
            for i in range(20):
                conn.create(f"/{i}", b"data" * 100)
            servers.wait_until(lambda: run("snapshot", tree)[0] == OK)
            server.kill()
    before = files(server.data_dir)
    code, text = run("check", server.data_dir)
    assert code == OK, text
    assert f"{tree}: sound, zxid 0x" in text
    assert "the log after it: zxid 0x15, " in text
    after = files(server.data_dir)
    assert after.keys() == before.keys()
    # SQLite's index of its -wal file is no data.
    assert {path for path in after if after[path] != before[path]} <= {
        tree.with_name("tree.db-shm")}


def test_epochs_of_a_member(data_dir):
    current, accepted = (data_dir / "version-2" / name
                         for name in ("currentEpoch", "acceptedEpoch"))

    def check(code, message):
        found, text = run("check", data_dir)
        assert found == code, text
        assert message in text
        assert "A start would work" in text  # No ensemble yet

    current.write_text("3")
    accepted.write_text("5")
    check(OK, "Of an ensemble: currentEpoch 3, acceptedEpoch 5\n")
    accepted.write_text("2")
    check(DAMAGED, "acceptedEpoch is 2, which is below currentEpoch 3\n")
    accepted.write_text("2x")
    check(DAMAGED, f"{accepted} holds no epoch: allowed is a number from 0 to ")
    accepted.unlink()
    current.unlink()
    assert "ensemble" not in run("check", data_dir)[1]


def test_java_member_goes_on_with_the_epochs_of_an_import(data_dir, tmp_path):
    missing = servers.java_available("3.9")
    if missing:
        pytest.skip(missing)
    (data_dir / "version-2/currentEpoch").write_text("3\n")
    (data_dir / "version-2/acceptedEpoch").write_text("5\n")
    imported = tmp_path / "home/data"
    code, text = run("import", data_dir, imported)
    assert code == OK, text
    (imported / "myid").write_text("1")
    peers = f"127.0.0.1:{servers.free_port()}:{servers.free_port()}"
    config = {"standaloneEnabled": "false", "server.1": peers,
              "initLimit": "10", "syncLimit": "5"}
    with servers.JavaZooKeeper(config, version="3.9",
                               data_dir=tmp_path / "home") as java:
        with raw.connect(java.port) as conn:
            assert conn.exists("/1-3")
        java.stop()
    code, text = run("check", imported)
    assert code == OK, text
    assert "Of an ensemble: currentEpoch 6, acceptedEpoch 6\n" in text


def test_epochs_older_than_the_history(tmp_path):
    version_dir = tmp_path / "version-2"
    version_dir.mkdir()
    payload = struct.pack(">qiqqii", 0x1234, 1, 7 << 32 | 1, 1700000000000,
                          -10, 5000)
    (version_dir / f"log.{7 << 32 | 1:x}").write_bytes(
        b"ZKLG" + struct.pack(">iq", 2, 0) +
        struct.pack(">qi", zlib.adler32(payload), len(payload)) + payload +
        b"B")
    assert run("check", tmp_path)[0] == OK
    (version_dir / "currentEpoch").write_text("6")
    (version_dir / "acceptedEpoch").write_text("7")
    code, text = run("check", tmp_path)
    assert code == DAMAGED
    assert ("currentEpoch is 6, but the last transaction, 0x700000001, is of "
            "epoch 7") in text
    (version_dir / "currentEpoch.tmp").write_text("7")  # Its rename was lost
    code, text = run("check", tmp_path)
    assert code == OK, text
    assert run("import", tmp_path, tmp_path / "new")[0] == OK
    assert (tmp_path / "new/version-2/currentEpoch").read_text() == "7"


def test_folder_of_a_running_server(tmp_path):
    with servers.Paddock(data_dir=tmp_path) as server:
        raw.connect(server.port).create("/a")
        code, text = run("check", server.data_dir)
        assert code == FOLDER_BUSY
        assert f"pid {server.pid}" in text


def test_logs_in_a_folder_of_their_own(data_dir, tmp_path):
    logs = tmp_path / "logs/version-2"
    logs.mkdir(parents=True)
    assert run("export", data_dir)[0] == OK
    for log in log_files(data_dir):
        log.rename(logs / log.name)
    code, text = run("check", data_dir)
    assert code == OK
    assert "There is no transaction log in" in text
    code, text = run("check", "--log-dir", tmp_path / "logs", data_dir)
    assert code == OK, text
    assert f"{logs}/log.7: sound, " in text
    assert "There is no" not in text


def test_wrong_arguments(tmp_path):
    for wrong in ([], ["a", "b"], ["--unknown", "a"], ["--cut-damage", "a"]):
        assert run("check", *wrong)[0] == USAGE
    code, text = run("check", "--help")
    assert code == OK
    assert text.startswith("usage: paddock check ")
    code, text = run("check", tmp_path / "missing")
    assert code == DATA_FOLDER
    assert f"{tmp_path}/missing is not a data folder" in text
    assert "autocreate" not in text
    (tmp_path / "version-2").mkdir()
    assert run("check", tmp_path)[0] == DATA_FOLDER


@pytest.mark.parametrize("compression", ["", "gz", "snappy"])
def test_folder_of_a_java_server(tmp_path, compression):
    missing = servers.java_available("3.9")
    if missing:
        pytest.skip(missing)
    properties = {"zookeeper.snapCount": "40", "zookeeper.preAllocSize": "64",
                  "zookeeper.jmx.log4j.disable": "true"}
    if compression:
        properties["zookeeper.snapshot.compression.method"] = compression
    java = servers.JavaZooKeeper(version="3.9", data_dir=tmp_path,
                                 java_properties=properties)
    with java:
        with raw.connect(java.port) as conn:
            for i in range(200):
                conn.create(f"/{i}", b"data")
        java.kill()
    data_dir = java.data_dir
    logs = log_files(data_dir)
    before = files(data_dir)
    assert len(logs) > 1
    assert zxids(data_dir) == list(range(1, 202))
    snapshots = sorted((data_dir / "version-2").glob("snapshot.*"),
                       key=lambda path: int(path.name.split(".")[1], 16))
    # The one that Java was writing when it was killed, if it was.
    torn = run("snapshot", snapshots[-1])[0] == DAMAGED
    code, text = run("check", data_dir)
    assert code == (DAMAGED if torn else OK), text
    assert "A start would work, " in text
    assert "zxid 0xc9, " in text
    assert ("Nothing is lost" in text) == torn
    for snapshot in snapshots[:-1] if torn else snapshots:
        (found,) = json_lines("snapshot", "--json", snapshot)
        assert found["zxid"] == "0x" + snapshot.name.split(".")[1]
    assert run("import", data_dir, tmp_path / "new")[0] == OK
    code, text = run("diff", data_dir, tmp_path / "new")
    assert code == OK, text
    assert files(data_dir) == before
    for snapshot in snapshots:
        snapshot.unlink()
    change_byte(logs[0], record_offsets(logs[0])[2] + 40)
    code, text = run("check", data_dir)
    assert code == DAMAGED
    assert "after 0x2: " in text
    # Those that share the file with the damage, and all later ones.
    assert "198 intact transactions behind it (0x4 to 0xc9)" in text
    code, text = run("check", "--repair", "--cut-damage", data_dir)
    assert code == OK, text
    assert zxids(data_dir) == [1, 2]
