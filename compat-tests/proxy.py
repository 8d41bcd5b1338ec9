"""A TCP proxy in front of a server, to cut and to stall connections."""

import contextlib
import socket
import threading

import servers


class Proxy:
    """Forwards loopback connections to `port` in threads of its own.

    `cut` closes what is open; a client may come back at once.  While stalled
    nothing passes in either direction and nobody is told, as in a network
    that loses packets; what was held back passes afterwards.
    """

    def __init__(self, port):
        self.target = ("127.0.0.1", port)
        self.listener = socket.create_server(
            ("127.0.0.1", servers.free_port()))
        self.port = self.listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self._flowing = threading.Event()
        self._flowing.set()
        self._lock = threading.Lock()
        self._sockets = set()
        self._accepted = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.cut()
        self.flow()

    @property
    def accepted(self):
        """How many connections came so far."""
        with self._lock:
            return self._accepted

    def cut(self):
        with self._lock:
            for sock in self._sockets:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def stall(self):
        self._flowing.clear()

    def flow(self):
        self._flowing.set()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self.target)
            except OSError:
                client.close()
                continue
            with self._lock:
                self._accepted += 1
                self._sockets.update((client, server))
            for sock in (client, server):
                with contextlib.suppress(OSError):  # It may be gone already.
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(source, sink),
                                 daemon=True).start()

    def _pump(self, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._flowing.wait()
                sink.sendall(data)
        # The end passes too, when the way is open.
        self._flowing.wait()
        for sock in (source, sink):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._sockets.discard(source)
        source.close()
