"""Clients that behave badly, and what the server owes the others meanwhile.

Each test states how much the server's resident memory may grow at its peak
(checked for Paddock only: a Java heap keeps what it once had) and checks the
p99 of a well-behaved client beside the bad ones.
"""

import contextlib
import pathlib
import resource
import socket
import struct
import subprocess
import threading
import time

import pytest

import conftest
import neighbour
import raw
import servers

MB = 1 << 20
P99_SECONDS = 0.5
FAST_TICKS = {"tickTime": 500}


# ---- What the tests share ----


def memory_mb(pid, field):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    line = next(s for s in status.splitlines() if s.startswith(field + ":"))
    return int(line.split()[1]) / 1024


@contextlib.contextmanager
def growth_at_most(server, megabytes):
    """The server's peak memory may exceed what it is now by so much."""
    pathlib.Path(f"/proc/{server.pid}/clear_refs").write_text("5")
    before = memory_mb(server.pid, "VmRSS")
    yield
    growth = memory_mb(server.pid, "VmHWM") - before
    print(f"memory: {before:.0f} MB + {growth:.0f} MB (at most {megabytes})")
    if conftest.KIND == "paddock":
        assert growth <= megabytes


@contextlib.contextmanager
def bounds(server, megabytes, p99_seconds=P99_SECONDS):
    """Both bounds; yields the neighbour."""
    with growth_at_most(server, megabytes):
        with neighbour.beside(server.port, p99_seconds) as beside:
            yield beside


def mntr(server, key):
    for line in servers.four_letter_word(server.port, "mntr").splitlines():
        name, _, value = line.partition("\t")
        if name == "zk_" + key:
            return float(value)
    raise AssertionError(f"mntr has no zk_{key}")


def raise_file_limit(wanted):
    """Raises the limit for this process and the servers it starts."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return limit


def assert_all_ok(replies):
    assert {r.err for r in replies} <= {0}


# ---- Many connections ----


@pytest.mark.timeout(300)
def test_ten_thousand_connections(make_server):
    """20 KB a connection, and 50 MB."""
    spare = 600  # Files of the test and of the server beside its clients.
    count = min(10000, raise_file_limit(10000 + spare) - spare)
    if count < 10000:
        print(f"only {count} connections: the hard limit of open files")
    server = make_server({"maxSessionTimeout": 200000}).start()
    with bounds(server, 50 + count * 20 // 1024, p99_seconds=1) as beside:
        crowd = []
        for at in range(0, count, 40):  # Below Java's listen backlog of 50.
            batch = [raw.Connection(server.port)
                     for _ in range(min(40, count - at))]
            for conn in batch:
                conn.send(raw.connect_request(timeout_ms=200000))
            for conn in batch:
                reply = raw.parse_handshake(conn.read_frame())
                assert reply.session and reply.timeout
            crowd += batch
        beside.wait_rounds(100)
        assert mntr(server, "num_alive_connections") >= count
        for conn in crowd:
            conn.submit(raw.PING, xid=raw.PING_XID)
        for conn in crowd:
            assert conn.read_reply().err == 0
        for conn in crowd:
            conn.sock.close()
        servers.wait_until(
            lambda: mntr(server, "num_alive_connections") < 20,
            what="closed connections are forgotten")


@pytest.mark.timeout(600)
@pytest.mark.server_config(FAST_TICKS)
def test_connection_churn_leaves_nothing_behind(server, full):
    """Short sessions, one in ten lost without a close; 48 MB."""
    with bounds(server, 48):
        for i in range(20000 if full else 3000):
            conn = raw.connect(server.port, timeout_ms=1000)
            conn.create("/churn-", b"", raw.EPHEMERAL | raw.SEQUENTIAL)
            if i % 10:
                assert conn.call(raw.CLOSE).err == 0
            conn.sock.close()
    servers.wait_until(lambda: mntr(server, "ephemerals_count") == 0,
                       what="lost sessions expire")
    servers.wait_until(lambda: mntr(server, "global_sessions") == 0,
                       what="no session is left")
    assert mntr(server, "num_alive_connections") <= 1


@pytest.mark.server_config({"maxClientCnxns": 3})
def test_max_client_cnxns(server):
    def opened():
        """A connection with a session, or None when it was refused."""
        try:
            conn = raw.Connection(server.port)
            assert conn.handshake().session != 0
            return conn
        except (raw.Closed, OSError):
            return None

    # The one that looked whether the server is up may take a moment to go.
    first = servers.wait_until(opened, what="a first connection")
    second = servers.wait_until(opened, what="a second connection")
    third = servers.wait_until(opened, what="a third connection")
    for _ in range(5):
        assert opened() is None
    for conn in (first, second, third):
        conn.ping()
    second.sock.close()
    replacement = servers.wait_until(opened, what="room for another")
    assert opened() is None
    replacement.ping()


@pytest.mark.server_config({"nio.sessionlessCnxnTimeout": 1000})
@pytest.mark.parametrize("sent", [
    b"", b"\0\0", b"ru", raw.connect_request()[:20]],
    ids=["nothing", "half a length", "half a word", "half a handshake"])
def test_idle_connection_without_a_session_is_closed(server, sent):
    with raw.Connection(server.port) as conn:
        began = time.monotonic()
        if sent:
            conn.send(sent)
        assert conn.read_to_end(10) == []
        assert 0.9 <= time.monotonic() - began <= 4


@pytest.mark.timeout(60)
def test_idle_connection_without_a_session_by_default(server, full):
    if not full:
        pytest.skip("takes 20 s: full run only")
    with raw.Connection(server.port) as conn:
        began = time.monotonic()
        assert conn.read_to_end(30) == []
        assert 9.9 <= time.monotonic() - began <= 23


# ---- Half of something ----


def test_half_open_clients(server):
    """1,000 of them with 16 KB each and 16 MB."""
    session_request = raw.request(1, raw.CREATE, raw.create_body("/x", b"x"))
    stages = [b"", b"\0\0", b"ruo", raw.connect_request()[:30]]
    with bounds(server, 32) as beside:
        crowd = []
        for i in range(1000):
            conn = raw.Connection(server.port)
            crowd.append(conn)
            if i % 5 < 4:
                conn.send(stages[i % 5])
            else:
                conn.handshake(timeout_ms=30000)
                conn.send(session_request[:-3])
        beside.wait_rounds(200)
        # Cut in both ways: a reset and a half-close.
        for conn in crowd[::2]:
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                 struct.pack("ii", 1, 0))
            conn.sock.close()
        for conn in crowd[1::2]:
            conn.sock.shutdown(socket.SHUT_WR)
        for conn in crowd[1::2]:
            for message in conn.read_to_end():
                assert message.err == 0
    assert raw.connect(server.port).get("/x") is None


def test_byte_at_a_time_clients(server):
    """50 of them send each byte alone; 16 MB."""
    with bounds(server, 16):
        crowd = [raw.connect(server.port, timeout_ms=30000)
                 for _ in range(50)]
        requests = [raw.request(1, raw.CREATE, raw.create_body(f"/b{i}", b"x"))
                    + raw.request(2, raw.GET, raw.read_body(f"/b{i}"))
                    for i in range(50)]
        for at in range(max(map(len, requests))):
            for conn, data in zip(crowd, requests):
                if at < len(data):
                    conn.send(data[at:at + 1])
        for conn in crowd:
            assert [(r.xid, r.err) for r in (conn.read_reply(),
                                             conn.read_reply())] == [
                (1, 0), (2, 0)]


# ---- Lengths that lie ----

BAD_LENGTHS = [-1, -(1 << 31), 0x7fffffff, raw.FRAME_MAX + 1, 0x40000000]


@pytest.mark.parametrize("length", BAD_LENGTHS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_frame_length_out_of_range_closes(server, length, when):
    conn = raw.Connection(server.port)
    if when == "after":
        conn.handshake()
    conn.send(struct.pack(">i", length))
    assert conn.read_to_end() == []
    raw.connect(server.port).ping()


def test_four_letter_word_after_the_handshake_is_a_length(server):
    conn = raw.connect(server.port)
    conn.send(b"ruok")
    assert conn.read_to_end() == []


@pytest.mark.parametrize("payload", [b"", b"\0\0\0\1", b"\0" * 7])
def test_frame_too_short_for_a_header_closes(server, payload):
    conn = raw.connect(server.port)
    conn.send(raw.frame(payload))
    assert conn.read_to_end() == []


HUGE = struct.pack(">i", 0x7fffffff)


@pytest.mark.parametrize("code, body", [
    (raw.CREATE, HUGE),
    (raw.CREATE, struct.pack(">i", -2)),
    (raw.CREATE, raw.buffer("/lie") + HUGE + b"x"),
    (raw.CREATE, raw.buffer("/lie") + raw.buffer(b"x") + HUGE),
    (raw.SET, raw.buffer("/lie") + HUGE),
    (raw.GET, struct.pack(">i", 1000) + b"/lie"),
    (raw.MULTI, struct.pack(">i?i", raw.CREATE, False, -1) + HUGE),
    (raw.MULTI, struct.pack(">i?i", raw.CREATE, False, -1)),
    (raw.SET_WATCHES, struct.pack(">q", 0) + HUGE),
])
def test_length_inside_a_request_lies(server, code, body):
    """The request fails, the connection goes on; 16 MB."""
    conn = raw.connect(server.port)
    with growth_at_most(server, 16):
        for _ in range(100):
            reply = conn.call(code, body)
            assert (reply.err, reply.body) == (-5, b"")
    conn.ping()
    assert conn.get("/lie") is None


def test_lengths_larger_than_what_is_sent(server):
    """200 clients announce 1 MB and send 10 bytes; 32 MB."""
    with bounds(server, 32) as beside:
        crowd = []
        for i in range(200):
            conn = raw.Connection(server.port)
            if i % 2:
                conn.handshake(timeout_ms=30000)
            conn.send(struct.pack(">i", raw.FRAME_MAX) + b"0123456789")
            crowd.append(conn)
        beside.wait_rounds(200)
        for conn in crowd:
            conn.sock.shutdown(socket.SHUT_WR)
            assert conn.read_to_end() == []


def test_largest_frame_is_accepted_and_one_byte_more_is_not(server):
    conn = raw.connect(server.port)
    conn.create("/big")
    room = raw.FRAME_MAX - 8 - len(raw.set_body("/big", b""))
    assert conn.call(raw.SET, raw.set_body("/big", b"b" * room)).err == 0
    assert conn.get("/big")[0] == b"b" * room
    # The server hangs up as soon as it has seen the length.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        conn.submit(raw.SET, raw.set_body("/big", b"c" * (room + 1)))
    assert conn.read_to_end() == []
    other = raw.connect(server.port)
    assert other.get("/big")[0] == b"b" * room


# ---- Slow and greedy readers ----


def test_clients_that_never_read(server):
    """8 clients ask for 1 MB a thousand times; 16 MB each and 64 MB."""
    writer = raw.connect(server.port)
    big = bytes(MB - 100)
    writer.create("/big", big)
    with bounds(server, 64 + 8 * 16) as beside:
        crowd = []
        for _ in range(8):
            conn = raw.Connection(server.port, receive_buffer=4096)
            conn.handshake(timeout_ms=40000)
            conn.send(b"".join(raw.request(i, raw.GET, raw.read_body("/big"))
                               for i in range(1, 1001)))
            crowd.append(conn)
        beside.wait_rounds(400)
        # One of them reads after all: nothing was lost or torn.
        for xid in range(1, 101):
            reply = crowd[0].read_reply()
            assert (reply.xid, reply.err) == (xid, 0)
            assert raw.take_buffer(reply.body)[0] == big
        for conn in crowd:
            conn.sock.close()
        beside.wait_rounds(100)


@pytest.mark.timeout(300)
def test_reads_behind_a_write_of_a_client_that_does_not_read(server):
    """8 clients write once and ask for 1 MB 300 times in one breath.

    All the reads wait for the write, then for the client: 16 MB each and
    64 MB.  The client that reads late loses nothing.
    """
    writer = raw.connect(server.port)
    big = bytes(MB - 100)
    writer.create("/big", big)
    asked = [(raw.SET, raw.set_body("/small", b""))]
    asked += [(raw.GET, raw.read_body("/big"))] * 300
    writer.create("/small")
    with bounds(server, 64 + 8 * 16) as beside:
        crowd = []
        for _ in range(8):
            conn = raw.Connection(server.port, receive_buffer=4096)
            conn.handshake(timeout_ms=40000)
            conn.send(b"".join(raw.request(xid, op, body)
                               for xid, (op, body) in enumerate(asked, 1)))
            crowd.append(conn)
        beside.wait_rounds(400)
        for xid in range(1, len(asked) + 1):
            reply = crowd[0].read_reply()
            assert (reply.xid, reply.err) == (xid, 0)
        assert crowd[0].ping().err == 0
        for conn in crowd:
            conn.sock.close()
        beside.wait_rounds(100)


@pytest.mark.timeout(300)
def test_neighbours_of_requests_that_take_long(server):
    """20 clients pipeline 100 requests that walk 50,000 nodes each."""
    writer = raw.connect(server.port)
    writer.create("/deep")
    writer.create("/deep/er")
    replies = writer.pipeline(
        [(raw.CREATE, raw.create_body(f"/deep/er/{i}")) for i in range(50000)])
    assert_all_ok(replies)
    count = raw.buffer("/deep")
    with neighbour.beside(server.port, P99_SECONDS) as beside:
        crowd = [raw.connect(server.port) for _ in range(20)]
        for conn in crowd:
            conn.send(b"".join(raw.request(xid, 104, count)
                               for xid in range(1, 101)))
        for conn in crowd:
            for xid in range(1, 101):
                reply = conn.read_reply()
                assert (reply.xid, reply.err) == (xid, 0)
                assert reply.body == struct.pack(">i", 50001)
            conn.sock.close()
        beside.wait_rounds(20)
    assert "was not run" not in server.log()


@pytest.mark.paddock_only("Java keeps events for a slow reader without end")
@pytest.mark.server_config({"client.unsentHardLimit": 16})
@pytest.mark.timeout(300)
def test_watcher_that_never_reads(server):
    """100 MB of events for a client that never reads them.

    It is cut at 16 MB; the buffer may have doubled by then, and was copied:
    64 MB.
    """
    path = "/" + "w" * 1000
    conn = raw.connect(server.port)
    conn.create(path)
    slow = raw.Connection(server.port, receive_buffer=4096)
    slow.handshake(timeout_ms=40000)
    add_watch = raw.buffer(path) + struct.pack(">i", 0)
    assert slow.call(106, add_watch).err == 0
    with bounds(server, 64):
        sets = [(raw.SET, raw.set_body(path, b""))] * 1000
        for _ in range(100):
            assert_all_ok(conn.pipeline(sets, window=1000))
    # What it still gets is in order, and then comes the close.
    seen = 0
    with pytest.raises(raw.Closed):
        while True:
            event = raw.parse(slow.read_frame())
            assert (event.type, event.path) == (3, path)
            seen += 1
    assert seen < 100000


# ---- Large data ----


@pytest.mark.timeout(300)
def test_nodes_of_one_megabyte(server):
    """64 nodes of 1 MB written three times; 3 x 64 MB and 64 MB."""
    def content(writer, i, turn):
        return bytes([writer, i, turn]) * (340 * 1024)

    def work(index, failures):
        try:
            conn = raw.connect(server.port, timeout_ms=40000)
            for i in range(16):
                conn.create(f"/m{index}-{i}")
            for turn in range(3):
                assert_all_ok(conn.pipeline([
                    (raw.SET, raw.set_body(f"/m{index}-{i}",
                                           content(index, i, turn)))
                    for i in range(16)], window=4))
            for i in range(16):
                data, stat = conn.get(f"/m{index}-{i}")
                assert data == content(index, i, 2)
                assert stat.version == 3
        except BaseException as error:  # Reported by the test's thread.
            failures.append(error)

    failures = []
    with bounds(server, 4 * 64, p99_seconds=1.5):
        threads = [threading.Thread(target=work, args=(i, failures))
                   for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not failures, failures


@pytest.mark.timeout(300)
def test_a_hundred_thousand_children(server):
    """1 KB a child, and 96 MB for eight listings at a time."""
    count = 100000
    conn = raw.connect(server.port, timeout_ms=40000)
    conn.create("/p")
    names = [f"child-{i:08}" for i in range(count)]
    with bounds(server, 96 + count // 1024, p99_seconds=1):
        assert_all_ok(conn.pipeline([
            (raw.CREATE, raw.create_body(f"/p/{name}")) for name in names],
            window=1000))
        readers = [raw.connect(server.port, timeout_ms=40000)
                   for _ in range(8)]
        for reader in readers:
            for _ in range(3):
                reader.submit(raw.CHILDREN2, raw.read_body("/p", True))
        for reader in readers:
            for _ in range(3):
                reply = reader.read_reply()
                listed, at = raw.take_strings(reply.body)
                assert len(listed) == count and set(listed) == set(names)
                stat = raw.take_stat(reply.body, at)
                assert (stat.num_children, stat.cversion) == (count, count)
        assert_all_ok(conn.pipeline([
            (raw.DELETE, raw.delete_body(f"/p/{name}")) for name in names],
            window=1000))
        assert conn.children("/p") == []
        for reader in readers:  # One-shot: one event, however many changes.
            reader.ping()
            assert [(e.type, e.path) for e in reader.events] == [(4, "/p")]


# ---- Too many requests ----


@pytest.mark.server_config({"globalOutstandingLimit": 10})
@pytest.mark.timeout(300)
def test_others_are_served_while_requests_wait(server):
    """Floods far above globalOutstandingLimit; 64 MB."""
    clients, flood, data = 8, 300, b"d" * 20000
    crowd = [raw.connect(server.port, timeout_ms=40000)
             for _ in range(clients)]
    for i, conn in enumerate(crowd):
        conn.create(f"/f{i}")

    def send(i):
        for xid in range(10, 10 + flood):
            crowd[i].submit(raw.SET, raw.set_body(f"/f{i}", data), xid)

    with bounds(server, 64):
        senders = [threading.Thread(target=send, args=(i,))
                   for i in range(clients)]
        for sender in senders:
            sender.start()
        # The limit delays requests; it refuses none and keeps their order.
        for i, conn in enumerate(crowd):
            for xid in range(10, 10 + flood):
                reply = conn.read_reply()
                assert (reply.xid, reply.err) == (xid, 0)
        for sender in senders:
            sender.join()
    for i, conn in enumerate(crowd):
        assert conn.get(f"/f{i}")[1].version == flood


# ---- Stop and start ----


def run_until_closed(conns, stop_after, stop):
    """Creates nodes with 64 in flight on each connection; calls `stop` after
    so many replies.  Returns the acknowledged paths and what each connection
    left of an unfinished reply."""
    acked, leftovers = [], {}
    open_conns = {c.sock: (i, c) for i, c in enumerate(conns)}
    waiting = {sock: [] for sock in open_conns}
    stopped = False
    while open_conns:
        for sock, (i, conn) in open_conns.items():
            while not stopped and len(waiting[sock]) < 64:
                path = f"/c{i}-{next(conn.xids)}"
                waiting[sock].append(path)
                conn.submit(raw.CREATE, raw.create_body(path, b"d" * 100))
        for sock in raw.wait_readable(open_conns):
            conn = open_conns[sock][1]
            try:
                chunk = sock.recv(1 << 18)
            except ConnectionResetError:
                chunk = b""
            if not chunk:
                assert stopped, "closed before the stop"
                leftovers[open_conns.pop(sock)[0]] = bytes(conn.pending)
                continue
            conn.pending += chunk
            for payload in raw.take_frames(conn.pending):
                assert raw.parse(payload).err == 0
                acked.append(waiting[sock].pop(0))
        if not stopped and len(acked) >= stop_after:
            stop()
            stopped = True
    return acked, leftovers


@pytest.mark.parametrize("stop_after", [1, 500, 3000])
def test_sigterm_under_load_leaves_no_half_reply(server, stop_after):
    conns = [raw.connect(server.port) for _ in range(8)]
    acked, leftovers = run_until_closed(
        conns, stop_after, server.process.terminate)
    assert set(leftovers.values()) == {b""}, "half a reply"
    status = server.process.wait(30)
    if conftest.KIND == "paddock":
        assert status == 0
    server.start()  # On the same port, at once.
    conn = raw.connect(server.port)
    assert set(acked) <= {f"/{name}" for name in conn.children("/")}


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_port_is_reopened_right_after_an_end(server, how):
    for _ in range(3):
        conns = [raw.connect(server.port) for _ in range(20)]
        getattr(server, how)()
        server.start()
        raw.connect(server.port).ping()
        del conns


@pytest.mark.paddock_only("Java does not lock its data folder")
def test_second_process_on_the_same_data_folder_is_refused(
        server, make_server):
    conn = raw.connect(server.port)
    conn.create("/first")
    second = make_server({"dataDir": server.data_dir})
    second.launch()
    assert second.process.wait(20) != 0
    assert str(server.data_dir) in second.log().splitlines()[-1]
    with pytest.raises(OSError):
        socket.create_connection((second.host, second.port), timeout=5)
    conn.create("/second")
    server.stop()
    # The lock ends with its process.
    second.start()
    assert raw.connect(second.port).get("/second")


def test_port_in_use_is_refused(server, make_server):
    second = make_server(port=server.port)
    second.launch()
    try:
        assert second.process.wait(20) != 0
    except subprocess.TimeoutExpired:
        pytest.fail("a second process on the port goes on")
    assert conftest.KIND != "paddock" or str(server.port) in second.log()
    raw.connect(server.port).ping()


@pytest.mark.paddock_only("Java accepts before it can serve")
def test_client_that_arrives_during_start_up_is_not_left_hanging(server):
    conn = raw.connect(server.port, timeout_ms=40000)
    conn.create("/p")
    assert_all_ok(conn.pipeline([
        (raw.CREATE, raw.create_body(f"/p/{i}", b"d" * 200))
        for i in range(50000)], window=1000))
    server.kill()
    server.launch()
    began = time.monotonic()
    refused = closed = 0
    while True:
        assert time.monotonic() - began < 60
        assert server.process.poll() is None
        try:
            with raw.Connection(server.port) as early:
                early.send(raw.connect_request())
                # Fails with TimeoutError when it is left hanging.
                early.read_frame(5)
                break
        except ConnectionRefusedError:
            refused += 1
        except (raw.Closed, ConnectionError):
            closed += 1
    print(f"refused {refused} times, closed {closed} times")
    assert raw.connect(server.port).exists("/p").num_children == 50000
