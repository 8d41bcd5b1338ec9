"""The differences that are meant.

Every answer of Paddock that is not what the reference server gives, on purpose,
has an entry here with its reason.  The comparer asks explain() about each
difference it finds; whatever no entry covers fails the test.  An entry says as
narrowly as it can where it applies.
"""

import dataclasses
import re
from collections.abc import Callable

from differential import wire
from differential.world import CLOSED, Event, Reply


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


def _op(place):
    return place.request.op if place.request else None


def _err(item):
    return item.err if isinstance(item, Reply) else None


def _event_without_zxid(place):
    """One side is 3.8, whose events carry no zxid, and all else is equal."""
    if "3.8" not in (place.reference, place.subject):
        return False
    expected, actual = place.expected, place.actual
    return (isinstance(expected, Event) and isinstance(actual, Event)
            and dataclasses.replace(expected, zxid=-1)
            == dataclasses.replace(actual, zxid=-1)
            and -1 in (expected.zxid, actual.zxid))


def _watch_count(place):
    """One side is 3.8, and nothing but the number of watches differs."""
    if "3.8" not in (place.reference, place.subject):
        return False
    expected, actual = place.expected, place.actual
    if isinstance(expected, dict) and isinstance(actual, dict):
        return ({k: v for k, v in expected.items() if k != "zk_watch_count"}
                == {k: v for k, v in actual.items() if k != "zk_watch_count"})
    total = "Total watches:"
    return (isinstance(expected, str) and isinstance(actual, str)
            and total in expected and expected.partition(total)[0]
            == actual.partition(total)[0])


def _same_but(place, *keys):
    """Both are dicts that agree in everything but `keys`."""
    expected, actual = place.expected, place.actual
    if not (isinstance(expected, dict) and isinstance(actual, dict)):
        return False
    return ({k: v for k, v in expected.items() if k not in keys}
            == {k: v for k, v in actual.items() if k not in keys})


def _watch_summary(text):
    """The numbers of wchs: connections, paths, watches; None for other texts."""
    found = isinstance(text, str) and re.fullmatch(
        r"(\d+) connections watching (\d+) paths\nTotal watches:(\d+)\n", text)
    return tuple(map(int, found.groups())) if found else None


def _stale_watchers(place):
    expected = _watch_summary(place.expected)
    actual = _watch_summary(place.actual)
    return bool(expected and actual and expected[0] > actual[0]
                and expected[1:] == actual[1:])


def _null_and_empty_path(place):
    """The same watches, but those on null and "" count as one."""
    expected = _watch_summary(place.expected)
    actual = _watch_summary(place.actual)
    if expected and actual:
        return (expected[0] == actual[0] and expected[1] == actual[1] + 1
                and expected[2] == actual[2] + 1)
    return (_op(place) == wire.REMOVE_WATCHES and place.request.args[0] == ""
            and _err(place.expected) == 0 and _err(place.actual) == -121)


def _order_of_identities(place):
    if _op(place) != wire.GET_ACL or _err(place.expected) or _err(place.actual):
        return False
    (expected, stat), (actual, own_stat) = place.expected.body, place.actual.body
    return stat == own_stat and sorted(expected) == sorted(actual)


def _not_java_text(place):
    path = place.request.args[0] if _op(place) == wire.SYNC else None
    if isinstance(path, str):
        return any(ord(c) > 0xffff for c in path)
    if isinstance(path, bytes):
        return "\ufffd" in path.decode("utf-8", "replace")
    return False


DIFFERENCES = (
    Difference(
        "approximate_data_size",
        "ZooKeeper's running sum misses what it changes itself: the data of "
        "zookeeper_stats nodes. Ours is exact.",
        lambda p: _same_but(p, "zk_approximate_data_size")
        or p.reference == "3.8"
        and _same_but(p, "zk_approximate_data_size", "zk_watch_count")),
    Difference(
        "connections_without_watches",
        "wchs of ZooKeeper also counts connections whose watches are all gone.",
        _stale_watchers),
    Difference(
        "null_path_watch",
        "A watch on the null path, which can never fire, is one on the empty "
        "path for us.",
        _null_and_empty_path),
    Difference(
        "order_of_identities",
        "ZooKeeper expands the scheme auth in the order of a hash table; we in "
        "the order in which the connection got its identities.",
        _order_of_identities),
    Difference(
        "echo_of_malformed_text",
        "sync echoes the path as it came; ZooKeeper replaces malformed UTF-8 "
        "and splits characters beyond U+FFFF.",
        _not_java_text),
    Difference(
        "descendants_of_the_empty_path",
        "ZooKeeper counts the root itself when it is named by an empty path.",
        lambda p: p.request is not None
        and _op(p) == wire.GET_ALL_CHILDREN_NUMBER and p.request.args[0] == ""
        and isinstance(p.actual, Reply)
        and p.expected.body == p.actual.body + 1),
    Difference(
        "op_counts",
        "Counters of operations, which ZooKeeper has since 3.10.",
        lambda p: p.expected == [] and isinstance(p.actual, list)
        and all(key.startswith("zk_op_count_") for key in p.actual)),
    Difference(
        "behind_an_unknown_opcode",
        "Whether ZooKeeper still answers what follows an unknown opcode before "
        "it closes is chance; we never do.",
        lambda p: _op(p) == wire.PING and p.actual == CLOSED
        and _err(p.expected) == 0),
    Difference(
        "watch_count",
        "ZooKeeper 3.8 counts a recursive watch once for each table.",
        _watch_count),
    Difference(
        "create_session_request",
        "createSession (-10) is not a request for clients: ZooKeeper answers "
        "it with a frame that has no reply header; we refuse it as any unknown "
        "opcode.",
        lambda p: _op(p) == wire.CREATE_SESSION and _err(p.actual) == -6
        and p.actual.zxid == -1),
    Difference(
        "ttl_without_ttl",
        "createTTL with the flags of a node without a ttl and ttl -1 ends the "
        "ZooKeeper server; we answer -8, as for any other ttl with them.",
        lambda p: _op(p) == wire.CREATE_TTL and p.expected == CLOSED
        and _err(p.actual) == -8 and p.request.args[3:] == (0, -1)),
    Difference(
        "quota_of_the_root",
        "A zookeeper_limits node right below /zookeeper/quota ends the "
        "ZooKeeper server; for us it is a node without effect.",
        lambda p: _op(p) == wire.CREATE and p.expected == CLOSED
        and p.request.args[0] == "/zookeeper/quota/zookeeper_limits"
        and _err(p.actual) == 0),
    Difference(
        "sasl_null_token",
        "A null sasl token makes ZooKeeper drop the connection (an exception "
        "in its network thread); we answer as for any other token.",
        lambda p: _op(p) == wire.SASL and p.expected == CLOSED
        and p.request.args == (None,) and _err(p.actual) == 0
        and p.actual.body is None),
    Difference(
        "delete_container_permission",
        "deleteContainer (20) is meant for the sweeper, but any client may "
        "send it; we ask for the permission that delete needs.",
        lambda p: _op(p) == wire.DELETE_CONTAINER
        and _err(p.expected) in (0, -101, -103, -111)
        and p.actual == dataclasses.replace(p.expected, err=-102)),
    Difference(
        "null_lists_of_set_watches",
        "ZooKeeper fails with -5 on a null list in setWatches, with the lists "
        "before it already applied; we take it for an empty one.",
        lambda p: _op(p) in (wire.SET_WATCHES, wire.SET_WATCHES2)
        and None in p.request.args and _err(p.expected) == -5
        and p.actual == dataclasses.replace(p.expected, err=0)),
    Difference(
        "body_behind_an_error",
        "ZooKeeper sends what a failed multiRead had so far behind err -5; "
        "with us nothing follows a header with an error.",
        lambda p: _op(p) == wire.MULTI_READ and _err(p.expected) == -5
        and p.actual == dataclasses.replace(p.expected, body=None)),
    Difference(
        "event_zxid",
        "ZooKeeper 3.8 sends -1 as the zxid of a watch event; since 3.9 it is "
        "the zxid of the transaction that fired it, and we do as 3.9 does.",
        _event_without_zxid),
)


# Scripted cases in which ZooKeeper 3.8 is not what we follow.  They are not
# compared with it at all.
CASES_OTHERWISE_IN_38 = {
    **dict.fromkeys((
        "digest_permissions", "reads_and_permissions",
        "watches_on_failed_reads"),
        "exists needs no READ permission"),
    **dict.fromkeys((
        "ip_permissions", "acl_normalisation"),
        "the ip scheme does not know IPv6"),
    **dict.fromkeys((
        "sequence_numbers", "multi_of_everything", "containers_and_ttl_nodes"),
        "the result of a create inside a multi has its type from the flags"),
    **dict.fromkeys((
        "delete_container_from_a_client", "delete_container_without_permission",
        "sequential_and_container_events", "connection_details",
        "bodies_with_more_behind"),
        "the path of deleteContainer is not a string but the whole body"),
    **dict.fromkeys((
        "multi_failures", "multi_that_does_not_decode", "bodies_cut_short",
        "lengths_that_lie", "zxids_of_replies", "acl_checked_early"),
        "a write whose body does not decode consumes a zxid, and a multi takes "
        "bad flags for a failed sub-operation"),
    **dict.fromkeys((
        "watches_set_once", "watches_set_before_each_change",
        "own_watches_fire_before_the_reply", "check_and_remove_watches",
        "persistent_watches", "remove_one_mode_of_several",
        "set_watches_catches_up", "set_watches_of_odd_lists",
        "set_watches_with_null_lists", "watches_of_the_null_path",
        "watches_end_with_the_connection", "close_session_fires_watches"),
        "a path holds one mode of watch for each connection, checkWatches and "
        "removeWatches know no modes, and null paths are refused"),
    "events_are_filtered_by_acl":
        "a persistent and a plain watch replace each other",
    "unknown_opcodes": "a check outside of a multi is answered with -5",
}


def explain(place):
    """The entry that covers this difference, or None."""
    for difference in DIFFERENCES:
        if difference.covers(place):
            return difference
    return None
