"""A client that speaks the ZooKeeper protocol and nothing else.

For tests that need what client libraries hide: handshakes in every form,
requests in flight without waiting, lies in lengths, reply headers.  A
connection belongs to one thread.
"""

import collections
import itertools
import select
import socket
import struct

CREATE, DELETE, EXISTS, GET, SET, GET_ACL = 1, 2, 3, 4, 5, 6
CHILDREN, SYNC, PING, CHILDREN2, CHECK, MULTI = 8, 9, 11, 12, 13, 14
CREATE2, AUTH, SET_WATCHES, CLOSE = 15, 100, 101, -11

EPHEMERAL, SEQUENTIAL = 1, 2

PING_XID, EVENT_XID = -2, -1
NONODE, BADVERSION, NODEEXISTS = -101, -103, -110

READ_SECONDS = 30
FRAME_MAX = 0xfffff

Handshake = collections.namedtuple(
    "Handshake", "length protocol timeout session passwd read_only")
Reply = collections.namedtuple("Reply", "xid zxid err body")
Event = collections.namedtuple("Event", "zxid type state path")
Stat = collections.namedtuple(
    "Stat", "czxid mzxid ctime mtime version cversion aversion owner "
    "data_length num_children pzxid")

STAT = struct.Struct(">qqqqiiiqiiq")


class Closed(Exception):
    """The server closed the connection.  `partial` is what it left unfinished."""

    def __init__(self, partial=b""):
        super().__init__(f"closed with {len(partial)} bytes of a frame")
        self.partial = partial


def buffer(data):
    if data is None:
        return struct.pack(">i", -1)
    data = data.encode() if isinstance(data, str) else data
    return struct.pack(">i", len(data)) + data


def frame(payload):
    return struct.pack(">i", len(payload)) + payload


OPEN_ACL = struct.pack(">ii", 1, 31) + buffer("world") + buffer("anyone")


def create_body(path, data=b"", flags=0, acl=OPEN_ACL):
    return buffer(path) + buffer(data) + acl + struct.pack(">i", flags)


def set_body(path, data, version=-1):
    return buffer(path) + buffer(data) + struct.pack(">i", version)


def delete_body(path, version=-1):
    return buffer(path) + struct.pack(">i", version)


def read_body(path, watch=False):
    return buffer(path) + struct.pack(">?", watch)


def multi_body(ops):
    """`ops` is a list of (opcode, body)."""
    parts = [struct.pack(">i?i", op, False, -1) + body for op, body in ops]
    return b"".join(parts) + struct.pack(">i?i", -1, True, -1)


def request(xid, op, body=b""):
    return frame(struct.pack(">ii", xid, op) + body)


def connect_request(timeout_ms=10000, session=0, passwd=bytes(16),
                    last_zxid=0, read_only=False):
    """read_only None leaves the byte out, as old clients do."""
    tail = b"" if read_only is None else struct.pack(">?", read_only)
    return frame(struct.pack(">iqiq", 0, last_zxid, timeout_ms, session)
                 + buffer(passwd) + tail)


def take_buffer(body, at=0):
    """Returns (bytes or None, the offset after it)."""
    (length,) = struct.unpack_from(">i", body, at)
    at += 4
    return (None, at) if length < 0 else (body[at:at + length], at + length)


def take_strings(body, at=0):
    (count,) = struct.unpack_from(">i", body, at)
    at += 4
    strings = []
    for _ in range(count):
        text, at = take_buffer(body, at)
        strings.append(text.decode())
    return strings, at


def take_stat(body, at=0):
    return Stat(*STAT.unpack_from(body, at))


def take_frames(pending):
    """Splits the complete payloads off the bytearray `pending`."""
    frames, at = [], 0
    while len(pending) - at >= 4:
        (length,) = struct.unpack_from(">i", pending, at)
        if len(pending) - at - 4 < length:
            break
        frames.append(bytes(pending[at + 4:at + 4 + length]))
        at += 4 + length
    del pending[:at]
    return frames


def parse(payload):
    """Returns a Reply or an Event."""
    xid, zxid, err = struct.unpack_from(">iqi", payload)
    if xid != EVENT_XID:
        return Reply(xid, zxid, err, payload[16:])
    kind, state = struct.unpack_from(">ii", payload, 16)
    return Event(zxid, kind, state, take_buffer(payload, 24)[0].decode())


def parse_handshake(payload):
    protocol, timeout, session = struct.unpack_from(">iiq", payload)
    passwd, at = take_buffer(payload, 16)
    read_only = payload[at] if at < len(payload) else None
    return Handshake(len(payload), protocol, timeout, session, passwd,
                     read_only)


def wait_readable(socks, seconds=READ_SECONDS):
    """Returns those with something to read; fails when none has in time."""
    by_number = {sock.fileno(): sock for sock in socks}
    poll = select.poll()
    for number in by_number:
        poll.register(number, select.POLLIN)
    ready = poll.poll(seconds * 1000)
    assert ready, f"nothing to read within {seconds} s"
    return [by_number[number] for number, _ in ready]


class Connection:
    """A TCP connection to a server, with a session after `handshake`."""

    def __init__(self, port, host="127.0.0.1", receive_buffer=None):
        self.sock = socket.socket()
        self.sock.settimeout(READ_SECONDS)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF,
                                 receive_buffer)
        self.sock.connect((host, port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.xids = itertools.count(1)
        self.pending = bytearray()
        self.frames = collections.deque()
        self.events = []
        self.session = 0
        self.passwd = bytes(16)
        self.timeout_ms = 0
        self.zxid = 0  # Highest seen in a reply.

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def read_frame(self, seconds=READ_SECONDS):
        """Returns the next payload.  Raises Closed or TimeoutError."""
        self.sock.settimeout(seconds)
        while not self.frames:
            try:
                chunk = self.sock.recv(1 << 18)
            except (ConnectionResetError, BrokenPipeError):
                chunk = b""
            if not chunk:
                raise Closed(bytes(self.pending))
            self.pending += chunk
            self.frames.extend(take_frames(self.pending))
        return self.frames.popleft()

    def handshake(self, **fields):
        """Sends a ConnectRequest; see connect_request for the fields."""
        self.send(connect_request(**fields))
        reply = parse_handshake(self.read_frame())
        self.session, self.passwd = reply.session, reply.passwd
        self.timeout_ms = reply.timeout
        return reply

    def submit(self, op, body=b"", xid=None):
        """Sends a request and returns its xid at once."""
        xid = next(self.xids) if xid is None else xid
        self.send(request(xid, op, body))
        return xid

    def read_reply(self, seconds=READ_SECONDS):
        """Returns the next reply; events before it go to self.events."""
        while True:
            message = parse(self.read_frame(seconds))
            if isinstance(message, Reply):
                self.zxid = max(self.zxid, message.zxid)
                return message
            self.events.append(message)

    def call(self, op, body=b"", xid=None, seconds=READ_SECONDS):
        """Sends a request and returns its reply, which must be the next."""
        xid = self.submit(op, body, xid)
        reply = self.read_reply(seconds)
        assert reply.xid == (PING_XID if op == PING else xid), reply
        return reply

    def pipeline(self, requests, window=500):
        """Sends (opcode, body) pairs with up to `window` in flight; returns
        the replies in order."""
        replies = []
        for at in range(0, len(requests), window):
            part = requests[at:at + window]
            self.send(b"".join(request(next(self.xids), op, body)
                               for op, body in part))
            replies += [self.read_reply() for _ in part]
        return replies

    def ping(self, seconds=READ_SECONDS):
        reply = self.call(PING, xid=PING_XID, seconds=seconds)
        assert reply.err == 0, reply
        return reply

    def create(self, path, data=b"", flags=0):
        """Creates a node that must not fail; returns its path."""
        reply = self.call(CREATE, create_body(path, data, flags))
        assert reply.err == 0, (path, reply)
        return take_buffer(reply.body)[0].decode()

    def get(self, path):
        """Returns (data, Stat), or None when there is no such node."""
        reply = self.call(GET, read_body(path))
        if reply.err == NONODE:
            return None
        assert reply.err == 0, (path, reply)
        data, at = take_buffer(reply.body)
        return data, take_stat(reply.body, at)

    def children(self, path):
        reply = self.call(CHILDREN, read_body(path))
        assert reply.err == 0, (path, reply)
        return take_strings(reply.body)[0]

    def exists(self, path, watch=False):
        reply = self.call(EXISTS, read_body(path, watch))
        assert reply.err in (0, NONODE), (path, reply)
        return take_stat(reply.body) if reply.err == 0 else None

    def read_to_end(self, seconds=READ_SECONDS):
        """Reads until the server closes; returns the messages before that.

        Fails when the last one is cut short."""
        messages = []
        while True:
            try:
                messages.append(parse(self.read_frame(seconds)))
            except Closed as closed:
                assert not closed.partial, "half a reply before the close"
                return messages


def connect(port, **fields):
    """Returns a Connection with a session."""
    conn = Connection(port)
    reply = conn.handshake(**fields)
    assert reply.session and reply.timeout, reply
    return conn


def reattach(conn, port, **fields):
    """Returns a new Connection that asks for the session of `conn`."""
    new = Connection(port)
    new.handshake(**{"session": conn.session, "passwd": conn.passwd,
                     "timeout_ms": conn.timeout_ms, "last_zxid": conn.zxid,
                     **fields})
    return new
