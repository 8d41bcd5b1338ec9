"""The C client (libzookeeper_mt): programs of c/ run against the server."""

import re
import subprocess

import pytest

import build_c

# The names stand in the table of the program; no need to build it for them.
NAMES = re.findall(r'^    {"(\w+)", Test', build_c.source("client_test"),
                   re.MULTILINE)


@pytest.mark.server_config({
    "tickTime": 500, "extendedTypesEnabled": "true",
    "znode.container.checkIntervalMs": "200"})
@pytest.mark.parametrize("name", NAMES)
def test_c_client(server, c_program, name):
    program = c_program("client_test")
    done = subprocess.run([program, name, server.address], timeout=60,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_table_of_tests_is_read_rightly(c_program):
    listed = subprocess.check_output([c_program("client_test"), "list"],
                                     text=True)
    assert listed.split() == NAMES
