"""Fixtures for the black-box tests.

PADDOCK_TEST_SERVER says which server is under test: `paddock` (the default),
`java` (ZooKeeper 3.8) or `java39`.  Marks:

* `server_config({key: value})`: zoo.cfg keys for the `server` fixture;
* `paddock_only(reason)`: states something that Java ZooKeeper does not do.

PADDOCK_TEST_FULL=1 asks for the long versions (the `full` fixture).
"""

import os

import pytest
from kazoo.client import KazooClient

import build_c
import proxy as proxies
import servers

KIND = os.environ.get("PADDOCK_TEST_SERVER", "paddock")
JAVA_VERSIONS = {"java": "3.8", "java39": "3.9"}
LOG_TAIL_CHARS = 6000

# Java reads these only from the command line, not from zoo.cfg.
PLAIN_PROPERTIES = ("jute.maxbuffer", "znode.container.", "readonlymode.")

_started = pytest.StashKey[list]()


def pytest_configure(config):
    config.addinivalue_line("markers", "server_config(keys): zoo.cfg keys")
    config.addinivalue_line("markers", "paddock_only(reason): not for Java")


def pytest_runtest_setup(item):
    mark = item.get_closest_marker("paddock_only")
    if mark and KIND != "paddock":
        pytest.skip(f"Paddock only: {mark.args[0]}")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Shows the end of each server's log beside a failure."""
    outcome = yield
    report = outcome.get_result()
    if report.when == "call" and report.failed:
        for server in item.stash.get(_started, []):
            if server.log_path.exists():
                title = f"log of {server.name} at {server.address}"
                report.sections.append((title, server.log()[-LOG_TAIL_CHARS:]))


def new_server(config=None, **kw):
    """Returns a server of the kind under test, not started yet."""
    config = dict(config or {})
    if KIND == "paddock":
        return servers.Paddock(config, **kw)
    plain = {k: config.pop(k) for k in list(config)
             if k.startswith(PLAIN_PROPERTIES)}
    return servers.JavaZooKeeper(config, version=JAVA_VERSIONS[KIND],
                                 java_properties=plain, **kw)


def kazoo_client(hosts, **kw):
    """A KazooClient that comes back quickly after a lost connection."""
    quick = {"max_tries": -1, "delay": 0.05, "max_delay": 0.2}
    return KazooClient(hosts, **{"connection_retry": dict(quick),
                                 "command_retry": dict(quick), **kw})


@pytest.fixture
def make_server(request):
    """A function that makes servers; they are ended after the test."""
    if KIND in JAVA_VERSIONS:
        reason = servers.java_available(JAVA_VERSIONS[KIND])
        if reason:
            pytest.skip(reason)
    made = request.node.stash.setdefault(_started, [])

    def make(config=None, **kw):
        made.append(new_server(config, **kw))
        return made[-1]

    yield make
    for server in made:
        server.__exit__()


@pytest.fixture
def server(request, make_server):
    """A running server with a fresh data folder."""
    mark = request.node.get_closest_marker("server_config")
    return make_server(mark.args[0] if mark else None).start()


@pytest.fixture
def full():
    """Whether the long version of a test is asked for."""
    return os.environ.get("PADDOCK_TEST_FULL") == "1"


@pytest.fixture
def proxy(server):
    """A proxy in front of the server; see proxy.py."""
    with proxies.Proxy(server.port) as running:
        yield running


@pytest.fixture
def kazoo(server):
    """A function that connects kazoo clients; they end with the test.

    `via` is the server or a proxy; the rest goes to KazooClient."""
    clients = []

    def connect(via=server, **kw):
        client = kazoo_client(f"127.0.0.1:{via.port}", **kw)
        clients.append(client)
        client.start(30)
        return client

    yield connect
    for client in clients:
        client.stop()
        client.close()


@pytest.fixture(scope="session")
def c_program(tmp_path_factory):
    """A function that builds a program of c/ once and returns its path."""
    reason = build_c.missing()
    if reason:
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("c")
    built = {}

    def program(name):
        if name not in built:
            built[name] = build_c.build(name, folder)
        return built[name]

    return program
