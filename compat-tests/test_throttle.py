"""Throttles of requests and of new sessions; the same on ZooKeeper 3.9."""

import pytest

import conftest
import raw
import servers

pytestmark = pytest.mark.skipif(
    conftest.KIND == "java", reason="ZooKeeper 3.8 lacks some of these keys")

THROTTLED = -127
HOUR_MS = 3_600_000

# One request at a time, while all that a test sends is read.
ONE_AT_A_TIME = {"request_throttle_max_requests": 1,
                 "globalOutstandingLimit": 1_000_000}


def mntr(server, name):
    for line in servers.four_letter_word(server.port, "mntr").splitlines():
        key, _, value = line.partition("\t")
        if key == "zk_" + name:
            return float(value)
    raise AssertionError(f"mntr has no zk_{name}")


def creates(count):
    return b"".join(
        raw.request(xid, raw.CREATE, raw.create_body(f"/n{xid}"))
        for xid in range(1, count + 1))


def send_creates(conn, count):
    conn.send(creates(count))


def connect_with_creates(port, count):
    """Sends all at once, before so short a session can expire."""
    requests = creates(count)
    conn = raw.Connection(port)
    try:
        conn.send(raw.connect_request(timeout_ms=100) + requests)
    except (ConnectionResetError, BrokenPipeError):
        pass  # Closed before all was sent
    assert raw.parse_handshake(conn.read_frame()).session
    return conn


@pytest.mark.server_config(ONE_AT_A_TIME | {"throttled_op_wait_time": 5})
def test_request_that_waited_too_long_is_refused_in_its_place(server):
    count = 3000
    conn = raw.connect(server.port)
    zxid = conn.ping().zxid
    send_creates(conn, count)
    made = set()
    for xid in range(1, count + 1):
        reply = conn.read_reply()
        assert reply.xid == xid
        if reply.err == 0:
            assert reply.zxid == zxid + 1
            zxid = reply.zxid
            made.add(f"n{xid}")
        else:
            # No transaction: the zxid is that of the last one.
            assert (reply.err, reply.zxid) == (THROTTLED, zxid)
            assert reply.body == b""
    assert "n1" in made and len(made) < count
    assert set(conn.children("/")) == made | {"zookeeper"}
    assert mntr(server, "throttled_ops") == count - len(made)
    assert mntr(server, "max_request_throttle_queue_time_ms") > 5
    # Nothing waits any more.
    assert conn.create("/after") == "/after"


@pytest.mark.server_config(ONE_AT_A_TIME)
def test_request_may_wait_for_ever_by_default(server):
    count = 1000
    conn = raw.connect(server.port)
    send_creates(conn, count)
    assert [(r.xid, r.err) for r in (conn.read_reply() for _ in range(count))
            ] == [(xid, 0) for xid in range(1, count + 1)]
    assert mntr(server, "throttled_ops") == 0


# Waiting on the client's side of the socket does not count: the request has
# not been read.
@pytest.mark.server_config({"globalOutstandingLimit": 1,
                            "throttled_op_wait_time": 1})
def test_request_that_is_not_read_yet_does_not_wait(server):
    count = 2000
    conn = raw.connect(server.port)
    send_creates(conn, count)
    for xid in range(1, count + 1):
        assert conn.read_reply().xid == xid
    # Java's threads may lose a millisecond or two between reading and work.
    throttled = mntr(server, "throttled_ops")
    assert throttled == 0 if conftest.KIND == "paddock" else throttled < count


STALE = ONE_AT_A_TIME | {"tickTime": 50, "minSessionTimeout": 100,
                         "maxSessionTimeout": 100,
                         "request_stale_latency_check": "true"}


@pytest.mark.server_config(STALE)
def test_request_that_outlived_its_session_time_out_closes(server):
    count = 20000
    conn = connect_with_creates(server.port, count)
    replies = conn.read_to_end()
    assert len(replies) < count
    assert [(r.xid, r.err) for r in replies] == [
        (xid, 0) for xid in range(1, len(replies) + 1)]
    assert mntr(server, "stale_requests_dropped") >= 1


@pytest.mark.server_config(STALE | {"request_throttle_drop_stale": "false"})
def test_stale_requests_may_be_counted_only(server):
    count = 5000
    conn = connect_with_creates(server.port, count)
    assert conn.read_reply().err == 0
    servers.wait_until(lambda: mntr(server, "stale_requests") > 0,
                       what="a stale request is counted")
    assert mntr(server, "stale_requests_dropped") == 0


# ---- New sessions ----


def is_refused(server, **fields):
    with raw.Connection(server.port) as conn:
        try:
            conn.handshake(**fields)
            return False
        except raw.Closed:
            return True


@pytest.mark.server_config({
    "connection_throttle_tokens": 1,
    "connection_throttle_fill_time": HOUR_MS,
    "connection_throttle_freeze_time": 1,
    "connection_throttle_drop_increase": 0.5})
def test_random_drop_grows_while_there_are_no_tokens(server):
    assert mntr(server, "connection_drop_probability") == 0
    assert not is_refused(server)
    for refused in range(1, 6):
        assert is_refused(server)
        assert mntr(server, "connection_rejected") == refused
    assert mntr(server, "connection_drop_probability") == 1
    assert mntr(server, "connection_request_count") == 1
    assert mntr(server, "max_connection_token_deficit") == 1


@pytest.mark.server_config({
    "connection_throttle_tokens": 2,
    "connection_throttle_fill_time": HOUR_MS,
    "connection_throttle_weight_enabled": "true"})
def test_tokens_count_in_new_sessions_when_weighed(server):
    """Six tokens: three for a new session, two for one that comes back."""
    first = raw.connect(server.port)
    second = raw.reattach(first, server.port)
    assert second.session == first.session
    assert mntr(server, "max_connection_token_deficit") == 5
    assert is_refused(server)


@pytest.mark.server_config({
    "connection_throttle_tokens": 1,
    "connection_throttle_fill_time": HOUR_MS,
    "connection_throttle_weight_enabled": "true",
    "connection_throttle_local_session_weight": 7})
def test_no_weight_is_below_that_of_a_local_session(server):
    raw.connect(server.port)
    assert mntr(server, "max_connection_token_deficit") == 7
