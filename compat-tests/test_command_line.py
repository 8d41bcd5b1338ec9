"""The program itself: its arguments, exit codes and what it says on failure."""

import os
import pathlib
import re
import resource
import signal
import socket
import subprocess

import pytest

import servers

pytestmark = pytest.mark.skipif(
    os.environ.get("PADDOCK_TEST_SERVER", "paddock") != "paddock",
    reason="states what Paddock's command line does")

OK, USAGE, DATA_FOLDER, FOLDER_BUSY, PORT_IN_USE, LISTEN_FAILED, DAMAGED = (
    0, 2, 3, 4, 5, 6, 7)


def run(*arguments):
    """Runs paddock to its end; returns its exit code and all it printed."""
    done = subprocess.run([servers.PADDOCK_BIN, *map(str, arguments)],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=60)
    return done.returncode, done.stdout


@pytest.fixture
def config(tmp_path):
    """Writes a zoo.cfg from keys, over working ones, and returns its path."""
    def write(**keys):
        path = tmp_path / "zoo.cfg"
        keys = {"dataDir": tmp_path / "data", "clientPort": servers.free_port(),
                "clientPortAddress": "127.0.0.1"} | keys
        path.write_text("".join(f"{k}={v}\n" for k, v in keys.items()))
        return path
    return write


@pytest.fixture
def server():
    with servers.Paddock() as running:
        yield running


def test_help_names_every_exit_code_as_the_readme_does():
    code, text = run("--help")
    assert code == OK
    readme = (servers.ROOT / "README.md").read_text()
    in_help = re.findall(r"^  (\d)  (.+)$", text, re.M)
    assert len(in_help) == 9
    assert in_help == re.findall(r"^\| (\d) \| (.+) \|$", readme, re.M)


def test_version():
    code, text = run("--version")
    assert code == OK
    assert re.fullmatch(r"paddock \d+\.\d+\.\d+, speaks as ZooKeeper 3\..*\n", text)


@pytest.mark.parametrize("arguments", [[], ["--nonsense"], ["a", "b"],
                                       ["--version", "a"], ["--check"]])
def test_wrong_arguments(arguments):
    code, text = run(*arguments)
    assert code == USAGE
    assert len(text.splitlines()) == 1


def test_config_that_cannot_be_read(tmp_path):
    for path in (tmp_path / "none", tmp_path):
        code, text = run(path)
        assert code == USAGE
        assert text.count("\n") == 1 and f"cannot read {path}" in text


def test_wrong_value(config):
    path = config(tickTime="fast")
    code, text = run(path)
    assert code == USAGE
    assert f"{path}:4: tickTime: 'fast' is not allowed; allowed: a whole" in text
    assert text.count("\n") == 1
    assert run("--check", path)[0] == USAGE


def test_check_shows_warnings(config):
    path = config(tickTme=1)
    code, text = run("--check", path)
    assert code == OK
    assert f"{path}:4: unknown key 'tickTme', ignored; did you mean 'tickTime'?" in text


def test_sample_configuration_is_right():
    assert run("--check", servers.ROOT / "conf/zoo.cfg") == (
        OK, f"{servers.ROOT}/conf/zoo.cfg is right\n")


def test_unknown_key_is_a_warning_of_a_running_server():
    with servers.Paddock({"tickTme": 1}) as server:
        assert "did you mean 'tickTime'?" in server.log()


def test_port_in_use(config, server):
    path = config(clientPort=server.port)
    code, text = run(path)
    assert code == PORT_IN_USE
    assert f"{path}:2: clientPort: " in text.splitlines()[-1]
    assert str(server.port) in text.splitlines()[-1]


def test_address_of_another_machine(config):
    # 192.0.2.0/24 is for documentation: no machine has it.
    path = config(clientPortAddress="192.0.2.1")
    code, text = run(path)
    assert code == LISTEN_FAILED
    assert f"{path}:3: clientPortAddress: " in text.splitlines()[-1]
    assert "192.0.2.1" in text.splitlines()[-1]


def test_data_folder_in_use(config, server):
    path = config(dataDir=server.data_dir)
    code, text = run(path)
    assert code == FOLDER_BUSY
    assert f"{path}:1: dataDir: " in text.splitlines()[-1]
    assert str(server.data_dir) in text.splitlines()[-1]
    assert "Mode:" in servers.four_letter_word(server.port, "srvr")


def test_data_folder_that_cannot_be_used(config, tmp_path):
    (tmp_path / "file").write_text("")
    missing = tmp_path / "missing"
    for keys in ({"dataDir": tmp_path / "file"},
                 {"dataDir": missing, "datadir.autocreate": "false"}):
        path = config(**keys)
        code, text = run(path)
        assert code == DATA_FOLDER
        assert f"{path}:1: dataDir: " in text.splitlines()[-1]
        assert str(keys["dataDir"]) in text.splitlines()[-1]
    assert not missing.exists()


def test_damaged_log(config, tmp_path):
    folder = tmp_path / "data/version-2"
    folder.mkdir(parents=True)
    (folder / "log.1").write_bytes(b"ZKLG" + bytes(4) + b"\1" * 4096)
    code, text = run(config())
    assert code == DAMAGED
    assert "log.1" in text.splitlines()[-1]


def test_sigterm_is_a_clean_stop_and_the_port_is_free_at_once(server):
    for end in (signal.SIGTERM, signal.SIGINT):
        with socket.create_connection((server.host, server.port)):
            server.process.send_signal(end)
            assert server.process.wait(20) == OK
        server.start()


def test_an_idle_server_that_is_stopped_was_run_all_the_time(server):
    with socket.create_connection((server.host, server.port), 1.5) as silent:
        with pytest.raises(TimeoutError):
            silent.recv(1)
        server.stop()
    assert "not run" not in server.log()


def test_takes_as_many_open_files_as_the_hard_limit_grants():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = min(soft, 256)
    resource.setrlimit(resource.RLIMIT_NOFILE, (few, hard))  # For its child
    try:
        with servers.Paddock({"4lw.commands.whitelist": "mntr, srvr"}) as server:
            mntr = servers.four_letter_word(server.port, "mntr")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert f"\nzk_max_file_descriptor_count\t{hard}\n" in mntr


def test_port_0_is_a_free_one_that_the_log_names(tmp_path):
    path = tmp_path / "zoo.cfg"
    path.write_text(f"dataDir={tmp_path}/data\nclientPort=0\n"
                    f"clientPortAddress=127.0.0.1\nlog.file={tmp_path}/log\n")
    process = subprocess.Popen([servers.PADDOCK_BIN, path],
                               stderr=subprocess.DEVNULL)
    try:
        log = pathlib.Path(tmp_path / "log")
        found = servers.wait_until(
            lambda: log.exists() and
            re.search(r"serving clients on 127\.0\.0\.1:(\d+)", log.read_text()))
        assert "Mode:" in servers.four_letter_word(int(found[1]), "srvr")
    finally:
        process.terminate()
        assert process.wait(20) == OK
