"""A contender for a lock with kazoo, as a process of its own.

Arguments and behaviour are those of c/lock_contender.c.
"""

import socket
import sys

from kazoo.exceptions import KazooException

import conftest

SESSION_SECONDS = 3
C_PATTERN = "__c__"  # Nodes of lock_contender.c count as well.


def main(hosts, path, name, resource_port):
    resource = socket.create_connection(
        ("127.0.0.1", int(resource_port))).makefile("rw")

    def tell(what, token):
        print(what, name, token, file=resource, flush=True)
        if not resource.readline():
            sys.exit(0)

    client = conftest.kazoo_client(hosts, timeout=SESSION_SECONDS)
    client.start(60)
    while True:
        lock = client.Lock(path, name, extra_lock_patterns=(C_PATTERN,))
        try:
            lock.acquire()
            token = client.get(f"{path}/{lock.node}")[1].czxid
            tell("enter", token)
            tell("leave", token)
            lock.release()
        except KazooException as error:
            print(f"{name}: {error!r}", file=sys.stderr)
            # Its node may be there still; it must not keep others waiting.
            client.restart()


if __name__ == "__main__":
    main(*sys.argv[1:])
