"""The table of scripted cases; cases_*.py fill it.

A case is a function of a Duo and of a path that belongs to it alone.  Cases
with the same configuration share two servers, one after the other; `alone`
gives a case servers of its own, for what leaves the two in different states or
must begin on an empty tree.
"""

import dataclasses
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    run: Callable
    config: str
    alone: bool


CASES = []


def case(config="base", alone=False):
    def register(run):
        assert run.__name__ not in {c.name for c in CASES}, run.__name__
        CASES.append(Case(run.__name__, run, config, alone))
        return run
    return register
