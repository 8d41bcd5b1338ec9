"""`paddock export` and `paddock import`: what they write, say and end with."""

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
