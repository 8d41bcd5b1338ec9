"""What a running server makes of its folders: rotation, purge, where files are,
and what a start takes of them."""

import pytest

import conftest
import raw
import servers
from test_tools import DAMAGED, OK, log_files, record_offsets, run

pytestmark = pytest.mark.skipif(conftest.KIND != "paddock",
                                reason="of Paddock's own files")

NODES = 300
TXNS_OF_A_LOG = 20


def names(logs):
    return sorted((path.name for path in (logs / "version-2").glob("log.*")),
                  key=lambda name: int(name[4:], 16))


def test_rotation_and_purge_with_logs_in_another_folder(tmp_path):
    logs = tmp_path / "logs"
    config = {"dataLogDir": logs, "snapCount": TXNS_OF_A_LOG,
              "checkpoint.changes": 170, "preAllocSize": 64,
              "autopurge.purgeInterval": 1, "autopurge.snapRetainCount": 3}
    server = servers.Paddock(config, data_dir=tmp_path / "home")
    tree = server.data_dir / "version-2/tree.db"
    with server:
        with raw.connect(server.port) as conn:
            for i in range(NODES):
                conn.create(f"/{i}", b"%d" % i)
            assert conn.call(raw.CLOSE).err == 0
        servers.wait_until(lambda: run("snapshot", tree)[0] == OK)
        server.stop()
        all_logs = [f"log.{zxid:x}"
                    for zxid in range(1, NODES + 3, TXNS_OF_A_LOG)]
        assert names(logs) == all_logs
        # The checkpoint has all of eight logs, of which three are retained.
        server.start()
        servers.wait_until(lambda: "purged 5 log files" in server.log())
        assert names(logs)[:11] == all_logs[5:]
        with raw.connect(server.port) as conn:
            for i in range(NODES):
                assert conn.get(f"/{i}")[0] == b"%d" % i
        server.stop()
        code, text = run("check", "--log-dir", logs, server.data_dir)
        assert code == OK, text
        # Nothing else has what was purged.
        for path in tree.parent.glob("tree.db*"):
            path.rename(tmp_path / path.name)
        server.launch()
        assert server.process.wait(30) == DAMAGED
        assert (f"the transactions before {logs}/version-2/{all_logs[5]} are "
                "missing") in server.log()
        assert names(logs)[:11] == all_logs[5:]


@pytest.mark.parametrize("left", ["cut", "zeros", "garbage"])
def test_start_on_a_torn_tail(tmp_path, left):
    server = servers.Paddock({"preAllocSize": 64}, data_dir=tmp_path)
    with server:
        with raw.connect(server.port) as conn:
            for path in ("/a", "/b", "/torn"):
                conn.create(path, bytes(200))
            server.kill()
        (log,) = log_files(server.data_dir)
        body = log.read_bytes()
        at = record_offsets(log)[-1] + 100
        log.write_bytes(body[:at] + {"cut": b"", "zeros": bytes(5000),
                                     "garbage": b"garbage" * 50}[left])
        server.start()
        assert server.log().count("cutting a torn tail of") == 1
        with raw.connect(server.port) as conn:
            assert conn.exists("/b") and not conn.exists("/torn")
            conn.create("/torn")
        server.stop()
        server.start()
        assert server.log().count("cutting a torn tail of") == 1
        with raw.connect(server.port) as conn:
            assert conn.exists("/torn")
