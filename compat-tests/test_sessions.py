"""Sessions seen from the wire: handshake, re-attach, close, expiry, restart.

client-protocol.md chapters 2.2 to 2.10 and 5.
"""

import threading
import time

import pytest

import raw

TICK_MS = 200
EXPIRY_SLACK_SECONDS = 1.5  # Scheduling and one commit on a busy machine.
ALL_ZERO = bytes(16)

pytestmark = pytest.mark.server_config({"tickTime": TICK_MS})


def wait_for_event(conn, path, seconds):
    """Reads until an event about `path` comes; returns it."""
    deadline = time.monotonic() + seconds
    while True:
        for event in conn.events:
            if event.path == path:
                return event
        left = deadline - time.monotonic()
        assert left > 0, f"no event about {path} within {seconds:.1f} s"
        try:
            conn.events.append(raw.parse(conn.read_frame(left)))
        except TimeoutError:
            pass


def assert_refused(conn, reply, length):
    assert reply == raw.Handshake(length, 0, 0, 0, ALL_ZERO,
                                  0 if length == 37 else None)
    assert conn.read_to_end() == []


# ---- Handshake ----


@pytest.mark.parametrize("read_only, length, answer", [
    (None, 36, None), (False, 37, 0), (True, 37, 0)])
def test_reply_has_the_read_only_byte_iff_the_request_had(
        server, read_only, length, answer):
    with raw.Connection(server.port) as conn:
        reply = conn.handshake(read_only=read_only)
        assert (reply.length, reply.read_only) == (length, answer)
        assert reply.protocol == 0
        assert reply.session != 0
        assert len(reply.passwd) == 16 and reply.passwd != ALL_ZERO
        conn.ping()


@pytest.mark.parametrize("asked, granted", [
    (-5, 400), (0, 400), (399, 400), (400, 400), (1234, 1234),
    (4000, 4000), (4001, 4000), (0x7fffffff, 4000)])
def test_time_out_is_clamped_to_2_and_20_ticks(server, asked, granted):
    with raw.Connection(server.port) as conn:
        assert conn.handshake(timeout_ms=asked).timeout == granted


@pytest.mark.server_config({"tickTime": TICK_MS, "minSessionTimeout": 700,
                            "maxSessionTimeout": 900})
@pytest.mark.parametrize("asked, granted", [(1, 700), (800, 800), (950, 900)])
def test_time_out_is_clamped_to_configured_bounds(server, asked, granted):
    with raw.Connection(server.port) as conn:
        assert conn.handshake(timeout_ms=asked).timeout == granted


@pytest.mark.parametrize("passwd", [b"", None, b"\xff" * 16],
                         ids=["empty", "null", "noise"])
def test_new_session_ignores_the_password(server, passwd):
    with raw.Connection(server.port) as conn:
        reply = conn.handshake(passwd=passwd)
        assert reply.session != 0 and len(reply.passwd) == 16


def test_session_ids_differ_and_are_not_zero(server):
    ids = set()
    for _ in range(50):
        with raw.Connection(server.port) as conn:
            ids.add(conn.handshake().session)
    assert len(ids) == 50 and 0 not in ids


def test_requests_sent_behind_the_handshake_are_answered_in_order(server):
    with raw.Connection(server.port) as conn:
        pipelined = [raw.request(i, raw.CREATE, raw.create_body(f"/n{i}"))
                     for i in range(1, 101)]
        conn.send(raw.connect_request() + b"".join(pipelined))
        assert raw.parse_handshake(conn.read_frame()).session != 0
        replies = [conn.read_reply() for _ in pipelined]
        assert [r.xid for r in replies] == list(range(1, 101))
        assert {r.err for r in replies} == {0}


def test_handshake_one_byte_at_a_time(server):
    with raw.Connection(server.port) as conn:
        for byte in raw.connect_request():
            conn.send(bytes([byte]))
        assert raw.parse_handshake(conn.read_frame()).session != 0
        conn.ping()


# ---- Re-attach ----


@pytest.mark.parametrize("read_only, length", [(None, 36), (False, 37)])
def test_unknown_session_is_refused(server, read_only, length):
    with raw.Connection(server.port) as conn:
        reply = conn.handshake(session=0x1234567, passwd=b"p" * 16,
                               read_only=read_only)
        assert_refused(conn, reply, length)


def test_wrong_password_is_refused_and_the_session_lives_on(server):
    owner = raw.connect(server.port, timeout_ms=4000)
    owner.create("/e", flags=raw.EPHEMERAL)
    for wrong in (ALL_ZERO, owner.passwd[::-1], owner.passwd[:15], b""):
        thief = raw.Connection(server.port)
        reply = thief.handshake(session=owner.session, passwd=wrong)
        assert_refused(thief, reply, 37)
    again = raw.reattach(owner, server.port)
    assert again.session == owner.session
    assert again.get("/e")[1].owner == owner.session


def test_reattach_moves_a_live_session_and_closes_the_old_connection(server):
    old = raw.connect(server.port, timeout_ms=4000)
    old.create("/e", flags=raw.EPHEMERAL)
    new = raw.reattach(old, server.port)
    assert (new.session, new.passwd) == (old.session, old.passwd)
    assert old.read_to_end() == []
    assert new.get("/e")[1].owner == old.session
    new.create("/e2", flags=raw.EPHEMERAL)
    assert new.get("/e2")[1].owner == old.session


def test_reattach_after_a_lost_connection_finds_the_ephemerals(server):
    first = raw.connect(server.port, timeout_ms=4000)
    first.create("/e", flags=raw.EPHEMERAL)
    first.sock.close()
    second = raw.reattach(first, server.port)
    assert second.session == first.session
    assert second.get("/e")[1].owner == first.session


def test_reattach_takes_the_time_out_of_the_new_connection(server):
    watcher = raw.connect(server.port, timeout_ms=4000)
    conn = raw.connect(server.port, timeout_ms=4000)
    conn.create("/e", flags=raw.EPHEMERAL)
    shorter = raw.reattach(conn, server.port, timeout_ms=600)
    assert shorter.timeout_ms == 600
    assert watcher.exists("/e", watch=True)
    shorter.sock.close()
    limit = 0.6 + TICK_MS / 1000 + EXPIRY_SLACK_SECONDS
    assert wait_for_event(watcher, "/e", limit).type == 2


@pytest.mark.parametrize("renewal", [False, True], ids=["new", "renewal"])
def test_client_ahead_of_the_server_is_closed_without_a_reply(server, renewal):
    owner = raw.connect(server.port, timeout_ms=4000)
    fields = {"session": owner.session, "passwd": owner.passwd}
    with raw.Connection(server.port) as conn:
        conn.send(raw.connect_request(last_zxid=owner.ping().zxid + 1000,
                                      **(fields if renewal else {})))
        with pytest.raises(raw.Closed) as closed:
            conn.read_frame()
        assert closed.value.partial == b""


def test_client_that_has_seen_the_last_zxid_is_accepted(server):
    owner = raw.connect(server.port)
    owner.create("/n")
    with raw.Connection(server.port) as conn:
        assert conn.handshake(last_zxid=owner.ping().zxid).session != 0


# ---- Close ----


def test_close_answers_then_closes_and_ends_the_session(server):
    other = raw.connect(server.port)
    conn = raw.connect(server.port)
    conn.create("/e", flags=raw.EPHEMERAL)
    assert other.exists("/e", watch=True)
    xid = conn.submit(raw.CLOSE)
    (reply,) = conn.read_to_end()
    assert (reply.xid, reply.err, reply.body) == (xid, 0, b"")
    assert other.get("/e") is None
    assert [(e.type, e.path) for e in other.events] == [(2, "/e")]
    with raw.Connection(server.port) as late:
        refusal = late.handshake(session=conn.session, passwd=conn.passwd)
        assert_refused(late, refusal, 37)


def test_close_followed_by_a_tcp_close_still_ends_the_session(server):
    other = raw.connect(server.port, timeout_ms=4000)
    conn = raw.connect(server.port, timeout_ms=4000)
    conn.create("/e", flags=raw.EPHEMERAL)
    assert other.exists("/e", watch=True)
    conn.submit(raw.CLOSE)
    conn.sock.close()
    # Well before the session could have expired.
    assert wait_for_event(other, "/e", 3).type == 2


def test_create_behind_close_does_not_succeed(server):
    conn = raw.connect(server.port)
    conn.send(raw.request(1, raw.CREATE, raw.create_body("/a", flags=1))
              + raw.request(2, raw.CLOSE)
              + raw.request(3, raw.CREATE, raw.create_body("/b", flags=1)))
    replies = {r.xid: r.err for r in conn.read_to_end()}
    assert replies[1] == 0 and replies[2] == 0
    assert replies.get(3, -112) != 0
    other = raw.connect(server.port)
    assert other.get("/a") is None
    assert other.get("/b") is None


# ---- Expiry ----


def test_expiry_is_never_early_and_within_a_tick(server):
    """Twenty sessions with different time-outs and phases fall silent.

    The watcher falls silent too, but with a time-out that outlasts them.
    """
    watcher = raw.connect(server.port, timeout_ms=4000)
    silent = {}
    for i in range(20):
        conn = raw.connect(server.port, timeout_ms=800 + 37 * i)
        path = f"/e{i}"
        conn.create(path, flags=raw.EPHEMERAL)
        assert watcher.exists(path, watch=True)
        sent = time.monotonic()
        conn.ping()
        silent[path] = (conn, sent, time.monotonic())
    while silent:
        message = raw.parse(watcher.read_frame(3))
        now = time.monotonic()
        assert message.type == 2, message
        conn, sent, answered = silent.pop(message.path)
        timeout = conn.timeout_ms / 1000
        assert now - sent >= timeout, f"{message.path} expired early"
        assert now - answered <= (
            timeout + TICK_MS / 1000 + EXPIRY_SLACK_SECONDS), message.path
        assert conn.read_to_end() == []  # Closed without a message.
        with raw.Connection(server.port) as late:
            refusal = late.handshake(session=conn.session,
                                     passwd=conn.passwd)
            assert_refused(late, refusal, 37)


def test_pings_keep_a_session_alive(server):
    watcher = raw.connect(server.port, timeout_ms=4000)
    conn = raw.connect(server.port, timeout_ms=600)
    conn.create("/e", flags=raw.EPHEMERAL)
    assert watcher.exists("/e", watch=True)
    for _ in range(10):  # 2 s, more than three time-outs.
        conn.ping()
        with pytest.raises(TimeoutError):
            watcher.read_frame(0.2)
    assert conn.get("/e")[1].owner == conn.session


def test_reads_keep_a_session_alive(server):
    watcher = raw.connect(server.port, timeout_ms=4000)
    conn = raw.connect(server.port, timeout_ms=600)
    conn.create("/e", flags=raw.EPHEMERAL)
    assert watcher.exists("/e", watch=True)
    for _ in range(10):
        assert conn.exists("/e")
        with pytest.raises(TimeoutError):
            watcher.read_frame(0.2)


def test_a_lost_connection_does_not_end_the_session_early(server):
    watcher = raw.connect(server.port, timeout_ms=4000)
    conn = raw.connect(server.port, timeout_ms=1500)
    sent = time.monotonic()
    conn.create("/e", flags=raw.EPHEMERAL)
    assert watcher.exists("/e", watch=True)
    conn.sock.close()
    limit = 1.5 + TICK_MS / 1000 + EXPIRY_SLACK_SECONDS
    assert wait_for_event(watcher, "/e", limit).type == 2
    assert time.monotonic() - sent >= 1.5


@pytest.mark.parametrize("how", ["close", "expiry"])
def test_ephemerals_leave_in_one_transaction(server, how):
    watcher = raw.connect(server.port, timeout_ms=4000)
    conn = raw.connect(server.port, timeout_ms=800)
    parents = [f"/p{i}" for i in range(10)]
    for parent in parents:
        conn.create(parent)
        for i in range(5):
            conn.create(f"{parent}/e{i}", flags=raw.EPHEMERAL)
        conn.create(f"{parent}/stays")
    assert watcher.exists("/p9/e4", watch=True)
    if how == "close":
        conn.submit(raw.CLOSE)
    wait_for_event(watcher, "/p9/e4", 0.8 + TICK_MS / 1000
                   + EXPIRY_SLACK_SECONDS)
    stats = [watcher.exists(parent) for parent in parents]
    assert {s.num_children for s in stats} == {1}
    assert {s.cversion for s in stats} == {11}
    assert len({s.pzxid for s in stats}) == 1
    assert stats[0].pzxid > watcher.exists("/p9/stays").czxid


# ---- Restart ----


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_sessions_survive_a_restart_and_clocks_start_afresh(server, how):
    timeout_ms = 1600
    back = raw.connect(server.port, timeout_ms=timeout_ms)
    back.create("/back", b"x", flags=raw.EPHEMERAL)
    gone = raw.connect(server.port, timeout_ms=timeout_ms)
    gone.create("/gone", flags=raw.EPHEMERAL)
    closed = raw.connect(server.port, timeout_ms=timeout_ms)
    closed.create("/closed", flags=raw.EPHEMERAL)
    closed.submit(raw.CLOSE)
    closed.read_to_end()

    getattr(server, how)()
    # An outage longer than the sessions.
    threading.Event().wait(timeout_ms / 1000 + 0.5)
    launched = time.monotonic()
    server.start()
    serving = time.monotonic()

    watcher = raw.connect(server.port, timeout_ms=4000)
    assert watcher.exists("/gone", watch=True).owner == gone.session
    again = raw.reattach(back, server.port, timeout_ms=4000)
    assert (again.session, again.passwd) == (back.session, back.passwd)
    assert again.get("/back")[0] == b"x"
    assert again.get("/back")[1].owner == back.session
    assert watcher.get("/closed") is None
    with raw.Connection(server.port) as late:
        refusal = late.handshake(session=closed.session,
                                 passwd=closed.passwd)
        assert_refused(late, refusal, 37)

    timeout = timeout_ms / 1000
    wait_for_event(watcher, "/gone", serving - time.monotonic() + timeout
                   + TICK_MS / 1000 + EXPIRY_SLACK_SECONDS)
    assert time.monotonic() - launched >= timeout
    assert again.get("/back")[1].owner == back.session


def test_session_ids_are_not_reused_after_a_restart(server):
    before = {raw.connect(server.port).session for _ in range(20)}
    server.kill()
    server.start()
    after = {raw.connect(server.port).session for _ in range(20)}
    assert not before & after
