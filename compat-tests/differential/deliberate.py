"""The differences that are meant.

Every answer of Paddock that is not what the reference server gives, on purpose,
has an entry here with its reason.  The comparer asks explain() about each
difference it finds; whatever no entry covers fails the test.  An entry says as
narrowly as it can where it applies.
"""

import dataclasses
from collections.abc import Callable

from differential.world import Event


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a difference was found.

    `reference` and `subject` are server kinds ("3.8", "3.9", "paddock"),
    `expected` and `actual` their items, and `request` the request that the
    items answer (None for events, handshakes and texts).
    """

    reference: str
    subject: str
    request: object
    expected: object
    actual: object


@dataclasses.dataclass(frozen=True)
class Difference:
    name: str
    reason: str
    covers: Callable[[Place], bool]


def _event_without_zxid(place):
    """One side is 3.8, whose events carry no zxid, and all else is equal."""
    if "3.8" not in (place.reference, place.subject):
        return False
    expected, actual = place.expected, place.actual
    return (isinstance(expected, Event) and isinstance(actual, Event)
            and dataclasses.replace(expected, zxid=-1)
            == dataclasses.replace(actual, zxid=-1)
            and -1 in (expected.zxid, actual.zxid))


DIFFERENCES = (
    Difference(
        "event_zxid",
        "ZooKeeper 3.8 sends -1 as the zxid of a watch event; since 3.9 it is "
        "the zxid of the transaction that fired it, and we do as 3.9 does.",
        _event_without_zxid),
)


def explain(place):
    """The entry that covers this difference, or None."""
    for difference in DIFFERENCES:
        if difference.covers(place):
            return difference
    return None
