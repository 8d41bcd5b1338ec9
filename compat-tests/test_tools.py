"""`paddock export` and `paddock import`: what they write, say and end with."""

import gzip
import json
import os
import re
import shutil
import subprocess

import pytest

import raw
import servers
import snapshots

pytestmark = pytest.mark.skipif(
    os.environ.get("PADDOCK_TEST_SERVER", "paddock") != "paddock",
    reason="states what Paddock's tools do")

OK, USAGE, DATA_FOLDER, FOLDER_BUSY, DAMAGED = 0, 2, 3, 4, 7


def run(*arguments):
    """Runs paddock to its end; returns its exit code and all it printed."""
    done = subprocess.run([servers.PADDOCK_BIN, *map(str, arguments)],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=60)
    return done.returncode, done.stdout


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A dataDir that Paddock left, with a session and two nodes."""
    home = tmp_path_factory.mktemp("filled")
    with servers.Paddock(data_dir=home) as server:
        with raw.connect(server.port) as conn:
            conn.create("/a", b"text")
            conn.create("/a/mine", b"", raw.EPHEMERAL)
        server.stop()
    return home / "data"


@pytest.fixture
def data_dir(filled, tmp_path):
    return shutil.copytree(filled, tmp_path / "data")


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*")
            if path.is_file() and path.name != "paddock.lock"}


def assert_holds_all(path):
    sessions, nodes = snapshots.read(path)
    assert len(sessions) == 1
    assert nodes.keys() == {b"", b"/a", b"/a/mine", b"/zookeeper",
                            b"/zookeeper/quota", b"/zookeeper/config"}
    assert nodes[b"/a"][0] == b"text"


def test_export_in_place(data_dir):
    code, text = run("export", data_dir)
    assert code == OK, text
    path = data_dir / "version-2/snapshot.3"
    assert re.search(rf"^{path}: zxid 0x3, digest 0x[0-9a-f]+, 6 znodes, "
                     "1 sessions$", text, re.M)
    assert_holds_all(path)
    assert run("export", data_dir)[0] == OK  # Starts from it, and replaces it
    assert_holds_all(path)


def test_export_elsewhere_leaves_the_folder_as_it_is(data_dir, tmp_path):
    (data_dir / "version-2/acceptedEpoch").write_text("7")
    before = files(data_dir)
    code, text = run("export", "--to", tmp_path / "to", data_dir)
    assert code == OK, text
    assert files(data_dir) == before
    assert_holds_all(tmp_path / "to/version-2/snapshot.3")
    assert (tmp_path / "to/version-2/acceptedEpoch").read_text() == "7"
    code, text = run("export", "--to", tmp_path / "to", data_dir)
    assert code == DATA_FOLDER
    assert "name another folder" in text


def test_import_makes_a_folder_and_changes_nothing_else(data_dir, tmp_path):
    before = files(data_dir)
    code, text = run("import", data_dir, tmp_path / "new")
    assert code == OK, text
    assert files(data_dir) == before
    assert_holds_all(tmp_path / "new/version-2/snapshot.3")
    code, text = run("import", data_dir, tmp_path / "new")
    assert code == DATA_FOLDER
    assert "name another folder" in text


def test_folder_that_an_import_did_not_finish(data_dir, tmp_path):
    new = tmp_path / "new"
    (data_dir / "version-2/currentEpoch").write_text("what?")
    code, text = run("import", data_dir, new)
    assert code == DAMAGED
    assert "currentEpoch holds no epoch: allowed is " in text
    (data_dir / "version-2/currentEpoch").unlink()
    for words in (["import", data_dir, new], ["export", "--to", new, data_dir],
                  ["check", new], ["export", new], ["diff", new, data_dir],
                  ["import", new, tmp_path / "third"]):
        code, text = run(*words)
        assert code == DATA_FOLDER, words
        assert f"{new}/version-2 was not finished by" in text
    server = servers.Paddock({"dataDir": new}, data_dir=tmp_path / "home")
    server.launch()
    assert server.process.wait(30) == DATA_FOLDER
    assert f"{new}/version-2 was not finished by" in server.log()
    shutil.rmtree(new)
    assert run("import", data_dir, new)[0] == OK
    assert not (new / "version-2/unfinished").exists()


@pytest.mark.parametrize("tool", ["check", "diff", "export", "import", "log",
                                  "snapshot"])
def test_complaints_begin_with_the_tool(tool, tmp_path):
    missing = tmp_path / "missing"
    for words in ([], ["--unknown"], ["--top"], ["--help=x"],
                  [missing, tmp_path / "new"], [missing]):
        code, text = run(tool, *words)
        assert code in (USAGE, DATA_FOLDER)
        assert text.startswith(f"paddock {tool}: ")
        assert str(missing) in text or code == USAGE
        assert "its name says" not in text


@pytest.mark.parametrize("words", [["check"], ["export"], ["import"],
                                   ["export", "--to", "new"]])
def test_missing_log_dir(words, data_dir, tmp_path):
    before = files(data_dir)
    words = [*words, "--log-dir", tmp_path / "missing", data_dir]
    code, text = run(*words, *[tmp_path / "new"] * (words[0] == "import"))
    assert code == DATA_FOLDER
    assert f"{tmp_path}/missing/version-2" in text
    assert "autocreate" not in text
    assert files(data_dir) == before


def test_logs_in_a_folder_of_their_own(data_dir, tmp_path):
    logs = tmp_path / "logs/version-2"
    logs.mkdir(parents=True)
    for log in (data_dir / "version-2").glob("log.*"):
        log.rename(logs / log.name)
    for words in (["export", data_dir], ["import", data_dir, tmp_path / "new"]):
        code, text = run(*words)
        assert code == DATA_FOLDER
        assert "--log-dir" in text
    for words in (["export", data_dir], ["import", data_dir, tmp_path / "new"]):
        code, text = run(words[0], "--log-dir", tmp_path / "logs", *words[1:])
        assert code == OK, text
        assert "note" not in text
    assert_holds_all(data_dir / "version-2/snapshot.3")
    # A snapshot alone is a history too; but was it all?
    code, text = run("import", data_dir, tmp_path / "snapshot-only")
    assert code == OK, text
    assert "note: there is no transaction log" in text


def test_output_that_cannot_be_written(data_dir, tmp_path):
    assert run("export", "--to", tmp_path / "to", data_dir)[0] == OK
    (log,) = log_files(data_dir)
    for words in (["log", log], ["snapshot", tmp_path / "to/version-2/snapshot.3"],
                  ["check", data_dir], ["diff", data_dir, data_dir],
                  ["export", data_dir], ["import", data_dir, tmp_path / "new"]):
        with open("/dev/full", "w") as full:
            done = subprocess.run([servers.PADDOCK_BIN, *words], stdout=full,
                                  stderr=subprocess.PIPE, text=True, timeout=60)
        assert done.returncode == 1, words
        assert (f"paddock {words[0]}: not all of the output could be written"
                in done.stderr)


def test_folder_of_a_running_server(tmp_path):
    with servers.Paddock(data_dir=tmp_path) as server:
        raw.connect(server.port).create("/a")
        for words in ([], ["--to", tmp_path / "to"]):
            code, text = run("export", *words, server.data_dir)
            assert code == FOLDER_BUSY
            assert str(server.data_dir) in text


@pytest.mark.parametrize("tool", ["export", "import"])
def test_damage(tool, data_dir, tmp_path):
    target = [tmp_path / "new"] if tool == "import" else []
    (data_dir / "version-2/snapshot.9").write_bytes(b"cut short")
    code, text = run(tool, data_dir, *target)
    assert code == DAMAGED
    assert "snapshot.9 is damaged" in text.splitlines()[-1]
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("tool, missing", [("export", 1), ("import", 2)])
def test_wrong_arguments(tool, missing, tmp_path):
    code, text = run(tool, "--help")
    assert code == OK
    assert text.startswith(f"usage: paddock {tool} ")
    for wrong in ([], ["a", "b", "c"], ["--unknown", "a"], ["--log-dir"]):
        code, text = run(tool, *wrong)
        assert code == USAGE
        assert text
    paths = [tmp_path / str(i) for i in range(missing)]
    code, text = run(tool, *paths)
    assert code == DATA_FOLDER
    assert f"{paths[0]} is not a data folder" in text
    assert not paths[-1].exists()


# --- log ---

def json_lines(*words):
    """The objects that a tool prints, which must end well."""
    done = subprocess.run([servers.PADDOCK_BIN, *map(str, words)], text=True,
                          capture_output=True, timeout=60)
    assert done.returncode == OK, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def log_files(data_dir):
    return sorted((data_dir / "version-2").glob("log.*"),
                  key=lambda path: int(path.suffix[1:], 16))


@pytest.fixture(scope="module")
def varied(tmp_path_factory):
    """A dataDir with transactions of many kinds; where it is, its session."""
    home = tmp_path_factory.mktemp("varied")
    with servers.Paddock(data_dir=home) as server:
        with raw.connect(server.port) as conn:
            session = conn.session
            conn.create("/a", b"text")
            conn.create("/a/b", bytes([0, 255]) * 1000)
            conn.create("/ab", "line\n\u20ac".encode())
            conn.create("/a/mine", b"", raw.EPHEMERAL)
            assert conn.call(raw.SET, raw.set_body("/a", b"new")).err == 0
            assert conn.call(raw.MULTI, raw.multi_body([
                (raw.CREATE, raw.create_body("/m")),
                (raw.DELETE, raw.delete_body("/ab"))])).err == 0
            assert conn.call(raw.CLOSE).err == 0
        server.stop()
    return home / "data", session


def test_log_prints_every_transaction(varied):
    data_dir, session = varied
    code, text = run("log", *log_files(data_dir))
    assert code == OK, text
    start = r"^0x{} \d{{4}}-\d\d-\d\dT[\d:.]+Z session 0x" + f"{session:x}"
    whats = ["createSession timeout 10000 ms", "create2? /a 4 bytes",
             "create2? /a/b 2000 bytes", "create2? /ab 8 bytes",
             "create2? /a/mine ephemeral 0 bytes",
             "setData /a version 1 3 bytes",
             "multi: create2? /m 0 bytes; delete /ab",
             "closeSession: delete /a/mine"]
    lines = text.splitlines()
    assert len(lines) == len(whats)
    for zxid, (line, what) in enumerate(zip(lines, whats), 1):
        assert re.search(start.format(f"{zxid:x}") + rf" cxid -?\d+ {what}$",
                         line), line


def test_log_filters(varied):
    data_dir, session = varied
    logs = log_files(data_dir)

    def zxids(*words):
        return [int(line["zxid"], 16)
                for line in json_lines("log", "--json", *words, *logs)]

    everything = [1, 2, 3, 4, 5, 6, 7, 8]
    assert zxids() == everything
    assert zxids("--path", "/a") == [2, 3, 5, 6, 8]
    assert zxids("--path", "/ab/") == [4, 7]
    assert zxids("--path", "/") == everything[1:]
    assert zxids("--session", f"{session:x}") == everything
    assert zxids("--session", "0x1") == []
    assert zxids("--from", "3", "--to", "0x5") == [3, 4, 5]
    assert zxids("--since", "2020-01-01") == everything
    assert zxids("--until", "2020-01-01T00:00:00Z") == []
    times = [line["time"] for line in json_lines("log", "--json", *logs)]
    assert zxids("--since", times[3], "--until", times[3]) == [
        i for i, time in enumerate(times, 1) if time == times[3]]


def test_log_data(varied):
    data_dir, _ = varied
    found = {operation["path"]: operation
             for line in json_lines("log", "--json", "--data",
                                    *log_files(data_dir))
             for operation in line["operations"]
             if operation["type"].startswith("create") and "path" in operation}
    assert found["/a"]["data"] == "text"
    assert found["/ab"]["data"] == "line\n\u20ac"
    assert found["/a/b"]["data_hex"] == "00ff" * 512
    assert found["/a/b"]["data_cut"] is True
    assert found["/a/b"]["size"] == 2000
    code, text = run("log", "--data", *log_files(data_dir))
    assert code == OK
    assert ' /a 4 bytes "text"\n' in text
    assert ' /ab 8 bytes "line\\n\u20ac"\n' in text
    assert f" 0x{'00ff' * 512} and 976 bytes more\n" in text


def record_offsets(log):
    return [line["offset"] for line in json_lines("log", "--json", log)]


def test_log_torn_and_damaged(varied, tmp_path):
    log = tmp_path / "log.1"
    body = log_files(varied[0])[0].read_bytes()
    log.write_bytes(body)
    offsets = record_offsets(log)
    log.write_bytes(body[:offsets[-1] + 20])
    code, text = run("log", log)
    assert code == OK
    assert len(text.splitlines()) == 8  # Seven transactions, and the end
    assert (f"{log} has a torn end of 20 bytes at offset {offsets[-1]} (record "
            "cut short), after zxid 0x7") in text
    damaged = bytearray(body)
    damaged[offsets[3] + 40] ^= 1
    log.write_bytes(damaged)
    code, text = run("log", log)
    assert code == DAMAGED
    assert len(text.splitlines()) == 4
    assert f"{log} is damaged at offset {offsets[3]} " in text
    assert f"follow from offset {offsets[4]} (zxid 0x5)" in text


def test_log_wrong_arguments(varied, tmp_path):
    (log,) = log_files(varied[0])
    for wrong in (["--session", "x"], ["--from", ""], ["--since", "today"],
                  ["--path", "a"], ["--unknown"]):
        code, text = run("log", *wrong, log)
        assert code == USAGE, text
        assert text
    assert run("log")[0] == USAGE
    code, text = run("log", "--help")
    assert code == OK
    assert text.startswith("usage: paddock log ")
    code, text = run("log", tmp_path / "log.1", log)
    assert code == DATA_FOLDER
    assert str(tmp_path / "log.1") in text
    assert "closeSession" in text  # The other file is printed
    (tmp_path / "log.2").write_bytes(b"something else, and long enough")
    code, text = run("log", tmp_path / "log.2")
    assert code == DAMAGED
    assert "log.2 is not a ZooKeeper transaction log" in text


# --- snapshot ---

def test_snapshot_says_what_is_in_it(varied, tmp_path):
    path = tmp_path / "to/version-2/snapshot.8"
    assert run("export", "--to", tmp_path / "to", varied[0])[0] == OK
    (found,) = json_lines("snapshot", "--json", "--top", 2, path)
    digest = found.pop("digest")
    assert found == {
        "file": str(path), "zxid": "0x8", "znodes": 7, "ephemerals": 0,
        "containers": 0, "ttl_nodes": 0, "sessions": 0, "data_bytes": 2003,
        "acl_lists": found["acl_lists"], "findings": [],
        "by_znodes": [
            {"path": "/zookeeper", "znodes": 3, "data_bytes": 0},
            {"path": "/a", "znodes": 2, "data_bytes": 2003}],
        "by_data_bytes": [
            {"path": "/a", "znodes": 2, "data_bytes": 2003},
            {"path": "/a/b", "znodes": 1, "data_bytes": 2000}]}
    code, text = run("snapshot", path)
    assert code == OK
    assert f"\ndigest      {digest}\nznodes      7\n" in text
    assert re.search(r"^ +2 +2003  /a$", text, re.M)
    assert text.count("/a/b") == 1  # It has no subtree


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_snapshot_damaged(data_dir, tmp_path, ending):
    assert run("export", data_dir)[0] == OK
    body = (data_dir / "version-2/snapshot.3").read_bytes()
    pack = gzip.compress if ending else bytes
    path = tmp_path / f"snapshot.3{ending}"
    path.write_bytes(pack(body))
    assert run("snapshot", path)[0] == OK
    for wrong in (pack(body)[:-10], pack(body[:60] + b"?" + body[61:]), b""):
        path.write_bytes(wrong)
        code, text = run("snapshot", path)
        assert code == DAMAGED
        assert f"{path} is damaged: " in text


def test_snapshot_of_a_checkpoint(tmp_path):
    with servers.Paddock({"checkpoint.changes": 1}, data_dir=tmp_path) as server:
        version_dir = server.data_dir / "version-2"
        with raw.connect(server.port) as conn:
            conn.create("/a", b"text")

        def has_it():  # It may be read while a server writes it
            code, text = run("snapshot", "--json", version_dir / "tree.db")
            return code == OK and int(json.loads(text)["zxid"], 16) >= 2
        servers.wait_until(has_it, what="a checkpoint of the znode")
        server.stop()
    before = files(server.data_dir)
    (found,) = json_lines("snapshot", "--json", version_dir / "tree.db")
    assert files(server.data_dir) == before  # SQLite would add some
    assert int(found["zxid"], 16) >= 1
    assert found["znodes"] >= 4
    body = bytearray((version_dir / "tree.db").read_bytes())
    body[4096:8192] = bytes(4096)
    (version_dir / "tree.db").write_bytes(body)
    code, text = run("snapshot", version_dir / "tree.db")
    assert code == DAMAGED
    assert "tree.db is damaged" in text


def test_snapshot_wrong_arguments(tmp_path):
    for wrong in ([], ["a", "b"], ["--top", "x", "a"], ["--top"]):
        assert run("snapshot", *wrong)[0] == USAGE
    code, text = run("snapshot", "--help")
    assert code == OK
    assert text.startswith("usage: paddock snapshot ")
    for name in ("snapshot.1", "tree.db", "other"):
        code, text = run("snapshot", tmp_path / name)
        assert code == DATA_FOLDER
        assert str(tmp_path / name) in text


# --- diff ---

DIFFER = 1


@pytest.fixture
def changed_dir(data_dir, tmp_path):
    """`data_dir`, with changes that a server made."""
    home = tmp_path / "changed"
    shutil.copytree(data_dir, home / "data")
    with servers.Paddock(data_dir=home) as server:
        with raw.connect(server.port) as conn:
            conn.create("/b")
            assert conn.call(raw.SET, raw.set_body("/a", b"other")).err == 0
            assert conn.call(raw.DELETE, raw.delete_body("/a/mine")).err == 0
        server.stop()
    return home / "data"


def test_diff_of_equal_states(data_dir, tmp_path):
    assert run("export", "--to", tmp_path / "to", data_dir)[0] == OK
    before = files(data_dir)
    snapshot = tmp_path / "to/version-2/snapshot.3"
    for other in (data_dir, tmp_path / "to", snapshot):
        if other != data_dir:
            code, text = run("diff", data_dir, other)
            assert code == OK, text
            assert text.endswith("no difference\n")
    assert files(data_dir) == before


def test_diff_names_what_differs(data_dir, changed_dir):
    code, text = run("diff", "--ignore-times", "--data", data_dir, changed_dir)
    assert code == DIFFER
    lines = [line for line in text.splitlines() if line[:2] in ("- ", "+ ", "~ ")]
    root, a, mine, b, session = lines
    assert re.fullmatch(r"~ /: pzxid 0x2 \| 0x5, cversion 1 \| 2", root), root
    assert re.fullmatch(r'~ /a: data "text" \| "other", mzxid 0x2 \| 0x6, pzxid '
                        r"0x3 \| 0x7, version 0 \| 1", a), a
    assert mine == "- /a/mine"
    assert b == "+ /b"
    assert re.fullmatch(r"\+ session 0x\w+", session)
    assert "1 only in A, 2 only in B, 2 changed" in text
    code, text = run("diff", data_dir, changed_dir)
    assert code == DIFFER
    assert "data 4 bytes | 5 bytes" in text
    assert "mtime 20" in text


def test_diff_wrong_arguments(data_dir, tmp_path):
    for wrong in ([], [data_dir], [data_dir] * 3, ["--log-dir-a"]):
        assert run("diff", *wrong)[0] == USAGE
    code, text = run("diff", "--help")
    assert code == OK
    assert text.startswith("usage: paddock diff ")
    assert run("diff", data_dir, tmp_path / "missing")[0] == DATA_FOLDER
    assert run("diff", tmp_path, data_dir)[0] == DATA_FOLDER
    (data_dir / "version-2/snapshot.9").write_bytes(b"cut short")
    assert run("diff", data_dir, data_dir)[0] == DAMAGED
    with servers.Paddock(data_dir=tmp_path / "used") as server:
        assert run("diff", server.data_dir, data_dir)[0] == FOLDER_BUSY
