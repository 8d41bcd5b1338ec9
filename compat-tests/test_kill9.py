"""kill -9 at random moments under load.

Writers keep many requests in flight.  After a random number of replies the
server is killed; what it still sent counts as acknowledged.  Then the server
starts again, the sessions re-attach, and the tree is compared with a model:

* every acknowledged write is there, and none was applied twice;
* of each session's writes in flight a prefix was applied, in the order sent;
* ephemerals of live sessions stay, those of closed sessions do not come back;
* sequence numbers never repeat, also not those of deleted nodes;
* zxids never go back and never repeat.

PADDOCK_TEST_SEED repeats a run's requests; moments differ all the same.
"""

import collections
import os
import random
import threading

import pytest

import raw

WRITERS = 4
SESSION_MS = 40000  # No session expires during a round.
SHARED = "/seq"


class Op:
    """A write: its request, and whether it was acknowledged or applied."""

    def __init__(self, kind, code, body, path, data=b""):
        self.kind, self.code, self.body = kind, code, body
        self.path, self.data = path, data
        self.reply = None
        self.applied = None


class Writer:
    """One session with writes in flight on nodes of its own."""

    def __init__(self, index, port):
        self.home = f"/k{index}"
        self.index = index
        self.names = 0
        self.version = 0      # Applied sets of the counter node.
        self.changes = 0      # Applied creates and deletes below home.
        self.nodes = {}       # Path below home: (data, is ephemeral).
        self.deletable = []
        self.ops = []         # Of this round, in the order sent.
        self.in_flight = collections.deque()
        self.conn = raw.connect(port, timeout_ms=SESSION_MS)
        self.conn.create(self.home)
        self.conn.create(self.home + "-counter", b"0")

    def next_op(self, rng):
        """Makes the next write.  Deletes are of nodes of earlier rounds."""
        self.names += 1
        data = b"%d-" % self.names + rng.randbytes(rng.choice((0, 9, 2000)))
        path = f"{self.home}/n{self.names}"
        kind = rng.choices(("create", "set", "sequential", "delete", "multi",
                            "ephemeral"), (4, 3, 4, 3, 1, 1))[0]
        if kind == "set":
            number = b"%d" % (self.version + 1 + sum(
                op.kind == "set" for op in self.ops))
            path = self.home + "-counter"
            return Op(kind, raw.SET, raw.set_body(path, number), path, number)
        if kind == "sequential":
            token = b"%d.%d" % (self.index, self.names)
            path = SHARED + "/s-"
            return Op(kind, raw.CREATE, raw.create_body(
                path, token, raw.SEQUENTIAL), path, token)
        if kind == "delete" and self.deletable:
            # The newest ones first: their sequence numbers tempt to be reused.
            path = self.deletable.pop()
            return Op(kind, raw.DELETE, raw.delete_body(path), path)
        if kind == "multi":
            return Op(kind, raw.MULTI, raw.multi_body(
                [(raw.CREATE, raw.create_body(path + half, data))
                 for half in "ab"]), path, data)
        flags = raw.EPHEMERAL if kind == "ephemeral" else 0
        return Op("ephemeral" if flags else "create", raw.CREATE,
                  raw.create_body(path, data, flags), path, data)

    def fill(self, rng, window):
        batch = []
        while len(self.in_flight) < window:
            op = self.next_op(rng)
            op.xid = next(self.conn.xids)
            batch.append(raw.request(op.xid, op.code, op.body))
            self.ops.append(op)
            self.in_flight.append(op)
        self.conn.send(b"".join(batch))

    def take(self, payload):
        """Notes a reply.  Replies come in order, and nothing may fail."""
        reply = raw.parse(payload)
        op = self.in_flight.popleft()
        assert reply.xid == op.xid, (reply, op.path)
        assert reply.err == 0, (op.kind, op.path, reply)
        assert reply.zxid > self.conn.zxid, "a zxid went back"
        self.conn.zxid = reply.zxid
        op.reply = reply
        return reply


class Model:
    """What the tree must hold."""

    def __init__(self, port):
        self.writers = [Writer(i, port) for i in range(WRITERS)]
        self.writers[0].conn.create(SHARED)
        self.sequential = {}  # Path below SHARED: token.
        self.number_max = -1
        self.zxids = set()    # Of all acknowledged writes.
        self.zxid_max = 0


def load_and_kill(server, writers, rng, window, replies_wanted):
    """Keeps requests in flight until enough replies came, then kills.

    Reads what was sent before the end: those are acknowledgements too."""
    by_socket = {w.conn.sock: w for w in writers}
    killed = False
    replies = 0
    for writer in writers:
        writer.fill(rng, window)
    while by_socket:
        for sock in raw.wait_readable(by_socket):
            writer = by_socket[sock]
            try:
                chunk = sock.recv(1 << 18)
            except ConnectionResetError:
                chunk = b""
            if not chunk:
                assert killed, "the server closed a connection"
                del by_socket[sock]
                continue
            writer.conn.pending += chunk
            for payload in raw.take_frames(writer.conn.pending):
                writer.take(payload)
                replies += 1
            if not killed:
                writer.fill(rng, window)
        if not killed and replies >= replies_wanted:
            server.kill()
            killed = True


def read_nodes(conn, paths):
    """Returns {path: (data, Stat)} of those paths that exist."""
    found = {}
    replies = conn.pipeline([(raw.GET, raw.read_body(p)) for p in paths])
    for path, reply in zip(paths, replies):
        if reply.err == 0:
            data, at = raw.take_buffer(reply.body)
            found[path] = (data, raw.take_stat(reply.body, at))
        else:
            assert reply.err == raw.NONODE, (path, reply)
    return found


def settle_sequential(model, reader):
    """Finds out which sequential creates of the round were applied."""
    listed = {f"{SHARED}/{name}" for name in reader.children(SHARED)}
    new = read_nodes(reader, sorted(listed - set(model.sequential)))
    by_token = {}
    for path, (token, _) in new.items():
        assert token not in by_token, f"{token} was created twice"
        by_token[token] = path
        number = int(path[-10:])
        assert number > model.number_max, f"{path}: a number came again"
    for writer in model.writers:
        for op in writer.ops:
            if op.kind == "sequential":
                path = by_token.pop(op.data, None)
                op.applied = path is not None
                if op.reply:
                    acked = raw.take_buffer(op.reply.body)[0].decode()
                    assert acked == path, "an acknowledged create is lost"
            elif op.kind == "delete" and op.path.startswith(SHARED):
                op.applied = op.path not in listed
    assert not by_token, f"nobody created {by_token}"
    deleted = {op.path for w in model.writers for op in w.ops
               if op.kind == "delete" and op.applied}
    assert set(model.sequential) - listed <= deleted
    model.sequential = {p: t for p, t in model.sequential.items()
                        if p in listed}
    model.sequential.update((p, token) for p, (token, _) in new.items())
    numbers = [int(p[-10:]) for p in new]
    model.number_max = max([model.number_max, *numbers])
    return {token: path for path, (token, _) in new.items()}


def settle_own(writer, reader):
    """Finds out which other writes of the round were applied."""
    paths = []
    for op in writer.ops:
        paths += ([op.path + "a", op.path + "b"] if op.kind == "multi" else
                  [op.path] if op.kind != "sequential" else [])
    found = read_nodes(reader, paths)
    counter = writer.home + "-counter"
    value, stat = read_nodes(reader, [counter])[counter]
    assert int(value) == stat.version, "a set was applied twice"
    for op in writer.ops:
        if op.kind == "multi":
            halves = [op.path + half in found for half in "ab"]
            assert halves[0] == halves[1], f"half of multi {op.path}"
            op.applied = halves[0]
        elif op.kind == "set":
            op.applied = int(op.data) <= stat.version
        elif op.kind == "delete" and not op.path.startswith(SHARED):
            op.applied = op.path not in found
        elif op.kind in ("create", "ephemeral"):
            op.applied = op.path in found
            if op.applied:
                data, node = found[op.path]
                assert data == op.data
                assert not op.reply or node.czxid == op.reply.zxid
                owner = writer.conn.session if op.kind == "ephemeral" else 0
                assert node.owner == owner, op.path
    writer.version = stat.version


def settle_order(writer):
    """An acknowledged write is there; of the others a prefix is."""
    missing = None
    for op in writer.ops:
        if op.reply:
            assert op.applied, f"acknowledged {op.kind} {op.path} is lost"
        if not op.applied:
            missing = missing or op
        else:
            assert missing is None, (
                f"{op.kind} {op.path} is there, but {missing.kind} "
                f"{missing.path} sent before it is not")


def commit_round(writer, created):
    """Moves the round's applied writes into the model."""
    for op in writer.ops:
        if op.kind == "delete":
            if not op.applied:
                writer.deletable.append(op.path)
            elif op.path in writer.nodes:
                del writer.nodes[op.path]
                writer.changes += 1
        elif op.kind == "sequential" and op.applied:
            writer.deletable.append(created[op.data])
        elif op.kind in ("create", "ephemeral") and op.applied:
            writer.nodes[op.path] = (op.data, op.kind == "ephemeral")
            writer.changes += 1
            if op.kind == "create":
                writer.deletable.append(op.path)
        elif op.kind == "multi" and op.applied:
            for half in "ab":
                writer.nodes[op.path + half] = (op.data, False)
                writer.changes += 1
    writer.ops = []
    writer.in_flight.clear()


def check_home(writer, reader):
    """The children are those of the model, and none was applied twice."""
    listed = {f"{writer.home}/{n}" for n in reader.children(writer.home)}
    assert listed == set(writer.nodes)
    stat = reader.exists(writer.home)
    assert stat.cversion == writer.changes
    assert stat.num_children == len(writer.nodes)


def check_round(model, server):
    reader = raw.connect(server.port, timeout_ms=SESSION_MS)
    assert reader.ping().zxid >= model.zxid_max, "the server lost a zxid"
    for writer in model.writers:
        settle_own(writer, reader)
    created = settle_sequential(model, reader)
    for writer in model.writers:
        settle_order(writer)
        acked = [op.reply.zxid for op in writer.ops if op.reply]
        assert not model.zxids.intersection(acked), "a zxid came again"
        model.zxids.update(acked)
        commit_round(writer, created)
        check_home(writer, reader)
    reader.call(raw.CLOSE)
    model.zxid_max = max(model.zxid_max, reader.zxid)


def check_everything(model, server):
    """Reads every node of the model back."""
    reader = raw.connect(server.port, timeout_ms=SESSION_MS)
    for writer in model.writers:
        found = read_nodes(reader, list(writer.nodes))
        for path, (data, ephemeral) in writer.nodes.items():
            assert found[path][0] == data, path
            owner = writer.conn.session if ephemeral else 0
            assert found[path][1].owner == owner, path
    found = read_nodes(reader, list(model.sequential))
    assert {p: d for p, (d, _) in found.items()} == model.sequential


def reattach_all(model, server):
    for writer in model.writers:
        old = writer.conn
        try:
            writer.conn = raw.reattach(old, server.port,
                                       timeout_ms=SESSION_MS)
        except raw.Closed:
            pytest.fail(f"the server has lost zxid 0x{old.zxid:x}")
        assert writer.conn.session == old.session, "a live session is gone"
        writer.conn.zxid = max(old.zxid, model.zxid_max)


def close_one_session(model, server, rng):
    """A closed session's ephemerals go and must not come back."""
    writer = rng.choice(model.writers)
    assert writer.conn.call(raw.CLOSE).err == 0
    ephemerals = [p for p, (_, eph) in writer.nodes.items() if eph]
    for path in ephemerals:
        del writer.nodes[path]
        writer.changes += 1
    writer.conn = raw.connect(server.port, timeout_ms=SESSION_MS)
    writer.conn.ping()
    check_home(writer, writer.conn)


def kill_while_starting(server, rng):
    """Kills a server somewhere in its start-up, replay included."""
    server.launch()
    threading.Event().wait(rng.random() ** 2 * 0.3)
    server.kill()


OFTEN = {"checkpoint.changes": 100, "checkpoint.logKb": 64}


@pytest.mark.timeout(2400)
@pytest.mark.parametrize("checkpoints", [
    "seldom", pytest.param("often", marks=pytest.mark.server_config(OFTEN))])
def test_nothing_acknowledged_is_lost(server, full, checkpoints):
    seed = int(os.environ.get("PADDOCK_TEST_SEED", random.randrange(1 << 32)))
    rounds = 200 if full else 5
    print(f"PADDOCK_TEST_SEED={seed}, {rounds} rounds")
    rng = random.Random(seed)
    model = Model(server.port)
    for number in range(rounds):
        window = rng.choice((1, 4, 16, 64, 200))
        wanted = rng.randrange(1, 1500)
        print(f"round {number}: window {window}, kill after {wanted} replies")
        load_and_kill(server, model.writers, rng, window, wanted)
        model.zxid_max = max([model.zxid_max,
                              *(w.conn.zxid for w in model.writers)])
        if rng.random() < 0.25:
            kill_while_starting(server, rng)
        server.start()
        reattach_all(model, server)
        check_round(model, server)
        if rng.random() < 0.3:
            close_one_session(model, server, rng)
        if number % 50 == 49:
            check_everything(model, server)
    check_everything(model, server)
    server.stop()
    server.start()
    check_everything(model, server)
