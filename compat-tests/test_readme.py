"""What README.md says is true: its blocks run, and what it links to is there."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys

import pytest

import raw
import servers

README = (servers.ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.S)
ZKCLI_FOLDER = "/usr/share/zookeeper/bin"

pytestmark = pytest.mark.skipif(
    os.environ.get("PADDOCK_TEST_SERVER", "paddock") != "paddock",
    reason="states what Paddock's README says")


def block(language, first_word):
    found = [text for kind, text in BLOCKS
             if kind == language and text.startswith(first_word)]
    assert len(found) == 1, (language, first_word)
    return found[0]


def run(text, home, port, language="sh"):
    """Runs a block as a reader would, but on a port and a folder of its own."""
    text = text.replace("127.0.0.1:2181", f"127.0.0.1:{port}")
    shell = [sys.executable, "-c"] if language == "python" else ["sh", "-ec"]
    env = os.environ | {"PADDOCK_HOME": str(home), "PADDOCK_PORT": str(port),
                        "PATH": f"{os.environ['PATH']}:{ZKCLI_FOLDER}"}
    done = subprocess.run([*shell, text], cwd=servers.ROOT, env=env,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=280)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture
def quickstart(tmp_path):
    """The quick start's output; its server is ended after the test."""
    port = servers.free_port()
    home = tmp_path / "home"
    try:
        yield lambda: (run(block("sh", "conf/quickstart.sh"), home, port), port, home)
    finally:
        pid_file = home / "paddock.pid"
        if pid_file.exists():
            pid = int(pid_file.read_text())
            os.kill(pid, signal.SIGTERM)
            servers.wait_until(lambda: not os.path.exists(f"/proc/{pid}/exe"))


def test_every_block_is_run_by_a_test():
    assert [(kind, text.split()[0]) for kind, text in BLOCKS] == [
        ("sh", "conf/quickstart.sh"), ("sh", "zkCli.sh"), ("python", "from"),
        ("sh", "tests/run.sh"), ("sh", "sqlite3"), ("sql", "SELECT"),
        ("sql", "SELECT"), ("sql", "SELECT")]


@pytest.mark.timeout(300)  # It may have to build
def test_quick_start_connect_and_stop(quickstart):
    printed, port, home = quickstart()
    assert f"Paddock serves on 127.0.0.1:{port}; its folder is {home}" in printed
    assert f"Connect:  zkCli.sh -server 127.0.0.1:{port}" in printed
    assert (home / "data").is_dir()

    for _ in range(2):  # A reader may well try it again
        assert run(block("python", "from"), home, port, "python") == "b'hello'\n"
    if shutil.which("zkCli.sh", path=ZKCLI_FOLDER):
        listed = run(block("sh", "zkCli.sh"), home, port)
        assert "[greeting, zookeeper]" in listed

    again = quickstart()[0]
    assert f"Paddock runs already, on 127.0.0.1:{port}" in again
    stop = re.search(r"^Stop: +(kill \d+)$", printed, re.M)[1]
    assert stop in again
    run(stop, home, port)

    config = home / "zoo.cfg"  # Its owner may write it in any form
    config.write_text(config.read_text()
                      .replace("clientPort=", " clientPort : ")
                      .replace("clientPortAddress=127.0.0.1",
                               "clientPortAddress=127.0.0.9"))
    started = []
    servers.wait_until(lambda: started.append(quickstart()[0]) or
                       "Paddock serves" in started[-1], 60)
    assert f"Connect:  zkCli.sh -server 127.0.0.9:{port}" in started[-1]


def test_questions_to_a_checkpoint():
    top, ephemerals, private = [text for kind, text in BLOCKS if kind == "sql"]
    with servers.Paddock({"checkpoint.changes": 1}) as server:
        conn = raw.connect(server.port)
        conn.create("/app", b"12345")
        conn.create("/app/e", b"678", raw.EPHEMERAL)
        mine = struct.pack(">ii", 1, 31) + raw.buffer("ip") + raw.buffer("::1")
        reply = conn.call(raw.CREATE, raw.create_body("/mine", b"", acl=mine))
        assert reply.err == 0
        database = f"file:{server.data_dir}/version-2/tree.db?mode=ro"

        def ask(question):
            with contextlib.closing(sqlite3.connect(database, uri=True)) as db:
                return db.execute(question).fetchall()

        def covers_all():
            try:
                return ask("SELECT value FROM state WHERE name = 'zxid'") == [
                    (conn.zxid,)]
            except sqlite3.OperationalError:  # Not there yet
                return False

        servers.wait_until(covers_all)
        assert ask(top)[0] == ("/app", 2, 8)
        assert ask(ephemerals) == [(hex(conn.session), conn.timeout_ms, "/app/e")]
        assert ask(private) == [("/mine", "ip:::1:rwcda")]
        schema = "".join(row[0] for row in ask("SELECT sql FROM sqlite_master "
                                               "WHERE sql IS NOT NULL"))
        for word in ("path", "data", "czxid", "mtime", "owner", "acl"):
            assert word in schema


def test_the_test_command_exists():
    done = subprocess.run([servers.ROOT / block("sh", "tests/run.sh").strip(), "--help"],
                          stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0
    for option in ("--fast", "--full", "NAME"):
        assert f"tests/run.sh {option}" in done.stdout
        assert f"`tests/run.sh {option}`" in README


def test_links_and_named_files_exist():
    links = re.findall(r"\]\((\S+?)\)", README)
    assert len(links) > 5
    for link in links + ["jute", "src/base", "include/paddock", "compat-tests",
                         "tests/tidy_test.cc"]:
        assert (servers.ROOT / pathlib.Path(link)).exists(), link


def test_dependencies_are_those_of_the_build():
    packages = (servers.ROOT / "conf/packages.sh").read_text()
    for name in ("boost", "absl", "ssl", "zlib", "snappy", "fmt", "spdlog", "sqlite"):
        assert name in packages
