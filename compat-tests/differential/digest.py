"""The tree digest (version 2) of a server, computed from a walk over the wire.

Right for trees without container and TTL nodes, whose raw owner no client sees.
"""

import struct
import zlib

from differential import wire

_STAT = struct.Struct(">qqqqqiiiq")


def of_node(path, data, stat):
    (czxid, mzxid, ctime, mtime, version, cversion, aversion, owner, _,
     children, pzxid) = stat
    created = (cversion + children) // 2  # The counter that the server stores.
    packed = _STAT.pack(czxid, mzxid, pzxid, ctime, mtime, version, created,
                        aversion, owner)
    name = "" if path == "/" else path
    return zlib.crc32(name.encode() + (data or b"") + packed)


def of_tree(duo, world, name):
    """Sums the node digests, read on connection `name` of `world`."""
    total = 0
    for path in duo.paths_of(world, name):
        if path.startswith("/zookeeper/"):
            continue
        data, stat = world.read_raw(name, wire.get_data(path))
        total += of_node(path, data, stat)
    return total % (1 << 64)
