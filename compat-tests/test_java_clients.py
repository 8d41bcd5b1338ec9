"""Stock Java clients (ZooKeeper 3.9 and Curator 5) run real workloads.

Each test is a scenario of java/src/main/java/compat, a program that checks
every result itself.  PADDOCK_TEST_SERVER chooses the server: `paddock` (the
default), `java` (ZooKeeper 3.9, the jars of the client) or `java38` (that of
Debian); every scenario holds on all of them unless it says otherwise.
PADDOCK_TEST_FULL=1 runs them at full size.
"""

import os
import pathlib
import signal
import subprocess

import pytest

import servers
import zkcli

HERE = pathlib.Path(__file__).resolve().parent
SERVER = os.environ.get("PADDOCK_TEST_SERVER", "paddock")
FULL = os.environ.get("PADDOCK_TEST_FULL") == "1"
SCENARIO_SECONDS_MAX = 1800 if FULL else 300

# Short ticks, so that sessions of 1.5 s exist and expire in time.
BASE_CONFIG = {
    "tickTime": 500,
    "maxSessionTimeout": 120000,
    "extendedTypesEnabled": "true",
    # Password "secret".
    "DigestAuthenticationProvider.superDigest":
        "super:lK75jTNcA+U9vtVEw5vB51mj/w4=",
}


@pytest.fixture(scope="session")
def classpath():
    build = subprocess.run(
        [HERE / "build_java.sh"], capture_output=True, text=True, check=False)
    assert build.returncode == 0, build.stdout + build.stderr
    return build.stdout.strip()


@pytest.fixture
def start_server(classpath):
    """Starts the server under test; `properties` are Java system properties.

    Paddock takes those as keys of its configuration.
    """
    started = []

    def start(config=None, properties=None):
        config = {**BASE_CONFIG, **(config or {})}
        properties = properties or {}
        if SERVER == "paddock":
            server = servers.Paddock({**config, **properties})
        else:
            version = "3.8" if SERVER == "java38" else "3.9"
            servers.JAVA_39_JARS = str(HERE / "java/target/lib")
            reason = servers.java_available(version)
            if reason:
                pytest.skip(reason)
            server = servers.JavaZooKeeper(
                config, version=version, java_properties=properties)
        started.append(server)
        return server.start()

    yield start
    for server in started:
        server.__exit__()


@pytest.fixture
def scenario(classpath):
    """Runs one scenario against a server and fails with its output."""

    def run(name, server, *args, heap="512m"):
        command = ["java", f"-Xmx{heap}", "-XX:+UseSerialGC", "-cp", classpath,
                   "-Dorg.slf4j.simpleLogger.defaultLogLevel=off",
                   f"-Dsince39={str(SERVER != 'java38').lower()}",
                   "compat.Main", name, server.address, *args]
        # A session of its own: scenarios start processes that must end too.
        with subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True,
                start_new_session=True) as program:
            try:
                output, _ = program.communicate(timeout=SCENARIO_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                program.send_signal(signal.SIGQUIT)  # Java prints its threads.
                try:
                    output, _ = program.communicate(timeout=2)
                except subprocess.TimeoutExpired:
                    os.killpg(program.pid, signal.SIGKILL)
                    output, _ = program.communicate()
                pytest.fail(f"{name} hangs:\n{output[-20000:]}")
        assert program.returncode == 0, output[-20000:]
        assert server.process.poll() is None, server.log()
        return output

    return run


# Sweeps containers and TTL nodes twice a second.
SWEEP_OFTEN = {"znode.container.checkIntervalMs": 500}


def test_kafka_controller(start_server, scenario):
    scenario("kafka_controller", start_server())


def test_kafka_broker(start_server, scenario):
    scenario("kafka_broker", start_server())


def test_kafka_pipeline(start_server, scenario):
    scenario("kafka_pipeline", start_server())


def test_kafka_topics(start_server, scenario):
    scenario("kafka_topics", start_server())


def test_kafka_migration(start_server, scenario):
    scenario("kafka_migration", start_server())


@pytest.mark.parametrize("recipe", [
    "mutex", "read_write_lock", "semaphore", "protected_names",
    "leader_latch", "leader_selector", "barriers", "group_member", "queues",
    "counters", "caches", "api", "async",
])
def test_curator_recipes(recipe, start_server, scenario):
    scenario("curator_recipes", start_server(properties=SWEEP_OFTEN), recipe)


def test_curator_tracker(start_server, scenario):
    scenario("curator_tracker", start_server())


def test_pulsar_metadata(start_server, scenario):
    scenario("pulsar_metadata", start_server())


def test_yarn_fencing(start_server, scenario):
    scenario("yarn_fencing", start_server())


def test_hdfs_failover(start_server, scenario):
    scenario("hdfs_failover", start_server())


def test_solr_flink(start_server, scenario):
    scenario("solr_flink", start_server())


def test_druid_watches(start_server, scenario):
    watches = 1_000_000 if FULL else 50_000
    scenario("druid_watches", start_server(), str(watches), heap="2g")


def test_hbase_retry(start_server, scenario):
    scenario("hbase_retry", start_server())


def test_nifi_churn(start_server, scenario):
    server = start_server()
    sessions = "10000" if FULL else "2000"
    scenario("nifi_churn", server, sessions)
    if SERVER == "paddock":  # A Java heap tells nothing.
        before = resident_bytes(server)
        scenario("nifi_churn", server, sessions)
        assert resident_bytes(server) - before < 8 << 20


def resident_bytes(server):
    statm = pathlib.Path(f"/proc/{server.pid}/statm").read_text()
    return int(statm.split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_lock_election(start_server, scenario):
    scenario("lock_election", start_server())


@pytest.mark.parametrize("seed", range(1, 11 if FULL else 4))
def test_java_async(seed, start_server, scenario):
    scenario("java_async", start_server(), "50000" if FULL else "8000",
             str(seed))


@pytest.mark.skipif(
    SERVER == "java38",
    reason="before 3.9 a path keeps one watch mode for each connection")
def test_java_api(start_server, scenario):
    scenario("java_api", start_server(properties=SWEEP_OFTEN))


def test_java_auth(start_server, scenario):
    scenario("java_auth", start_server({"enforceQuota": "true"}))


def test_java_session(start_server, scenario):
    scenario("java_session", start_server())


def test_java_chroot(start_server, scenario):
    scenario("java_chroot", start_server())


def test_zkcli_commands(classpath, start_server):
    server = start_server()
    with zkcli.Shell(classpath, server.address) as shell:
        assert shell.command("sync /")[-1] == "Sync is OK"
        for command, expected in zkcli.COMMANDS:
            zkcli.check_lines(command, expected, shell.command(command))
        assert shell.quit() == 0


def test_zkcli_watches(classpath, start_server):
    server = start_server()
    with zkcli.Shell(classpath, server.address) as shell:
        assert shell.command("sync /")[-1] == "Sync is OK"
        for command, expected, events in zkcli.WATCH_COMMANDS:
            zkcli.check_lines(command, expected, shell.command(command))
            assert [shell.event() for _ in events] == events, command
        assert shell.no_more_events()
        history = shell.command("history")
        assert history[-1].endswith(" - history")
        assert shell.command("redo 0")[-1] == "Sync is OK"
        shell.command(f"connect {server.address}")
        assert shell.command("ls /") == ["[zookeeper]"]
        assert shell.close() == "Not connected"


def test_zkcli_exit_status(classpath, start_server):
    server = start_server()

    def run(*command):
        status, lines = zkcli.run_one(classpath, server.address, *command)
        return status, lines[-1]

    assert run("create", "/one", "x") == (0, "Created /one")
    assert run("get", "/one") == (0, "x")
    assert run("get", "/none") == (1, "Node does not exist: /none")
    assert run("delete", "/one")[0] == 0
    chroot = server.address + "/zookeeper"
    assert zkcli.run_one(classpath, chroot, "ls", "/")[1][-1] == \
        "[config, quota]"


def test_zkcli_of_debian(start_server):
    script = pathlib.Path("/usr/share/zookeeper/bin/zkCli.sh")
    if not script.exists():
        pytest.skip("Debian's zookeeper package is not installed")
    server = start_server()

    def run(*command):
        done = subprocess.run(
            [script, "-server", server.address, *command],
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=60, check=False)
        return done.returncode, (done.stdout + done.stderr).splitlines()

    status, lines = run("create", "/deb", "data")
    assert status == 0 and "Created /deb" in lines
    status, lines = run("get", "/deb")
    assert status == 0 and "data" in lines
    status, lines = run("ls", "/")
    assert status == 0 and "[deb, zookeeper]" in lines
    status, lines = run("get", "/none")
    assert status == 1
    assert any("Node does not exist: /none" in line for line in lines)
