"""A folder that a Java server left works as it is, and the way back.

A Java server is filled while it takes fuzzy snapshots, and stopped or killed.
Another Java server and Paddock start on copies of its folder: what clients see
of every node is the same.  Then Paddock writes more, `paddock export` runs, and
a Java server starts on Paddock's folder.
"""

import os
import pathlib
import random
import re
import shutil
import struct
import subprocess

import pytest

import random_fill
import servers
import snapshots

# The first release whose transactions carry a digest, and name the nodes that
# a closeSession deletes: before it, replay over a fuzzy snapshot is not exact.
FIRST_EXACT = "3.6"
CREATE_SESSION = -10

# Release, compression of its snapshots, its own folder for logs, its end.
CASES = [
    ("3.9", "", False, "kill"),
    ("3.9", "gz", True, "stop"),
    ("3.9", "snappy", False, "kill"),
    ("3.8", "snappy", True, "stop"),
    ("3.8", "", False, "kill"),
    ("3.7", "gz", False, "kill"),
    ("3.6", "", False, "kill"),
    ("3.5", "", True, "kill"),
    ("3.4", "", False, "kill"),
]

SNAPSHOTS_MAX = 12  # Of one folder, that are tried one by one


class Folder:
    """A server's home with its data, and how servers run on it."""

    def __init__(self, home, release, compression, split):
        self.home = home
        self.release = release
        self.compression = compression
        self.split = split

    def _config(self):
        keys = {"maxSessionTimeout": random_fill.SESSION_MS}
        if self.split:
            keys["dataLogDir"] = self.log_dir
        return keys

    @property
    def data_dir(self):
        return self.home / "data"

    @property
    def log_dir(self):
        return self.home / "log" if self.split else self.data_dir

    def java(self):
        properties = {
            "zookeeper.snapCount": "120",
            "zookeeper.preAllocSize": "64",
            "zookeeper.extendedTypesEnabled": "true",
            "zookeeper.jmx.log4j.disable": "true",
            "znode.container.checkIntervalMs": "100000000",
        }
        if self.compression:
            properties["zookeeper.snapshot.compression.method"] = (
                self.compression)
        return servers.JavaZooKeeper(
            self._config(), version=self.release, data_dir=self.home,
            java_properties=properties)

    def paddock(self):
        return servers.Paddock(
            {**self._config(), "extendedTypesEnabled": "true",
             "checkpoint.changes": 50, "checkpoint.logKb": 64,
             "znode.container.checkIntervalMs": "100000000"},
            data_dir=self.home)

    def copy(self, name):
        copied = Folder(self.home.parent / name, self.release,
                        self.compression, self.split)
        shutil.copytree(self.home, copied.home)
        return copied

    def tool(self, *words):
        """Runs `paddock WORDS`, with --log-dir where it is needed."""
        split = ["--log-dir", self.log_dir] if self.split else []
        done = subprocess.run(
            [servers.PADDOCK_BIN, words[0], *split, *words[1:]], text=True,
            capture_output=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "warning" not in done.stderr, done.stderr
        return done.stdout

    def digest_after(self, zxid):
        """The digest in the createSession transaction after `zxid`, which
        leaves the tree as it was."""
        for log in (self.log_dir / "version-2").glob("log.*"):
            for found, kind, payload in transactions(log.read_bytes()):
                if found == zxid + 1:
                    assert kind == CREATE_SESSION
                    version, digest = struct.unpack(">iQ", payload[-12:])
                    assert version == 2
                    return digest
        raise AssertionError(f"no transaction after 0x{zxid:x}")


def transactions(log):
    """Yields (zxid, type, payload) for each record of a log file."""
    at = 16
    while at + 12 <= len(log):
        checksum, size = struct.unpack_from(">qi", log, at)
        if size <= 0:
            return
        payload = log[at + 12:at + 12 + size]
        zxid, _, kind = struct.unpack_from(">qqi", payload, 12)
        yield zxid, kind, payload
        at += 13 + size


def zxid_and_digest(summary):
    zxid, digest = re.search(r"zxid 0x(\w+), digest 0x(\w+),",
                             summary).groups()
    return int(zxid, 16), int(digest, 16)


def assert_same(ours, theirs, but_config=False):
    ours, theirs = dict(ours), dict(theirs)
    if but_config:  # Before 3.5 there was no such node.
        for nodes in (ours, theirs):
            nodes.pop("/zookeeper/config", None)
            nodes.pop("/zookeeper")
    assert ours.keys() == theirs.keys()
    differ = [path for path in ours if ours[path] != theirs[path]]
    assert not differ, [(path, ours[path], theirs[path])
                        for path in differ[:5]]


def no_errors(server):
    errors = [line for line in server.log().splitlines()
              if re.match(r"\S+ E ", line)]
    assert not errors, errors


def fill(folder, seed, end):
    """Returns the sessions that are left."""
    filler = random_fill.Filler(seed, modern=folder.release != "3.4")
    with folder.java() as java:
        conns = [random_fill.connect(java.port) for _ in range(4)]
        filler.prepare(conns[0])
        filler.run(conns, 15)
        gone = conns.pop()
        gone.call(random_fill.raw.CLOSE)
        conns.append(random_fill.connect(java.port))
        filler.run(conns, 15)
        if end == "kill":
            filler.send(conns)
        assert getattr(java, end)() is not None
    names = [path.name for path in (folder.data_dir / "version-2").iterdir()]
    taken = [name for name in names if name.startswith("snapshot.")]
    assert len(taken) >= 3, names
    if folder.compression:
        assert all(name.endswith(folder.compression) for name in taken)
    for conn in conns:
        conn.sock.close()
    return filler, conns, gone


def imported_snapshot(folder, to):
    """Imports the folder to `to`; returns its summary and the snapshot."""
    summary = folder.tool("import", folder.data_dir, to)
    path, _, rest = summary.partition(": ")
    return rest, snapshots.read(pathlib.Path(path))


def check_each_snapshot(left, expected):
    """Whichever snapshot the replay starts from, the state is the same."""
    version_dir = left.data_dir / "version-2"
    names = [path.name for path in version_dir.glob("snapshot.*")]
    names.sort(key=lambda name: int(name.split(".")[1], 16))
    for name in names[::-(-len(names) // SNAPSHOTS_MAX)]:
        one = left.copy(f"from-{name}")
        for other in names:
            if other != name:
                (one.data_dir / "version-2" / other).unlink()
        found = imported_snapshot(one, one.home / "imported")
        assert found[0] == expected[0], name
        assert found[1].sessions == expected[1].sessions, name
        assert_same(found[1].nodes, expected[1].nodes)
        shutil.rmtree(one.home)


@pytest.mark.paddock_only("reads folders of Java servers")
@pytest.mark.parametrize("release, compression, split, end", CASES)
def test_there_and_back(tmp_path, release, compression, split, end):
    # Where it is not exact, releases differ in what they make of it.
    is_exact = release >= FIRST_EXACT
    reference_release = release if is_exact else "3.9"
    for needed in (release, reference_release):
        reason = servers.java_available(needed)
        if reason:
            pytest.skip(reason)
    seed = os.environ.get("PADDOCK_TEST_SEED", str(random.randrange(10**9)))
    print("PADDOCK_TEST_SEED:", seed)
    left = Folder(tmp_path / "left", release, compression, split)
    filler, conns, gone = fill(left, f"{seed} {release} {end}", end)
    moved = left.copy("moved")
    imported = tmp_path / "imported"
    found = imported_snapshot(left, imported)
    zxid, digest = zxid_and_digest(found[0])
    if is_exact:
        check_each_snapshot(left, found)

    # In: what a Java server makes of the folder is what Paddock makes of it.
    reference = left.copy("reference")
    reference.release = reference_release
    with reference.java() as java:
        expected = random_fill.dump(java.port)
        java.stop()
    assert reference.digest_after(zxid) == digest
    with moved.paddock() as paddock:
        no_errors(paddock)
        assert_same(random_fill.dump(paddock.port), expected,
                    but_config=release == "3.4")
        assert random_fill.raw.reattach(gone, paddock.port).session == 0
        conns = [random_fill.reattach(conn, paddock.port) for conn in conns]
        filler.run(conns, 4)
        expected = random_fill.dump(paddock.port)
        for conn in conns:
            conn.sock.close()
        getattr(paddock, end)()
    assert moved.digest_after(zxid) == digest

    # The folder that was imported holds the same as the one it came from.
    assert (zxid, digest) == zxid_and_digest(subprocess.run(
        [servers.PADDOCK_BIN, "export", imported], text=True, check=True,
        capture_output=True, timeout=120).stdout)

    # And back.  A server of 3.4 does not know all of it.
    if release == "3.4":
        return
    summary = moved.tool("export", moved.data_dir)
    zxid, digest = zxid_and_digest(summary)
    assert summary.startswith(
        f"{moved.data_dir}/version-2/snapshot.{zxid:x}: ")
    with moved.java() as java:
        assert_same(random_fill.dump(java.port), expected)
        conns = [random_fill.reattach(conn, java.port) for conn in conns]
        filler.run(conns, 2)
        for conn in conns:
            conn.sock.close()
        java.stop()
    if is_exact:
        assert moved.digest_after(zxid) == digest
    left_again = moved.tool("import", moved.data_dir, tmp_path / "last")
    assert zxid_and_digest(left_again)[0] > zxid
