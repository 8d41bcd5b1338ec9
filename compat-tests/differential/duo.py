"""Two servers in step: everything is done to both, and what comes back is
compared item by item.

One connection acts at a time.  A burst of requests is pipelined on it and its
replies are read; then every other connection is pinged, so that the events it
received have a definite place too.  That makes the whole conversation, zxids
included, the same on two servers that behave the same.
"""

import collections
import dataclasses
import re

import servers
from differential import deliberate
from differential import wire
from differential.world import CLOSED, Connected, Event, Reply

RECENT_REQUESTS = 30
TREE_BATCH = 200


class DifferenceFound(AssertionError):
    """The servers differ, or have differed at the end of a case."""


@dataclasses.dataclass(frozen=True)
class Node:
    """What a walk of the tree sees of one node."""

    data: object
    acl: object


class Duo:
    """The reference and the subject, with the connections that a test opened.

    Methods that talk return what the reference answered.  Differences are
    collected in `differences` and raised by finish().
    """

    def __init__(self, reference, subject, label=""):
        self.worlds = (reference, subject)
        self.reference, self.subject = reference, subject
        self.label = label
        self.differences = []
        self.explained = collections.Counter()
        self.recent = collections.deque(maxlen=RECENT_REQUESTS)
        self.xids = {}
        self.requests = 0

    # ------------------------------------------------------------ connections

    def open(self, name):
        """A TCP connection without a session."""
        assert name not in self.xids, f"{name} is in use"
        for world in self.worlds:
            world.open(name)
        self.xids[name] = 1
        return name

    def handshake(self, name, **fields):
        """Sends a ConnectRequest on an open connection; see World.handshake.
        Returns the reference's answer."""
        return self.expect_handshake(
            name, [lambda w=w: w.handshake(name, **fields)
                   for w in self.worlds], f"connect({fields})")

    def expect_handshake(self, name, senders, what="handshake"):
        self.recent.append(f"{name}: {what}")
        for send in senders:
            send()
        answers = [w.read_connect_response(name) for w in self.worlds]
        self._compare([answers[0]], [answers[1]], [None], name)
        if answers[0] == CLOSED or answers[1] == CLOSED:
            self.forget(name)
        return answers[0]

    def connect(self, name, **fields):
        """Opens `name` with a session of its own.  Returns `name`."""
        self.open(name)
        answer = self.handshake(name, **fields)
        assert isinstance(answer, Connected) and answer.session, answer
        return name

    def session_of(self, name):
        world = self.reference
        return world.session_name(world.connections[name].session)

    def password_of(self, world, name):
        return world.connections[name].password

    def forget(self, name):
        """The connection is over on at least one side."""
        self.xids.pop(name, None)
        for world in self.worlds:
            if name in world.connections:
                world.drop(name)

    def drop(self, name):
        """Hangs up without closing the session, and waits until the servers
        have noticed."""
        self.recent.append(f"{name}: hang up")
        self.forget(name)
        for world in self.worlds:
            servers.wait_until(
                lambda w=world: 0 < connection_count(w) <= len(self.xids) + 1,
                what="the server notices a closed connection")

    def send_bytes(self, name, *chunks):
        """Bytes as they are, each chunk in a segment of its own."""
        self.recent.append(f"{name}: bytes {[c.hex() for c in chunks]}")
        for world in self.worlds:
            for chunk in chunks:
                world.connections[name].sock.send(chunk)

    def expect_closed(self, name):
        """Both servers hang up on `name`; what they say before is compared."""
        items = [w.read_until_closed(name) for w in self.worlds]
        self._compare(*items, [], name)
        self.forget(name)
        return items[0]

    # --------------------------------------------------------------- requests

    def do(self, name, *requests, sort_events=False):
        """Pipelines requests on `name`; returns the reference's items.

        `sort_events`: several events of one transaction may come in any order
        (a session that ends deletes its ephemerals in no particular one).
        """
        items = self._exchange(name, requests, sort_events)
        if name in self.xids:  # Events and hang-ups behind the last reply.
            items += self._exchange(name, [wire.ping()], sort_events)[:-1]
        self.barrier(name, sort_events=sort_events)
        return items

    def burst(self, name, requests):
        """As do(), without looking for what may follow the last reply."""
        items = self._exchange(name, requests, False)
        self.barrier(name)
        return items

    def one(self, name, request):
        """Does one request and returns the reference's reply to it."""
        replies = [i for i in self.do(name, request) if isinstance(i, Reply)]
        return replies[0] if replies else None

    def barrier(self, *but, sort_events=False):
        """Reads the events that other connections have received."""
        names = [n for n in self.xids if n not in but]
        for name in names:
            for world in self.worlds:
                world.send(name, [(wire.PING_XID, wire.ping())])
        for name in names:
            self._read_and_compare(name, [wire.ping()], sort_events)

    def close(self, *names):
        """Closes sessions, one after the other."""
        for name in names:
            if name in self.xids:
                self._exchange(name, [wire.close_session()], True)
                if name in self.xids:
                    self.expect_closed(name)
                self.barrier(sort_events=True)

    def await_closed(self, name):
        """Waits until both servers end `name` by themselves (expiry)."""
        self.recent.append(f"{name}: silence until the server hangs up")
        items = [w.read_until_closed(name) for w in self.worlds]
        if items[0] != items[1] and "paddock" not in (
                w.kind for w, i in zip(self.worlds, items) if i[:-1] == []):
            # Java may hang up before it tells of what the end of the session
            # has changed.
            items = [i[-1:] for i in items]
        self._compare(*items, [], name)
        for world in self.worlds:
            # And it may hang up before the session has ended.
            self._await_zxid(world, world.connections[name].zxid + 1)
        self.forget(name)
        self.barrier(sort_events=True)
        return items[0]

    @staticmethod
    def _await_zxid(world, zxid):
        servers.wait_until(lambda: last_zxid(world) >= zxid,
                           what=f"zxid {zxid:#x}")

    def await_zxid(self, zxid):
        """Waits until both servers have applied `zxid`; nothing is compared."""
        for world in self.worlds:
            self._await_zxid(world, zxid)

    def close_all(self):
        self.close(*list(self.xids))

    def _exchange(self, name, requests, sort_events):
        if name not in self.xids:
            raise DifferenceFound(
                f"connection {name} is closed already {self.label}; differences"
                " so far:\n" + "\n".join(self.differences))
        numbered = []
        for request in requests:
            xid = request.xid
            if xid is None:
                xid = self.xids[name]
                self.xids[name] += 1
            numbered.append((xid, request))
            self.recent.append((name, xid, request))
        self.requests += len(requests)
        for world in self.worlds:
            world.send(name, numbered)
        return self._read_and_compare(name, requests, sort_events)

    def _read_and_compare(self, name, requests, sort_events):
        items = [w.read(name) for w in self.worlds]
        if sort_events:
            items = [sort_event_runs(i) for i in items]
        if ((CLOSED in items[0] or CLOSED in items[1])
                and all(r.op == wire.PING for r in requests)):
            # Whether Java still answers a ping that comes while it hangs up is
            # chance.
            for world, of_world in zip(self.worlds, items):
                if CLOSED not in of_world:
                    of_world += world.read_until_closed(name)
            items = [i if w.kind == "paddock" else _without_pings(i)
                     for w, i in zip(self.worlds, items)]
        if items[0] != items[1]:
            requests = list(requests)
            if (_without_pings(items[0]) != items[0]
                    and [_is_ping(i) for i in items[0]]
                    != [_is_ping(i) for i in items[1]]):
                # A ping that waits for long overtakes; on a machine that
                # stalls this happens here too.
                self.explained["impatient ping"] += 1
                items = [_without_pings(i) for i in items]
                requests = [r for r in requests if r.op != wire.PING]
            self._compare(*items, requests, name)
        if CLOSED in items[0] or CLOSED in items[1]:
            self.forget(name)
        return items[0]

    # ------------------------------------------------------------- comparison

    def _compare(self, expected, actual, requests, name):
        if expected == actual:
            return
        width = max(len(expected), len(actual))
        nothing = [None] * width
        remaining = list(requests)
        for want, have in list(zip((*expected, *nothing),
                                   (*actual, *nothing)))[:width]:
            request = None
            if not isinstance(want, Event) and remaining:
                request = remaining.pop(0)
            if want != have:
                self.differ(f"connection {name}", request, want, have)

    def compare_values(self, what, expected, actual):
        """Compares values that no request of the conversation answers."""
        if expected != actual:
            self.differ(what, None, expected, actual)

    def differ(self, where, request, expected, actual):
        entry = self._explain(request, expected, actual)
        if entry:
            self.explained[entry.name] += 1
            return
        text = (f"{where}" + (f", {request}" if request else "")
                + f"\n    {self.reference.kind}: {render(expected)}"
                + f"\n    {self.subject.kind}: {render(actual)}")
        if not self.differences:
            text += "\n    last requests:\n" + "".join(
                f"      {_recent_line(r)}\n" for r in self.recent)
        self.differences.append(text)

    def _explain(self, request, expected, actual):
        return deliberate.explain(deliberate.Place(
            self.reference.kind, self.subject.kind, request, expected, actual))

    def finish(self):
        """Raises DifferenceFound when something differed."""
        if self.differences:
            raise DifferenceFound(
                f"{len(self.differences)} differences {self.label}\n"
                + "\n".join(self.differences[:20]))

    # ------------------------------------------------------ the state as whole

    def compare_tree(self, name, top="/"):
        """Walks the tree below `top` on both sides.  Returns the reference's
        paths with what is there: {path: Node}."""
        trees = [self._walk(world, name, top) for world in self.worlds]
        for path in sorted(set(trees[0]) | set(trees[1])):
            nodes = [tree.get(path) for tree in trees]
            if nodes[0] != nodes[1]:
                self.differ(f"tree node {path}", None, *nodes)
        return trees[0]

    def _walk(self, world, name, top):
        nodes, level = {}, [top]
        while level:
            batch, level = level[:TREE_BATCH], level[TREE_BATCH:]
            requests = [r(p) for p in batch
                        for r in (wire.get_children, wire.get_data,
                                  wire.get_acl)]
            world.send(name, [(1 << 30, r) for r in requests])
            items = [i for i in world.read(name) if isinstance(i, Reply)]
            for i, path in enumerate(batch):
                children, data, acl = items[3 * i:3 * i + 3]
                nodes[path] = Node(_masked(data), _masked(acl))
                level += [f"{path.rstrip('/')}/{child}"
                          for child in children.body or ()
                          if children.err == 0]
        return nodes

    def paths_of(self, world, name):
        """Every path of one side's tree."""
        return sorted(self._walk(world, name, "/"))

    def compare_words(self, *words):
        """Compares four-letter words whose whole text must be equal."""
        for word in words:
            self.compare_eventually(
                f"four-letter word {word!r}",
                lambda w, word=word: w.mask_text(ask(w, word)))

    def compare_counters(self):
        """The values of mntr and srvr that say what the server holds."""
        self.compare_eventually("mntr and srvr", counters)

    def compare_eventually(self, what, read):
        """Compares read(world); a server may need a moment to get there."""
        values = []

        def equal():
            values[:] = [read(w) for w in self.worlds]
            return values[0] == values[1] or self._explain(None, *values)

        try:
            servers.wait_until(equal, seconds=3)
        except AssertionError:
            pass
        self.compare_values(what, *values)


def _is_ping(item):
    return isinstance(item, Reply) and item.xid == wire.PING_XID


def _without_pings(items):
    return [i for i in items if not _is_ping(i)]


# ------------------------------------------------------------------ questions

EQUAL_METRICS = ("zk_znode_count", "zk_watch_count", "zk_ephemerals_count",
                 "zk_approximate_data_size", "zk_num_alive_connections",
                 "zk_global_sessions", "zk_server_state")


def ask(world, word):
    return servers.four_letter_word(world.server.port, word)


def metrics(world):
    return dict(line.split("\t", 1)
                for line in ask(world, "mntr").splitlines() if "\t" in line)


def counters(world):
    values = metrics(world)
    chosen = {key: values.get(key) for key in EQUAL_METRICS}
    server = ask(world, "srvr")
    for key in ("Zxid", "Node count", "Mode"):
        found = re.search(rf"^{key}: (.*)$", server, re.M)
        chosen[key] = found and found[1]
    return chosen


def connection_count(world):
    """Connections of the server, the one that asks included; 0 when it does
    not say (there are too many to ask)."""
    try:
        answer = ask(world, "srvr")
    except OSError:
        return 0
    found = re.search(r"^Connections: (\d+)$", answer, re.M)
    return int(found[1]) if found else 0


def last_zxid(world):
    return int(re.search(r"^Zxid: (0x[0-9a-f]+)$", ask(world, "srvr"),
                         re.M)[1], 16)


# -------------------------------------------------------------------- display


def sort_event_runs(items):
    """Events that directly follow each other, in an order of their own."""
    result, run = [], []
    for item in items:
        if isinstance(item, Event):
            run.append(item)
            continue
        result += sorted(run, key=repr)
        result.append(item)
        run = []
    return result + sorted(run, key=repr)


def _masked(reply):
    return reply.body if reply.err == 0 else ("error", reply.err)


def render(item):
    text = "nothing" if item is None else repr(item)
    return text if len(text) <= 1000 else f"{text[:1000]}... ({len(text)} long)"


def _recent_line(entry):
    if isinstance(entry, str):
        return entry
    name, xid, request = entry
    return f"{name} {xid}: {request}"
