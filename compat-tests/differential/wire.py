"""The client protocol as bytes: a raw client that hides nothing.

Records are built and taken apart field by field; null and empty stay distinct.
Nothing here retries, reconnects or keeps alive, so a test decides about every
byte that goes out.
"""

import dataclasses
import socket
import struct
import time

# Opcodes of the client port.
CREATE, DELETE, EXISTS, GET_DATA, SET_DATA, GET_ACL, SET_ACL = range(1, 8)
GET_CHILDREN, SYNC = 8, 9
PING, GET_CHILDREN2, CHECK, MULTI, CREATE2, RECONFIG = range(11, 17)
CHECK_WATCHES, REMOVE_WATCHES, CREATE_CONTAINER = 17, 18, 19
DELETE_CONTAINER, CREATE_TTL, MULTI_READ = 20, 21, 22
AUTH, SET_WATCHES, SASL, GET_EPHEMERALS = 100, 101, 102, 103
GET_ALL_CHILDREN_NUMBER, SET_WATCHES2, ADD_WATCH, WHO_AM_I = 104, 105, 106, 107
CREATE_SESSION, CLOSE_SESSION = -10, -11

OPEN_ACL = ((31, "world", "anyone"),)
EVENT_XID, PING_XID, AUTH_XID, SET_WATCHES_XID = -1, -2, -4, -8

STAT = struct.Struct(">qqqqiiiqiiq")
STAT_FIELDS = ("czxid", "mzxid", "ctime", "mtime", "version", "cversion",
               "aversion", "ephemeralOwner", "dataLength", "numChildren",
               "pzxid")
REPLY_HEADER = struct.Struct(">iqi")
MULTI_HEADER = struct.Struct(">i?i")


# ------------------------------------------------------------------ encoding


def i32(value):
    return struct.pack(">i", value)


def i64(value):
    return struct.pack(">q", value)


def boolean(value):
    return b"\x01" if value else b"\x00"


def buffer(value):
    """A jute buffer; None is null (length -1)."""
    return i32(-1) if value is None else i32(len(value)) + value


def string(value):
    """A jute string; bytes go out as they are, None is null."""
    if isinstance(value, str):
        value = value.encode()
    return buffer(value)


def vector(encode, items):
    if items is None:
        return i32(-1)
    return i32(len(items)) + b"".join(encode(item) for item in items)


def acl_list(entries):
    return vector(lambda e: i32(e[0]) + string(e[1]) + string(e[2]), entries)


def frame(payload):
    return i32(len(payload)) + payload


@dataclasses.dataclass(frozen=True)
class Request:
    """One request: `body` is what goes out, `name` and `args` are for people.

    `xid` is None for the next number of the connection.
    """

    op: int
    body: bytes
    name: str
    args: tuple = ()
    xid: int | None = None

    def __str__(self):
        xid = "" if self.xid is None else f" xid={self.xid}"
        return f"{self.name}({', '.join(map(_short, self.args))}){xid}"


def _short(value):
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:180]}... ({len(text)} long)"


def raw(op, body=b"", name="raw", xid=None):
    """A request with any opcode and any body."""
    return Request(op, body, name, (op, body.hex()), xid)


def create(path, data=b"", acl=OPEN_ACL, flags=0, op=CREATE):
    name = {CREATE: "create", CREATE2: "create2",
            CREATE_CONTAINER: "createContainer"}.get(op, f"create as {op}")
    return Request(op, string(path) + buffer(data) + acl_list(acl) + i32(flags),
                   name, (path, data, acl, flags))


def create2(path, data=b"", acl=OPEN_ACL, flags=0):
    return create(path, data, acl, flags, CREATE2)


def create_container(path, data=b"", acl=OPEN_ACL, flags=4):
    return create(path, data, acl, flags, CREATE_CONTAINER)


def create_ttl(path, data=b"", acl=OPEN_ACL, flags=5, ttl=10_000_000):
    return Request(
        CREATE_TTL, string(path) + buffer(data) + acl_list(acl) + i32(flags)
        + i64(ttl), "createTTL", (path, data, acl, flags, ttl))


def delete(path, version=-1):
    return Request(DELETE, string(path) + i32(version), "delete",
                   (path, version))


def delete_container(path):
    return Request(DELETE_CONTAINER, string(path), "deleteContainer", (path,))


def check(path, version=-1):
    return Request(CHECK, string(path) + i32(version), "check", (path, version))


def exists(path, watch=False):
    return Request(EXISTS, string(path) + boolean(watch), "exists",
                   (path, watch))


def get_data(path, watch=False):
    return Request(GET_DATA, string(path) + boolean(watch), "getData",
                   (path, watch))


def get_children(path, watch=False):
    return Request(GET_CHILDREN, string(path) + boolean(watch), "getChildren",
                   (path, watch))


def get_children2(path, watch=False):
    return Request(GET_CHILDREN2, string(path) + boolean(watch),
                   "getChildren2", (path, watch))


def set_data(path, data=b"", version=-1):
    return Request(SET_DATA, string(path) + buffer(data) + i32(version),
                   "setData", (path, data, version))


def get_acl(path):
    return Request(GET_ACL, string(path), "getACL", (path,))


def set_acl(path, acl=OPEN_ACL, version=-1):
    return Request(SET_ACL, string(path) + acl_list(acl) + i32(version),
                   "setACL", (path, acl, version))


def sync(path):
    return Request(SYNC, string(path), "sync", (path,))


def ping(xid=PING_XID):
    return Request(PING, b"", "ping", (), xid)


def _multi(op, name, ops):
    body = b"".join(MULTI_HEADER.pack(o.op, False, -1) + o.body for o in ops)
    return Request(op, body + MULTI_HEADER.pack(-1, True, -1), name,
                   tuple(str(o) for o in ops))


def multi(*ops):
    return _multi(MULTI, "multi", ops)


def multi_read(*ops):
    return _multi(MULTI_READ, "multiRead", ops)


def auth(scheme, data, xid=AUTH_XID):
    return Request(AUTH, i32(0) + string(scheme) + string(data), "auth",
                   (scheme, data), xid)


def set_watches(zxid, data=(), exist=(), child=(), xid=SET_WATCHES_XID):
    lists = (data, exist, child)
    return Request(SET_WATCHES,
                   i64(zxid) + b"".join(vector(string, x) for x in lists),
                   "setWatches", (zxid, *lists), xid)


def set_watches2(zxid, data=(), exist=(), child=(), persistent=(),
                 recursive=(), xid=SET_WATCHES_XID):
    lists = (data, exist, child, persistent, recursive)
    return Request(SET_WATCHES2,
                   i64(zxid) + b"".join(vector(string, x) for x in lists),
                   "setWatches2", (zxid, *lists), xid)


def add_watch(path, mode):
    return Request(ADD_WATCH, string(path) + i32(mode), "addWatch",
                   (path, mode))


def check_watches(path, kind):
    return Request(CHECK_WATCHES, string(path) + i32(kind), "checkWatches",
                   (path, kind))


def remove_watches(path, kind):
    return Request(REMOVE_WATCHES, string(path) + i32(kind), "removeWatches",
                   (path, kind))


def get_ephemerals(prefix):
    return Request(GET_EPHEMERALS, string(prefix), "getEphemerals", (prefix,))


def get_all_children_number(path):
    return Request(GET_ALL_CHILDREN_NUMBER, string(path),
                   "getAllChildrenNumber", (path,))


def who_am_i():
    return Request(WHO_AM_I, b"", "whoAmI")


def sasl(token=b""):
    return Request(SASL, buffer(token), "sasl", (token,))


def reconfig(joining=None, leaving=None, members=None, config_id=-1):
    return Request(RECONFIG, string(joining) + string(leaving)
                   + string(members) + i64(config_id), "reconfig",
                   (joining, leaving, members, config_id))


def close_session():
    return Request(CLOSE_SESSION, b"", "closeSession")


def connect_request(timeout=3_600_000, session=0, password=bytes(16),
                    last_zxid=0,
                    read_only=False, version=0):
    """The first payload of a connection; read_only None leaves the byte out."""
    tail = b"" if read_only is None else boolean(read_only)
    return (i32(version) + i64(last_zxid) + i32(timeout) + i64(session)
            + buffer(password) + tail)


# ------------------------------------------------------------------ decoding


class Reader:
    """Takes records off the front of `data`.  Too few bytes: struct.error."""

    def __init__(self, data, mask_stat=None):
        self.data = data
        self.pos = 0
        self.mask_stat = mask_stat or (lambda stat: stat)

    def _unpack(self, layout):
        values = layout.unpack_from(self.data, self.pos)
        self.pos += layout.size
        return values

    def i32(self):
        (value,) = struct.unpack_from(">i", self.data, self.pos)
        self.pos += 4
        return value

    def i64(self):
        (value,) = struct.unpack_from(">q", self.data, self.pos)
        self.pos += 8
        return value

    def boolean(self):
        return self._unpack(struct.Struct(">B"))[0]

    def buffer(self):
        size = self.i32()
        if size < 0:
            return None if size == -1 else ("negative length", size)
        if self.pos + size > len(self.data):
            raise struct.error(f"buffer of {size} bytes past the end")
        self.pos += size
        return bytes(self.data[self.pos - size:self.pos])

    def string(self):
        value = self.buffer()
        return value.decode(errors="backslashreplace") \
            if isinstance(value, bytes) else value

    def vector(self, decode):
        size = self.i32()
        return None if size == -1 else tuple(decode() for _ in range(size))

    def strings(self):
        return self.vector(self.string)

    def stat(self):
        return self.mask_stat(self._unpack(STAT))

    def acl(self):
        return self.vector(lambda: (self.i32(), self.string(), self.string()))

    def multi_results(self):
        results = []
        while True:
            kind, done, err = header = self._unpack(MULTI_HEADER)
            if done:
                return (*results, header)
            body = MULTI_BODIES.get(kind)
            results.append((header, body(self) if body else "unknown type"))

    def rest(self):
        """The bytes that no field claimed."""
        return bytes(self.data[self.pos:])


def _unordered(values):
    """A list whose order the protocol leaves open, in an order of its own."""
    return values if values is None else tuple(sorted(values, key=repr))


MULTI_BODIES = {
    -1: lambda r: r.i32(),
    CREATE: lambda r: r.string(),
    CREATE2: lambda r: (r.string(), r.stat()),
    DELETE: lambda r: None,
    SET_DATA: lambda r: r.stat(),
    CHECK: lambda r: None,
    GET_CHILDREN: lambda r: _unordered(r.strings()),
    GET_DATA: lambda r: (r.buffer(), r.stat()),
}

# What follows a reply header with err 0.
BODIES = {
    CREATE: lambda r: r.string(),
    CREATE2: lambda r: (r.string(), r.stat()),
    CREATE_CONTAINER: lambda r: (r.string(), r.stat()),
    CREATE_TTL: lambda r: (r.string(), r.stat()),
    EXISTS: lambda r: r.stat(),
    GET_DATA: lambda r: (r.buffer(), r.stat()),
    SET_DATA: lambda r: r.stat(),
    GET_ACL: lambda r: (r.acl(), r.stat()),
    SET_ACL: lambda r: r.stat(),
    GET_CHILDREN: lambda r: _unordered(r.strings()),
    GET_CHILDREN2: lambda r: (_unordered(r.strings()), r.stat()),
    SYNC: lambda r: r.string(),
    MULTI: Reader.multi_results,
    MULTI_READ: Reader.multi_results,
    RECONFIG: lambda r: (r.buffer(), r.stat()),
    SASL: lambda r: r.buffer(),
    GET_EPHEMERALS: lambda r: _unordered(r.strings()),
    GET_ALL_CHILDREN_NUMBER: lambda r: r.i32(),
    ADD_WATCH: lambda r: r.i32(),
    WHO_AM_I: lambda r: _unordered(
        r.vector(lambda: (r.string(), r.string()))),
}


def decode_body(op, err, reader):
    """The body of a reply to `op`, and any bytes that do not belong there."""
    decode = BODIES.get(op) if err == 0 else None
    start = reader.pos
    if op == MULTI_READ and err != 0 and start < len(reader.data):
        decode = Reader.multi_results  # ZooKeeper sends what it had so far.
    try:
        body = decode(reader) if decode else None
    except struct.error as error:
        return ("undecodable", str(error), bytes(reader.data[start:]).hex())
    if reader.pos != len(reader.data):
        return (body, "followed by", reader.rest().hex())
    return body


# ---------------------------------------------------------------- connection


class Closed(Exception):
    """The server closed the connection."""


class Stalled(Exception):
    """Nothing came within the time that was allowed."""


class Socket:
    """A TCP connection that speaks in frames.

    One that the server refuses counts as one that it closes.
    """

    def __init__(self, port, host="127.0.0.1"):
        self.sock = socket.socket()
        self.sock.settimeout(10)
        try:
            self.sock.connect((host, port))
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except ConnectionError:
            self.sock.close()
        self.received = bytearray()
        self.taken = 0  # Bytes of `received` already handed out.

    def send(self, data):
        """Sends all of it; silent when the other side is gone (recv tells)."""
        try:
            self.sock.sendall(data)
        except OSError:
            pass

    def shutdown_write(self):
        """Half-closes; likewise silent."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def _fill(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0:
            raise Stalled
        try:
            self.sock.settimeout(left)
            chunk = self.sock.recv(1 << 18)
        except TimeoutError:
            raise Stalled from None
        except OSError:  # Reset, or refused at first.
            raise Closed from None
        if not chunk:
            raise Closed
        if self.taken:
            del self.received[:self.taken]
            self.taken = 0
        self.received += chunk

    def recv_frame(self, deadline):
        """The next payload.  Raises Closed or Stalled."""
        while True:
            have = len(self.received) - self.taken
            if have >= 4:
                (size,) = struct.unpack_from(">i", self.received, self.taken)
                if have >= 4 + size:
                    start = self.taken + 4
                    self.taken = start + size
                    return bytes(self.received[start:self.taken])
            self._fill(deadline)

    def recv_rest(self, deadline):
        """Everything until the server closes.  Raises Stalled."""
        try:
            while True:
                self._fill(deadline)
        except Closed:
            return bytes(self.received[self.taken:])

    def close(self):
        self.sock.close()
