"""Servers under test: Paddock, and Java ZooKeeper as the reference.

Each server runs on loopback, on a port of its own and in a temporary folder of
its own, and is ended by pid.  Starting waits until the server answers `srvr`
with a `Mode:` line, never for a fixed time.
"""

import fcntl
import itertools
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PADDOCK_BIN = os.environ.get("PADDOCK_BIN", str(ROOT / "build/release/paddock"))
START_SECONDS_MAX = 60

# Java ZooKeeper 3.8.0 as Debian packages it, and 3.9.x from Maven when
# tests/run.sh could fetch it (a folder of jars).
JAVA_38_CLASSPATH = ":".join(
    f"/usr/share/java/{jar}.jar"
    for jar in (
        "zookeeper", "zookeeper-jute", "slf4j-api", "slf4j-simple", "netty-all",
        "netty-handler", "netty-common", "netty-buffer", "netty-transport",
        "netty-codec", "netty-resolver", "snappy-java", "metrics-core",
        "commons-lang", "commons-cli", "jline2", "jackson-databind",
        "jackson-core", "jackson-annotations", "jetty9-server",
    )
)
JAVA_39_JARS = os.environ.get("ZOOKEEPER_39_JARS", "")
# Older ones, likewise: DIR/3.4 and so on, for a few tests.
OLD_JARS = os.environ.get("ZOOKEEPER_OLD_JARS", "")

# Below the ephemeral range.  Runs beside this one start elsewhere in it.
_PORTS = 5000
_ports = (15000 + (os.getpid() * 37 + i) % _PORTS for i in itertools.count())
_port_locks = []  # Held until this process ends.
_poll = threading.Event()  # Never set: a bounded wait between two looks.


def free_port():
    """Returns a loopback port that nobody uses.

    No other process that asks here gets it while this one lives, also when
    nothing listens on it yet.
    """
    for port in itertools.islice(_ports, _PORTS):
        path = pathlib.Path(tempfile.gettempdir(), f"paddock-port-{port}.lock")
        lock = open(path, "w")
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                probe.bind(("127.0.0.1", port))
                _port_locks.append(lock)
                return port
            except OSError:
                lock.close()
    raise RuntimeError("no free port")


def wait_until(condition, seconds=30, what="condition"):
    """Waits for condition() to be true; fails loudly when it never is."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not true within {seconds} s")
        _poll.wait(0.02)


def four_letter_word(port, word, host="127.0.0.1", timeout=10):
    """Sends a four-letter word and returns the whole answer as text."""
    with socket.create_connection((host, port), timeout=timeout) as conn:
        conn.sendall(word.encode() if isinstance(word, str) else word)
        chunks = []
        while chunk := conn.recv(65536):
            chunks.append(chunk)
    return b"".join(chunks).decode()


class Server:
    """A standalone server.  `config` holds extra zoo.cfg keys.  Without a
    `data_dir` it has a folder of its own, which goes with it at the end of a
    `with` block."""

    name = "server"

    def __init__(self, config=None, data_dir=None, port=None):
        self._owns_home = data_dir is None
        self.home = pathlib.Path(data_dir or tempfile.mkdtemp(prefix=f"{self.name}-"))
        self.data_dir = self.home / "data"
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self.host = "127.0.0.1"
        self.port = port or free_port()
        self.config = {
            "tickTime": "2000",
            "dataDir": str(self.data_dir),
            "clientPort": str(self.port),
            "clientPortAddress": self.host,
            "maxClientCnxns": "0",
            "admin.enableServer": "false",
            "4lw.commands.whitelist": "*",
        }
        self.config.update({k: str(v) for k, v in (config or {}).items()})
        self.log_path = self.home / "server.log"
        self.process = None

    @property
    def address(self):
        return f"{self.host}:{self.port}"

    @property
    def pid(self):
        return self.process.pid

    def command(self, config_path):
        raise NotImplementedError

    def write_config(self):
        path = self.home / "zoo.cfg"
        path.write_text("".join(f"{k}={v}\n" for k, v in self.config.items()))
        return path

    def launch(self):
        """Starts the process and does not wait for it to serve."""
        assert self.process is None or self.process.poll() is not None
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.command(self.write_config()), cwd=self.home,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def start(self):
        self.launch()
        wait_until(self._serves, START_SECONDS_MAX, f"{self.name} serves")
        return self

    def _serves(self):
        if self.process.poll() is not None:
            raise AssertionError(
                f"{self.name} ended with {self.process.returncode}:\n{self.log()}")
        try:
            # Java may leave a client that comes early without an answer.
            return "Mode:" in four_letter_word(self.port, "srvr", timeout=1)
        except OSError:
            return False

    def log(self):
        return self.log_path.read_text(errors="replace")

    def stop(self):
        """Clean stop with SIGTERM; returns the exit status."""
        return self._end(signal.SIGTERM)

    def kill(self):
        """kill -9."""
        return self._end(signal.SIGKILL)

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def _end(self, sig):
        if self.process is None or self.process.poll() is not None:
            return self.process.returncode if self.process else None
        self.process.send_signal(sig)
        return self.process.wait(30)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *unused):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self._owns_home:
            shutil.rmtree(self.home, ignore_errors=True)


class Paddock(Server):
    name = "paddock"

    def command(self, config_path):
        return [PADDOCK_BIN, str(config_path)]


def java_classpath(version):
    if version == "3.8":
        return JAVA_38_CLASSPATH
    return f"{JAVA_39_JARS}/*" if version == "3.9" else f"{OLD_JARS}/{version}/*"


class JavaZooKeeper(Server):
    """The reference.  `version` is "3.8", "3.9", or one of which the jars are in
    OLD_JARS; `java_properties` are -D flags."""

    name = "zookeeper"

    def __init__(self, config=None, version="3.8", java_properties=None, **kw):
        super().__init__(config, **kw)
        self.version = version
        self.java_properties = dict(java_properties or {})

    def command(self, config_path):
        flags = [f"-D{k}={v}" for k, v in self.java_properties.items()]
        return ["java", "-Xmx1g", *flags, "-cp", java_classpath(self.version),
                "org.apache.zookeeper.server.quorum.QuorumPeerMain", str(config_path)]


def java_available(version):
    """None when the reference server can run here, else the reason why not."""
    if version == "3.8":
        if not pathlib.Path("/usr/share/java/zookeeper.jar").exists():
            return "Debian's zookeeper package is not installed"
    elif version != "3.9":
        if not (OLD_JARS and
                list(pathlib.Path(OLD_JARS, version).glob("zookeeper-*.jar"))):
            return f"ZooKeeper {version} jars are not here (ZOOKEEPER_OLD_JARS)"
    elif not (JAVA_39_JARS and list(pathlib.Path(JAVA_39_JARS).glob("zookeeper-3.9*.jar"))):
        return "ZooKeeper 3.9 jars are not here (ZOOKEEPER_39_JARS)"
    return None
