"""One server as the comparison sees it.

A World keeps the connections to one server under names that both servers
share, and turns what comes back into plain values that may be compared: session
ids and passwords become names, times become "T" when they are plausible.
Everything else stays as it was on the wire.
"""

import collections
import dataclasses
import re
import time

from differential import wire

REPLY_SECONDS_MAX = 20
CLOCK_SLACK_MS = 5_000


@dataclasses.dataclass(frozen=True)
class Reply:
    xid: int
    zxid: int
    err: int
    body: object


@dataclasses.dataclass(frozen=True)
class Event:
    zxid: int
    kind: int
    state: int
    path: str
    err: int = 0


@dataclasses.dataclass(frozen=True)
class Connected:
    """A ConnectResponse; read_only is None when the byte is absent."""

    version: int
    timeout: int
    session: object
    password: str
    read_only: int | None


@dataclasses.dataclass(frozen=True)
class Sign:
    """Something that is no message: "closed" or "silent"."""

    text: str


CLOSED = Sign("closed by the server")
SILENT = Sign(f"nothing for {REPLY_SECONDS_MAX} s")


class Connection:
    """A connection, the requests it has not seen answered, and its session."""

    def __init__(self, sock):
        self.sock = sock
        self.pending = collections.deque()
        self.session = 0
        self.password = bytes(16)
        self.zxid = 0  # The greatest that a reply told
        self.open = True


class World:
    """A server and the connections to it.  `kind` is "paddock" or a version."""

    def __init__(self, server, kind):
        self.server = server
        self.kind = kind
        self.connections = {}
        self.session_names = {0: 0}
        self.session_ids = {}
        self.passwords = {}
        self.times = {}  # zxid -> the time its transaction was stamped with
        self.start_ms = time.time() * 1000

    # ------------------------------------------------------------ connections

    def open(self, name):
        self.connections[name] = Connection(wire.Socket(self.server.port))

    def drop(self, name):
        """Closes our side without a word."""
        connection = self.connections.pop(name)
        connection.open = False
        connection.sock.close()

    def handshake(self, name, **fields):
        """Sends a ConnectRequest.  `session` may name a session of before,
        and `password` "own" stands for that session's password."""
        fields = dict(fields)
        session = fields.get("session", 0)
        if isinstance(session, str):
            fields["session"] = self.session_ids[session]
        if fields.get("password") == "own":
            fields["password"] = self.passwords[fields["session"]]
        self.connections[name].sock.send(
            wire.frame(wire.connect_request(**fields)))

    def read_connect_response(self, name):
        connection = self.connections[name]
        try:
            data = connection.sock.recv_frame(self._deadline())
        except wire.Closed:
            return self._close(connection)
        except wire.Stalled:
            return SILENT
        if len(data) == wire.REPLY_HEADER.size:  # A bare header: an error.
            return Reply(*wire.REPLY_HEADER.unpack(data), None)
        return self._connect_response(connection, data)

    def _connect_response(self, connection, data):
        reader = wire.Reader(data)
        version, timeout, session = reader.i32(), reader.i32(), reader.i64()
        password = reader.buffer()
        read_only = reader.boolean() if reader.pos < len(data) else None
        connection.session, connection.password = session, password
        if session and session not in self.session_names:
            session_name = f"S{len(self.session_names)}"
            self.session_names[session] = session_name
            self.session_ids[session_name] = session
            self.passwords[session] = password
        return Connected(version, timeout, self.session_name(session),
                         self._mask_password(session, password), read_only)

    def _mask_password(self, session, password):
        if password == bytes(16):
            return "zeros"
        if session and password == self.passwords.get(session) \
                and len(password) == 16:
            return "of the session"
        return password.hex()

    def session_name(self, session):
        return self.session_names.get(session, f"unknown {session:#x}")

    # --------------------------------------------------------------- requests

    def send(self, name, requests_with_xids):
        connection = self.connections[name]
        out = []
        for xid, request in requests_with_xids:
            connection.pending.append(request)
            body = wire.i32(xid) + wire.i32(request.op) + request.body
            out.append(wire.frame(body))
        connection.sock.send(b"".join(out))

    def read(self, name):
        """Everything up to the reply to the last pending request."""
        connection = self.connections[name]
        items = []
        deadline = self._deadline()
        while connection.pending:
            item = self._read_item(connection, deadline)
            items.append(item)
            if isinstance(item, Sign):
                connection.pending.clear()
        return items

    def read_raw(self, name, request):
        """Does one request and returns its body with nothing masked."""
        self.send(name, [(1 << 30, request)])
        connection = self.connections[name]
        connection.pending.clear()
        data = connection.sock.recv_frame(self._deadline())
        reader = wire.Reader(data)
        _, _, err = wire.REPLY_HEADER.unpack_from(data)
        reader.pos = wire.REPLY_HEADER.size
        return wire.decode_body(request.op, err, reader)

    def read_until_closed(self, name):
        """Everything until the server hangs up."""
        connection = self.connections[name]
        items = []
        deadline = self._deadline()
        while not (items and isinstance(items[-1], Sign)):
            items.append(self._read_item(connection, deadline))
        return items

    def _read_item(self, connection, deadline):
        try:
            data = connection.sock.recv_frame(deadline)
        except wire.Closed:
            return self._close(connection)
        except wire.Stalled:
            return SILENT
        if len(data) < wire.REPLY_HEADER.size:
            return ("short frame", data.hex())
        xid, zxid, err = wire.REPLY_HEADER.unpack_from(data)
        reader = wire.Reader(data, self.mask_stat)
        reader.pos = wire.REPLY_HEADER.size
        if xid == wire.EVENT_XID and len(data) > wire.REPLY_HEADER.size:
            return Event(zxid, reader.i32(), reader.i32(), reader.string(), err)
        op = self._take_answered(connection.pending, xid)
        if op == wire.CREATE_SESSION and len(data) > wire.REPLY_HEADER.size:
            return self._connect_response(connection, data)
        connection.zxid = max(connection.zxid, zxid)
        return Reply(xid, zxid, err, wire.decode_body(op, err, reader))

    @staticmethod
    def _take_answered(pending, xid):
        """Takes the request of this reply and returns its opcode."""
        # A ping that waits for long overtakes.
        pings = (r for r in pending
                 if xid == wire.PING_XID and r.op == wire.PING)
        request = next(pings, pending[0] if pending else None)
        if request is None:
            return None
        pending.remove(request)
        return request.op

    def _close(self, connection):
        connection.open = False
        connection.sock.close()
        return CLOSED

    @staticmethod
    def _deadline():
        return time.monotonic() + REPLY_SECONDS_MAX

    # ------------------------------------------------------------------ masks

    def mask_stat(self, stat):
        """Names the owner and the two times of a Stat.

        A time is "T" when it lies within the test and is the one time of the
        transaction that set it; otherwise its number stays to be seen.
        """
        (czxid, mzxid, ctime, mtime, version, cversion, aversion, owner, length,
         children, pzxid) = stat
        return (czxid, mzxid, self._mask_time(czxid, ctime),
                self._mask_time(mzxid, mtime), version, cversion, aversion,
                self.session_name(owner) if owner else 0, length, children,
                pzxid)

    def _mask_time(self, zxid, ms):
        if ms == 0:
            return 0
        if self.times.setdefault(zxid, ms) != ms:
            return f"{ms}, but {self.times[zxid]} before"
        now = time.time() * 1000
        if self.start_ms - CLOCK_SLACK_MS <= ms <= now + CLOCK_SLACK_MS:
            return "T"
        return ms

    def mask_text(self, text):
        """Four-letter word output with session ids replaced by names."""
        return re.sub(
            r"0x([0-9a-f]{9,16})",
            lambda m: str(self.session_names.get(
                _signed(int(m[1], 16)), m[0])), text)


def _signed(value):
    return value - (1 << 64) if value >= 1 << 63 else value
