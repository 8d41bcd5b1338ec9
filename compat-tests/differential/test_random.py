"""The same random requests to both servers.

PADDOCK_TEST_SEED and PADDOCK_TEST_REQUESTS choose the run; a failure prints the
command that repeats it.
"""

import os
import random

import pytest

from differential import pairs
from differential.duo import DifferenceFound, Duo
from differential.random_run import CONFIG, RandomRun

REQUESTS = int(os.environ.get("PADDOCK_TEST_REQUESTS")
               or (100_000 if pairs.FULL else 5_000))


# Two servers that share a busy machine answer some 500 requests a second.
@pytest.mark.timeout(60 + REQUESTS / 50)
@pytest.mark.parametrize("pair", pairs.pairs())
def test_random(pair):
    if reason := pairs.missing(pair):
        pytest.skip(reason)
    seed = int(os.environ.get("PADDOCK_TEST_SEED")
               or random.SystemRandom().randrange(1 << 32))
    repeat = (f"PADDOCK_TEST_SEED={seed} PADDOCK_TEST_REQUESTS={REQUESTS} "
              + ("PADDOCK_TEST_FULL=1 " if pairs.FULL else "")
              + f"python3 -m pytest {os.path.relpath(__file__)} "
              f"-k '{pair}'")
    print(f"seed {seed}; to repeat: {repeat}")
    with pairs.running(pair, CONFIG) as worlds:
        duo = Duo(*worlds, label=f"with seed {seed}")
        try:
            RandomRun(duo, seed, REQUESTS, older="3.8" in pair).run()
        except DifferenceFound as error:
            pytest.fail(f"{error}\nto repeat: {repeat}", pytrace=False)
    print(f"{duo.requests} requests; deliberate: {dict(duo.explained)}")
