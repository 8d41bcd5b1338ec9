"""Writes as fast as the server takes it, in a process of its own.

`python load.py PORT SIZE` creates nodes of SIZE bytes below /load, 64 in
flight, until standard input is closed; then prints how many.
"""

import collections
import select
import sys

import raw

WINDOW = 64


def main(port, size):
    conn = raw.connect(port, timeout_ms=10000)
    conn.create("/load")
    data = bytes(size)
    in_flight = collections.deque()
    done = 0
    print("loading", flush=True)
    while not select.select([sys.stdin], [], [], 0)[0]:
        while len(in_flight) < WINDOW:
            in_flight.append(conn.submit(
                raw.CREATE, raw.create_body(f"/load/{done + len(in_flight)}",
                                            data)))
        for _ in range(WINDOW // 2):
            reply = conn.read_reply()
            assert (reply.xid, reply.err) == (in_flight.popleft(), 0)
            done += 1
    for xid in in_flight:
        assert conn.read_reply().xid == xid
        done += 1
    print(done, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
