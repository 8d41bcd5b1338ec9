"""A seeded random conversation of several sessions with both servers.

The generator knows the tree roughly (from the reference's answers), so that
most requests find something to act on.  Equal seeds give equal conversations
as long as the reference gives equal answers.

It leaves out, or sends alone, what ZooKeeper itself answers by luck: a setACL
and a multi that fails with -5 end their burst (see cases_tree.py), auth is sent
alone, and a connection has at most one digest identity (the order in which
several replace an "auth" entry is open).
"""

import random

from differential import wire
from differential.wire import OPEN_ACL
from differential.world import Connected, Reply

CONFIG = "expiry"
SESSIONS = 6
EXPIRY_MS = 1000
BURST_MAX = 40
TREE_NODES_MAX = 300
COMPARE_EVERY = 3000  # Requests between two walks of the whole tree.
KEEPER = "keeper"  # Walks and prunes the tree as the super user.

NAMES = ("a", "b", "c", "d", "lock-", "é")
TOPS = ("/a", "/b", "/c", "/q")
QUOTA = "/zookeeper/quota"
ODD = (None, "", "/", "foo", "//", "/a/", "/a//b", "/a/.", "/a\0", "/\x01",
       "/zookeeper", "/zookeeper/config", QUOTA, "/\ufff0")
ACLS = (
    ((1, "world", "anyone"),), ((31, "auth", ""),), ((30, "world", "anyone"),),
    ((31, "digest", "u1:fpT/y03U+EjItKZOSLGvjnJlyng="),
     (1, "world", "anyone")),
    ((23, "world", "anyone"),),
    ((31, "ip", "127.0.0.1"),), ((31, "ip", "10.0.0.0/8"),), (), None,
    ((31, "nope", "x"),), ((31, "world", "anyone"), (1, "world", "anyone"),
                           (31, "world", "anyone")),
)
ACLS_TO_READ = tuple(acl for acl in ACLS if not acl or any(
    perms & 1 and scheme in ("world", "nope") for perms, scheme, _ in acl))


class RandomRun:
    """`older` keeps to what ZooKeeper 3.8 answers as later ones do."""

    def __init__(self, duo, seed, requests, older=False):
        self.duo = duo
        self.random = random.Random(seed)
        self.requests = requests
        self.older = older
        self.paths = set(TOPS)
        self.last_zxid = 0
        self.names = []
        self.users = {}  # connection -> it has a digest identity
        self.serial = 0
        self.step = 0

    def run(self):
        duo = self.duo
        duo.connect(KEEPER)
        duo.do(KEEPER, wire.auth("digest", "super:secret"))
        duo.do(KEEPER, *[wire.create(path) for path in TOPS],
               wire.create(QUOTA + "/q"),
               wire.create(QUOTA + "/q/zookeeper_limits", b"count=9,bytes=99"),
               wire.create(QUOTA + "/q/zookeeper_stats", b""))
        for _ in range(SESSIONS):
            self.new_session()
        next_compare = COMPARE_EVERY
        while duo.requests < self.requests:
            self.step += 1
            self.pick_step()()
            if duo.requests >= next_compare:
                next_compare += COMPARE_EVERY
                self.compare_state()
            self.check()
        self.compare_state()
        duo.close_all()
        duo.compare_counters()
        self.check()

    def check(self):
        if self.duo.differences:
            self.duo.label += f" at step {self.step}"
            self.duo.finish()

    def pick_step(self):
        steps = ((self.burst, 1000), (self.authenticate, 20),
                 (self.reconnect, 20), (self.move, 12),
                 (self.close_and_replace, 20), (self.expire, 4),
                 (self.bad_handshake, 8), (self.bad_opcode, 4))
        return self.weighted(steps)

    def weighted(self, choices):
        values, weights = zip(*choices)
        return self.random.choices(values, weights)[0]

    # ------------------------------------------------------------------ steps

    def burst(self):
        name = self.random.choice(self.names)
        size = self.random.randint(1, BURST_MAX)
        requests = []
        while len(requests) < size:
            request, last = self.request(name)
            requests.append(request)
            if last:
                break
        self.learn(self.duo.burst(name, requests), requests)

    def authenticate(self):
        name = self.random.choice(self.names)
        if self.random.random() < 0.3:
            self.duo.do(name, wire.auth("ip", ""))
        elif name not in self.users:
            self.users[name] = True
            user = self.random.randint(0, 2)
            self.duo.do(name, wire.auth("digest", f"u{user}:p{user}"))

    def reconnect(self):
        """The connection breaks and the session comes back on another."""
        name = self.random.choice(self.names)
        session = self.duo.session_of(name)
        self.duo.drop(name)
        self.gone(name)
        if self.random.random() < 0.5:
            self.burst()
        self.attach(session)

    def move(self):
        """The session is taken up elsewhere while its connection lives."""
        name = self.random.choice(self.names)
        self.attach(self.duo.session_of(name))
        self.duo.expect_closed(name)
        self.gone(name)

    def close_and_replace(self):
        name = self.random.choice(self.names)
        self.duo.close(name)
        self.gone(name)
        self.new_session()

    def expire(self):
        """A session with ephemerals falls silent; all wait for its end."""
        name = self.open_connection()
        self.duo.handshake(name, timeout=EXPIRY_MS)
        requests = [self.create_request(flags=self.random.choice((1, 3)))
                    for _ in range(5)]
        requests += [self.read_request(name) for _ in range(3)]
        self.learn(self.duo.burst(name, requests), requests)
        self.duo.await_closed(name)

    def bad_handshake(self):
        name = self.random.choice(self.names)
        session = self.duo.session_of(name)
        kind = self.random.randint(0, 2)
        other = self.open_connection()
        read_only = self.random.choice((None, False))
        if kind == 0:  # Ends the live connection too.
            self.duo.handshake(other, session=session, password=bytes(16),
                               read_only=read_only)
            self.duo.expect_closed(other)
            self.duo.expect_closed(name)
            self.gone(name)
            self.attach(session)
        elif kind == 1:
            self.duo.handshake(other, session=12345, read_only=read_only)
            self.duo.expect_closed(other)
        else:
            self.duo.handshake(other, last_zxid=1 << 60)

    def bad_opcode(self):
        name = self.random.choice(self.names)
        session = self.duo.session_of(name)
        self.duo.do(name, wire.raw(self.random.choice((99, 0, -1, 23, 108)),
                                   b"", "unknown"))
        self.gone(name)
        self.attach(session)

    # ------------------------------------------------------------ connections

    def open_connection(self):
        self.serial += 1
        return self.duo.open(f"c{self.serial}")

    def new_session(self):
        name = self.open_connection()
        self.duo.handshake(name)
        self.names.append(name)

    def attach(self, session):
        name = self.open_connection()
        answer = self.duo.handshake(name, session=session, password="own")
        assert isinstance(answer, Connected), answer
        self.names.append(name)

    def gone(self, name):
        self.names.remove(name)
        self.users.pop(name, None)

    # --------------------------------------------------------------- requests

    def request(self, name):
        """A request, and whether the burst has to end with it."""
        make = self.weighted((
            (self.create_request, 22), (self.delete_request, 18),
            (self.set_request, 14), (lambda: self.read_request(name), 30),
            (lambda: self.watch_request(name), 8), (self.multi_request, 7),
            (lambda: self.multi_read_request(name), 3), (self.acl_request, 2),
            (lambda: self.malformed_request(name), 1),
            (self.quota_request, 1)))
        request = make()
        ends = request.op == wire.SET_ACL or request.name == "multi, null"
        return request, ends

    def known(self):
        return self.random.choice(sorted(self.paths))

    def path(self):
        luck = self.random.random()
        if luck < 0.65:
            return self.known()
        if luck < 0.97:
            return self.new_path()
        return self.random.choice(ODD)

    def new_path(self):
        parent = self.known()
        if parent.count("/") > 4:
            parent = self.random.choice(TOPS)
        return f"{parent}/{self.random.choice(NAMES)}"

    def data(self):
        return self.weighted((
            (None, 2), (b"", 2), (self.random.randbytes(8), 10),
            (b"x" * self.random.randint(0, 60), 5), (b"y" * 3000, 1)))

    def version(self):
        return self.random.choice((-1, -1, -1, 0, 0, 1, 2, -2))

    def acl(self):
        if self.random.random() < 0.9:
            return OPEN_ACL
        # exists needs no permission in 3.8: let everybody read there.
        return self.random.choice(ACLS if not self.older else ACLS_TO_READ)

    def create_request(self, flags=None):
        path = self.new_path() if self.random.random() < 0.9 else self.path()
        kind = self.random.random()
        if flags is None and kind < 0.1:
            return wire.create_container(path, self.data(), self.acl(),
                                         self.random.choice((4, 4, 0, 2)))
        if flags is None and kind < 0.2:
            return wire.create_ttl(
                path, self.data(), self.acl(), self.random.choice((5, 6)),
                self.random.choice((1, 1 << 39, 5_000, 0)))
        if flags is None:
            flags = self.random.choice((0, 0, 0, 1, 1, 2, 3, 4, 5, 9))
        op = wire.CREATE if self.random.random() < 0.5 else wire.CREATE2
        return wire.create(path, self.data(), self.acl(), flags, op)

    def delete_request(self):
        crowded = len(self.paths) > TREE_NODES_MAX / 2
        path = self.known() if crowded else self.path()
        if path in TOPS and self.random.random() < 0.9:
            path = self.new_path()
        if not self.older and self.random.random() < 0.02 \
                and path not in (None, ""):
            return wire.delete_container(path + "/none")
        return wire.delete(path, self.version())

    def set_request(self):
        return wire.set_data(self.path(), self.data(), self.version())

    def acl_request(self):
        path = self.path()
        acl = OPEN_ACL if path in TOPS or path in ("/", *ODD) else self.acl()
        return wire.set_acl(path, acl, self.version())

    def read_request(self, name):
        path = self.path()
        watch = self.may_watch(name, "once") and self.random.random() < 0.3
        read = self.random.choice((
            wire.exists, wire.get_data, wire.get_children, wire.get_children2,
            wire.exists, wire.get_data, "other"))
        if read != "other":
            return read(path, watch)
        return self.random.choice((
            wire.get_acl(path), wire.get_all_children_number(path),
            wire.get_ephemerals(path), wire.sync(path), wire.ping(),
            wire.who_am_i()))

    def may_watch(self, name, kind):
        """ZooKeeper 3.8 forgets a watch when one of another mode joins it, so
        there each connection keeps to one kind."""
        if not self.older:
            return True
        return kind == ("once", 0, 1)[int(name.removeprefix("c")) % 3]

    def watch_request(self, name):
        path = self.random.choice((self.path(), self.known(), "/"))
        kind = self.random.random()
        if kind < 0.4:
            mode = self.random.choice((0, 1))
            if not self.may_watch(name, mode) or path is None:
                return wire.exists(path)
            return wire.add_watch(path, mode)
        if kind < 0.7:
            remove = self.random.random() < 0.6
            make = wire.remove_watches if remove else wire.check_watches
            if self.older:  # There a recursive watch counts for any path.
                return wire.get_data(path)
            return make(path, self.random.choice((1, 2, 3, 4, 5, 9)))
        lists = [[p for p in (self.path() for _ in range(
            self.random.randint(0, 4))) if p is not None] for _ in range(5)]
        for index, kind in enumerate(("once", "once", "once", 0, 1)):
            if not self.may_watch(name, kind):
                lists[index] = []
        zxid = self.random.choice((0, self.last_zxid, self.last_zxid - 20))
        if self.random.random() < 0.4:
            return wire.set_watches(zxid, *lists[:3])
        return wire.set_watches2(zxid, *lists)

    def multi_request(self):
        ops = []
        for _ in range(self.random.choice((0, 1, 2, 2, 3, 4, 6))):
            op = self.weighted(((self.create_request, 4),
                                (self.delete_request, 2),
                                (self.set_request, 3), (self.check_op, 2)))()
            flags = op.args[3] if len(op.args) > 3 else 0
            older_differs = op.args[0] is None or None in op.args[2:3] \
                or op.op == wire.CREATE2 \
                or op.op == wire.CREATE_CONTAINER and flags != 4
            if self.older and older_differs \
                    or op.op == wire.DELETE_CONTAINER \
                    or flags in (5, 6, 9) and op.op != wire.CREATE_TTL:
                continue
            ops.append(op)
        multi = wire.multi(*ops)
        if any(op.args[0] is None or None in op.args[2:3] for op in ops):
            return wire.Request(multi.op, multi.body, "multi, null", multi.args)
        return multi

    def check_op(self):
        return wire.check(self.path(), self.version())

    def multi_read_request(self, name):
        watch_chance = 0.1 if self.may_watch(name, "once") else 0
        ops = []
        for _ in range(self.random.randint(0, 4)):
            read = self.random.choice((wire.get_data, wire.get_children))
            ops.append(read(self.path() or "/none",
                            self.random.random() < watch_chance))
        return wire.multi_read(*ops)

    def malformed_request(self, name):
        if not self.may_watch(name, "once"):  # Some do decode, with a watch
            return wire.exists(self.known())
        request = self.random.choice((
            self.set_request, self.check_op, self.create_request,
            lambda: self.read_request("c0")))()
        reads_only = self.older or request.op == wire.CHECK
        op = self.random.choice((3, 4, 8, 12)) if reads_only else request.op
        if op == wire.AUTH:
            op = wire.EXISTS
        size = self.random.randint(0, max(len(request.body) - 1, 0))
        return wire.raw(op, request.body[:size], "cut short")

    def quota_request(self):
        stats = QUOTA + "/q/zookeeper_stats"
        return self.random.choice((
            wire.get_data(stats), wire.get_data(stats),
            wire.exists(stats, True),
            wire.set_data(QUOTA + "/q/zookeeper_limits", b"count=3,bytes=9"),
            wire.delete(stats), wire.create(stats, b"count=0,bytes=0")))

    # ------------------------------------------------------------------ state

    def learn(self, items, requests):
        """Keeps the known paths in step with the reference's answers."""
        # A ping that waits for long overtakes.
        replies = (i for i in items
                   if isinstance(i, Reply) and i.xid != wire.PING_XID)
        requests = (r for r in requests if r.op != wire.PING)
        for request, reply in zip(requests, replies):
            self.last_zxid = max(self.last_zxid, reply.zxid)
            if reply.err != 0:
                continue
            if request.op == wire.DELETE:
                self.paths.discard(request.args[0])
            elif request.op == wire.CREATE:
                self.add(reply.body)
            elif request.op in (wire.CREATE2, wire.CREATE_CONTAINER,
                                wire.CREATE_TTL):
                self.add(reply.body[0])
        self.paths.update(TOPS)

    def add(self, path):
        if not path.startswith("/zookeeper"):
            self.paths.add(path)

    def compare_state(self):
        duo = self.duo
        duo.do(KEEPER, wire.set_acl("/", OPEN_ACL))
        tree = duo.compare_tree(KEEPER)
        duo.compare_counters()
        duo.compare_words("wchs")
        self.paths = {p for p in tree
                      if p != "/" and not p.startswith("/zookeeper")}
        if len(self.paths) > TREE_NODES_MAX:
            doomed = sorted((p for p in self.paths if p.count("/") > 1),
                            reverse=True)
            duo.burst(KEEPER, [wire.delete(p) for p in doomed])
            self.paths = set()
        self.paths.update(TOPS)
