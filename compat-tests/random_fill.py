"""Random writes of every kind, and all that can be read back of a tree."""

import base64
import hashlib
import random
import struct

import raw

SET_ACL, CREATE_CONTAINER, CREATE_TTL = 7, 19, 21
CONTAINER_FLAG, TTL_FLAG = 4, 5
AUTH_XID = -4
USER = b"user:password"
LONG_TTL_MS = 10**9  # None expires during a test.
SESSION_MS = 300_000  # Likewise.
QUOTA = "/zookeeper/quota"
# Only nodes at this depth, which have no children, are deleted.  Of a node that
# is deleted and made anew while a fuzzy snapshot is taken, a Java server that
# replays over it forgets the children.
MAX_DEPTH = 3


def acl(*entries):
    """`entries` are (permissions, scheme, id)."""
    return struct.pack(">i", len(entries)) + b"".join(
        struct.pack(">i", perms) + raw.buffer(scheme) + raw.buffer(name)
        for perms, scheme, name in entries)


_DIGEST_ID = "user:" + base64.b64encode(hashlib.sha1(USER).digest()).decode()
ACLS = [
    raw.OPEN_ACL,
    acl((31, "digest", _DIGEST_ID)),
    acl((1, "world", "anyone"), (31, "digest", _DIGEST_ID)),
    acl((15, "world", "anyone"), (31, "ip", "127.0.0.1")),
] + [acl((perms | 1, "world", "anyone"), (31, "digest", _DIGEST_ID))
     for perms in (2, 4, 8, 16)]


def connect(port):
    """A session that may use all the nodes."""
    conn = raw.connect(port, timeout_ms=SESSION_MS)
    authenticate(conn)
    return conn


def reattach(conn, port):
    new = raw.reattach(conn, port)
    assert new.session == conn.session, "the session is gone"
    authenticate(new)
    return new


def authenticate(conn):
    body = struct.pack(">i", 0) + raw.buffer("digest") + raw.buffer(USER)
    reply = conn.call(raw.AUTH, body, xid=AUTH_XID)
    assert reply.err == 0, reply


class Filler:
    """`modern`: containers, TTL nodes and create2, which came with 3.5."""

    def __init__(self, seed, modern=True):
        self.random = random.Random(seed)
        self.modern = modern
        self.large_left = 12

    def path(self, depth=None):
        depth = depth or self.random.randint(1, MAX_DEPTH)
        return "/t" + "".join(
            f"/n{self.random.randrange(9)}" for _ in range(depth))

    def data(self):
        kind = self.random.randrange(12)
        if kind == 0:
            return None
        if kind == 1 and self.large_left:
            self.large_left -= 1
            return self.random.randbytes(200_000)
        return self.random.randbytes(self.random.randrange(300))

    def create(self):
        entries = self.random.choice(ACLS)
        if self.modern and self.random.random() < 0.2:
            body = raw.create_body(self.path(), self.data(), CONTAINER_FLAG,
                                   entries)
            return CREATE_CONTAINER, body
        if self.modern and self.random.random() < 0.2:
            body = raw.create_body(self.path(), self.data(), TTL_FLAG, entries)
            return CREATE_TTL, body + struct.pack(">q", LONG_TTL_MS)
        flags = self.random.choice([0, 0, 0, raw.EPHEMERAL, raw.SEQUENTIAL,
                                    raw.EPHEMERAL | raw.SEQUENTIAL])
        op = raw.CREATE2 if self.modern and self.random.random() < 0.3 \
            else raw.CREATE
        return op, raw.create_body(self.path(), self.data(), flags, entries)

    def part(self):
        """An operation that may stand in a multi."""
        kind = self.random.randrange(10)
        if kind < 5:
            while True:
                op, body = self.create()
                if op in (raw.CREATE, raw.CREATE2):
                    return raw.CREATE, body
        if kind < 7:
            return raw.DELETE, raw.delete_body(self.path(MAX_DEPTH))
        if kind < 9:
            return raw.SET, raw.set_body(self.path(), self.data())
        return raw.CHECK, raw.buffer("/t") + struct.pack(">i", -1)

    def request(self):
        kind = self.random.randrange(20)
        if kind < 9:
            return self.create()
        if kind < 15:
            op, body = self.part()
            return (op, body) if op != raw.CHECK else self.create()
        if kind < 17:
            body = raw.buffer(self.path()) + self.random.choice(ACLS)
            return SET_ACL, body + struct.pack(">i", -1)
        return raw.MULTI, raw.multi_body(
            [self.part() for _ in range(self.random.randint(1, 4))])

    def prepare(self, conn):
        """Something to begin with, so that a snapshot takes its time."""
        conn.create("/t")
        conn.create("/many")
        replies = conn.pipeline([
            (raw.CREATE, raw.create_body(f"/many/{i}", b"x" * 150))
            for i in range(2000)])
        assert all(reply.err == 0 for reply in replies)
        conn.create(f"{QUOTA}/t")
        conn.create(f"{QUOTA}/t/zookeeper_limits", b"count=99999,bytes=-1")
        conn.create(f"{QUOTA}/t/zookeeper_stats", b"count=0,bytes=0")

    def send(self, conns, count=25):
        """Sends `count` requests on each; returns how many replies to read."""
        for conn in conns:
            conn.send(b"".join(
                raw.request(next(conn.xids), *self.request())
                for _ in range(count)))
        return count

    def run(self, conns, rounds):
        for _ in range(rounds):
            count = self.send(conns)
            for conn in conns:
                for _ in range(count):
                    conn.read_reply()


def dump(port):
    """Every node: {path: (data, Stat, ACL, children)}.  Opens a session."""
    nodes = {}
    with connect(port) as conn:
        level = ["/"]
        while level:
            replies = conn.pipeline([
                (op, raw.buffer(path) + tail) for path in level
                for op, tail in ((raw.GET, b"\0"), (raw.GET_ACL, b""),
                                 (raw.CHILDREN, b"\0"))], window=60)
            below = []
            for i, path in enumerate(level):
                get, entries, children = replies[3 * i:3 * i + 3]
                assert get.err == entries.err == children.err == 0, path
                data, at = raw.take_buffer(get.body)
                names = sorted(raw.take_strings(children.body)[0])
                nodes[path] = (data, raw.take_stat(get.body, at),
                               entries.body[:-raw.STAT.size], names)
                below += [path.rstrip("/") + "/" + name for name in names]
            level = below
        conn.call(raw.CLOSE)
    return nodes
