"""Java's tools read a log that Paddock wrote, and Paddock reads a Java server's.

Paddock's side is tests/storage/txn_log_tool.cc.
"""

import pathlib
import re
import subprocess

import kazoo.client
import pytest
import servers

TOOL = pathlib.Path(servers.PADDOCK_BIN).parent / "tests" / "txn_log_tool"
TYPES = {"createSession": -10, "closeSession": -11, "create": 1, "create2": 15,
         "delete": 2, "setData": 5, "error": -1, "multi": 14}

pytestmark = pytest.mark.skipif(
    servers.java_available("3.8") is not None,
    reason=servers.java_available("3.8") or "-")


def tool(command, folder):
    return subprocess.run([TOOL, command, folder], check=True, text=True,
                          capture_output=True, timeout=60).stdout


def java_dump(log):
    """What Java's TxnLogToolkit prints of a log file."""
    result = subprocess.run(
        ["java", "-cp", servers.JAVA_38_CLASSPATH,
         "org.apache.zookeeper.server.persistence.TxnLogToolkit", "-d", log],
        text=True, capture_output=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "CRC ERROR" not in result.stdout
    return result.stdout


def client(server):
    made = kazoo.client.KazooClient(hosts=server.address, timeout=20)
    made.start(timeout=30)
    return made


def test_java_tool_prints_our_log(tmp_path):
    tool("write", tmp_path)
    log = tmp_path / "version-2" / "log.1"
    assert log.stat().st_size == 64 << 20  # Padding and all
    lines = java_dump(log)
    assert "txnlog format version 2" in lines
    session = "session 0x100000000000000"
    assert f"{session} cxid 0x1 zxid 0x1 createSession 30000" in lines
    assert f"{session} cxid 0x2 zxid 0x2 create /written,here," in lines
    assert f"{session} cxid 0x3 zxid 0x3 setData /written,by Paddock,1" in lines
    assert "EOF reached after 3 txns." in lines


def test_java_server_starts_on_our_log(tmp_path):
    tool("write", tmp_path / "data")
    java = servers.JavaZooKeeper(
        data_dir=tmp_path,
        java_properties={"zookeeper.snapshot.trust.empty": "true"})
    with java:
        zk = client(java)
        data, stat = zk.get("/written")
        assert (data, stat.version, stat.czxid, stat.mzxid) == (
            b"by Paddock", 1, 2, 3)
        zk.stop()
        zk.close()


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_we_read_the_log_of_a_java_server(tmp_path, end):
    java = servers.JavaZooKeeper(data_dir=tmp_path)
    with java:
        zk = client(java)
        for i in range(50):
            zk.create(f"/node{i}", b"x" * i)
        zk.set("/node1", b"new")
        zk.delete("/node2")
        with pytest.raises(kazoo.exceptions.NodeExistsError):
            zk.create("/node1")
        with zk.transaction() as transaction:
            transaction.create("/both")
            transaction.delete("/node3")
        zk.stop()
        zk.close()
        getattr(java, end)()
    folder = java.data_dir
    (log,) = (folder / "version-2").glob("log.*")
    expected = [
        (zxid, session, TYPES[kind]) for session, zxid, kind in re.findall(
            r"session (0x\w+) cxid 0x\w+ zxid (0x\w+) (\w+)", java_dump(log))]
    assert len(expected) > 55
    ours = [line.split() for line in tool("print", folder).splitlines()]
    assert [(zxid, session, int(kind)) for zxid, session, _, kind in ours] == (
        expected)
