"""Reads ZooKeeper's snapshot files that are not compressed."""

import collections
import struct
import zlib

import raw

STAT_BYTES = 60

# `nodes`: {path: (data, ACL entries or None, StatPersisted)}, all as bytes.
Snapshot = collections.namedtuple("Snapshot", "sessions nodes")


def read(path):
    return parse(path.read_bytes())


def parse(body):
    assert body[:16] == b"ZKSN" + struct.pack(">iq", 2, -1)
    (count,) = struct.unpack_from(">i", body, 16)
    at = 20
    sessions = dict(struct.unpack_from(">qi", body, at + 12 * i)
                    for i in range(count))
    at += 12 * count
    acls = {-1: raw.OPEN_ACL}
    (count,) = struct.unpack_from(">i", body, at)
    at += 4
    for _ in range(count):
        number, entries = struct.unpack_from(">qi", body, at)
        start = at + 8
        at += 12
        for _ in range(entries):
            _, at = raw.take_buffer(body, at + 4)
            _, at = raw.take_buffer(body, at)
        acls[number] = body[start:at]
    nodes = {}
    while True:
        path, at = raw.take_buffer(body, at)
        if path == b"/":
            break
        data, at = raw.take_buffer(body, at)
        (number,) = struct.unpack_from(">q", body, at)
        at += 8
        nodes[path] = (data, acls.get(number), body[at:at + STAT_BYTES])
        at += STAT_BYTES
    (checksum,) = struct.unpack_from(">q", body, at)
    assert checksum == zlib.adler32(body[:at])
    return Snapshot(sessions, nodes)
