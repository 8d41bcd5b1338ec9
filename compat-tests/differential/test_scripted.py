"""Runs every scripted case against every pair of servers."""

import contextlib

import pytest

from differential import cases_auth  # noqa: F401  (they fill CASES)
from differential import cases_session  # noqa: F401
from differential import cases_tree  # noqa: F401
from differential import cases_watch  # noqa: F401
from differential import cases_wire  # noqa: F401
from differential import cases_words  # noqa: F401
from differential import deliberate
from differential import pairs
from differential.cases import CASES
from differential.duo import Duo

_ORDERED = sorted(CASES, key=lambda c: c.config)


class ServerPool:
    """The two servers of the case before, for as long as they fit."""

    def __init__(self):
        self._key = None
        self._stack = contextlib.ExitStack()
        self._worlds = None

    def worlds(self, pair, config):
        if self._key != (pair, config):
            self.discard()
            self._worlds = self._stack.enter_context(
                pairs.running(pair, config))
            self._key = (pair, config)
        return self._worlds

    def discard(self):
        self._key = None
        self._stack.close()


@pytest.fixture(scope="module")
def pool():
    servers = ServerPool()
    yield servers
    servers.discard()


@pytest.mark.parametrize("case", _ORDERED, ids=lambda c: c.name)
@pytest.mark.parametrize("pair", pairs.pairs())
def test_scripted(pool, pair, case):
    if reason := pairs.missing(pair):
        pytest.skip(reason)
    if "3.8" in pair and case.name in deliberate.CASES_OTHERWISE_IN_38:
        pytest.skip("ZooKeeper 3.8: "
                    + deliberate.CASES_OTHERWISE_IN_38[case.name])
    if case.alone:
        pool.discard()
    duo = Duo(*pool.worlds(pair, case.config), label=f"in {case.name}")
    clean = False
    try:
        case.run(duo, f"/{case.name}")
        duo.close_all()
        duo.finish()
        clean = not case.alone
    finally:
        if not clean:
            pool.discard()
