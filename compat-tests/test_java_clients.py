"""Stock Java clients (ZooKeeper 3.9 and Curator 5) run real workloads.

Each test is a scenario of java/src/main/java/compat, a program that checks
every result itself.  PADDOCK_TEST_SERVER chooses the server: `paddock` (the
default), `java` (ZooKeeper 3.8 of Debian) or `java39`; every scenario holds on
all of them.  PADDOCK_TEST_FULL=1 runs them at full size.
"""

import os
import pathlib
import signal
import subprocess

import pytest

import servers

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
            version = "3.8"
            if SERVER == "java39":
                version = "3.9"
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
                   f"-Dfull={str(FULL).lower()}",
                   f"-Dsince39={str(SERVER != 'java').lower()}",
                   "compat.Main", name, server.address, *args]
        with subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True) as program:
            try:
                output, _ = program.communicate(timeout=SCENARIO_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                program.send_signal(signal.SIGQUIT)  # Java prints its threads.
                try:
                    output, _ = program.communicate(timeout=2)
                except subprocess.TimeoutExpired:
                    program.kill()
                    output, _ = program.communicate()
                pytest.fail(f"{name} hangs:\n{output[-20000:]}")
        assert program.returncode == 0, output[-20000:]
        assert server.process.poll() is None, server.log()
        return output

    return run


@pytest.mark.parametrize("name", [
    "kafka_controller",
    "kafka_broker",
    "kafka_pipeline",
    "kafka_topics",
    "kafka_migration",
    "pulsar_metadata",
    "yarn_fencing",
    "hdfs_failover",
])
def test_scenario(name, start_server, scenario):
    scenario(name, start_server())
