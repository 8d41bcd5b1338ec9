"""Scripted cases: handshakes, renewals, expiry, restarts."""

from differential import wire
from differential.cases import case
from differential.wire import (
    add_watch, close_session, create, exists, get_children2, get_data,
    get_ephemerals, multi, ping, set_data, set_watches)

AHEAD = 1 << 50


@case()
def handshake_forms(d, top):
    n = 0
    for read_only in (None, False, True):
        for version in (0, 5, -1):
            for password in (bytes(16), b"", None, b"x" * 16, b"y" * 40):
                d.open(f"h{n}")
                d.handshake(f"h{n}", read_only=read_only, version=version,
                            password=password)
                d.do(f"h{n}", ping())
                n += 1


@case("ticks")
def time_out_negotiation(d, top):
    for n, timeout in enumerate((0, -1, 1, 1199, 1200, 1201, 3000, 7000, 7001,
                                 1 << 30, -(1 << 31), (1 << 31) - 1)):
        d.open(f"h{n}")
        d.handshake(f"h{n}", timeout=timeout)
        d.close(f"h{n}")


@case("default")
def time_out_defaults(d, top):
    for n, timeout in enumerate((0, 3999, 4000, 4001, 39999, 40000, 40001)):
        d.open(f"h{n}")
        d.handshake(f"h{n}", timeout=timeout)


@case()
def handshake_bytes_one_by_one(d, top):
    d.open("a")
    payload = wire.frame(wire.connect_request())
    one_by_one = [bytes([b]) for b in payload]
    d.expect_handshake("a", [
        lambda w=w: [w.connections["a"].sock.send(b) for b in one_by_one]
        for w in d.worlds])
    request = wire.i32(1) + wire.i32(wire.EXISTS) + exists("/").body
    for world in d.worlds:
        world.connections["a"].pending.append(exists("/"))
    d.send_bytes("a", *[bytes([b]) for b in wire.frame(request)])
    items = [w.read("a") for w in d.worlds]
    d.compare_values("reply to a request in single bytes", *items)
    d.do("a", ping())


@case()
def requests_behind_the_handshake(d, top):
    """Connect, auth, setWatches and requests in one segment."""
    d.open("a")
    requests = [(-4, wire.auth("digest", "u:p")),
                (-8, set_watches(0, exist=["/zookeeper"])),
                (1, create(top, acl=((31, "auth", ""),))),
                (2, get_data(top)), (-2, ping())]
    for world in d.worlds:
        world.connections["a"].pending.extend(r for _, r in requests)
    data = wire.frame(wire.connect_request()) + b"".join(
        wire.frame(wire.i32(xid) + wire.i32(r.op) + r.body)
        for xid, r in requests)
    d.expect_handshake("a", [
        lambda w=w: w.connections["a"].sock.send(data) for w in d.worlds])
    d.compare_values("replies", *[w.read("a") for w in d.worlds])
    d.do("a", ping())


@case()
def handshakes_that_do_not_decode(d, top):
    payload = wire.connect_request()
    for n, data in enumerate((b"", payload[:10], payload[:27], payload[:28],
                              payload[:30], payload[:43])):
        d.open(f"h{n}")
        d.send_bytes(f"h{n}", wire.frame(data))
        d.expect_closed(f"h{n}")
    for n, size in enumerate((-1, 1_048_576, (1 << 31) - 1, -(1 << 31))):
        d.open(f"s{n}")
        d.send_bytes(f"s{n}", wire.i32(size))
        d.expect_closed(f"s{n}")
    d.open("long")
    d.handshake("long", password=bytes(16))
    d.do("long", ping())
    d.open("extra")
    d.expect_handshake("extra", [
        lambda w=w: w.connections["extra"].sock.send(
            wire.frame(payload + b"more")) for w in d.worlds])
    d.do("extra", ping())


@case()
def client_ahead(d, top):
    d.connect("a")
    session = d.session_of("a")
    zxid = d.one("a", create(top)).zxid
    for n, seen in enumerate((zxid + 1, AHEAD, (1 << 63) - 1)):
        d.open(f"new{n}")
        d.handshake(f"new{n}", last_zxid=seen)
        d.open(f"renew{n}")
        d.handshake(f"renew{n}", session=session, password="own",
                    last_zxid=seen)
        d.do("a", ping())
    for n, seen in enumerate((zxid, 1, -5)):
        d.open(f"ok{n}")
        d.handshake(f"ok{n}", last_zxid=seen)


@case()
def renewal_after_a_lost_connection(d, top):
    d.connect("a")
    d.connect("w")
    session = d.session_of("a")
    d.do("a", create(top), create(top + "/e", flags=1), add_watch(top, 1))
    d.drop("a")
    d.do("w", exists(top + "/e"))
    for n, read_only in enumerate((False, None, True)):
        d.open(f"r{n}")
        d.handshake(f"r{n}", session=session, password="own", timeout=10_000,
                    read_only=read_only)
        d.do(f"r{n}", get_ephemerals(None), exists(top + "/e"), set_data(top))
        d.drop(f"r{n}")
    d.open("r")
    d.handshake("r", session=session, password="own")
    d.close("r")
    d.do("w", exists(top + "/e"))
    d.open("late")
    d.handshake("late", session=session, password="own")


@case()
def live_session_moves(d, top):
    d.connect("a")
    session = d.session_of("a")
    d.do("a", create(top), create(top + "/e", flags=1), get_data(top, True))
    d.open("b")
    d.handshake("b", session=session, password="own")
    d.expect_closed("a")
    d.do("b", get_ephemerals(None), set_data(top), exists(top + "/e", True))
    d.open("c")
    d.handshake("c", session=session, password="own", timeout=5_000)
    d.expect_closed("b")
    d.do("c", create(top + "/f", flags=1), get_children2(top))
    d.close("c")
    d.connect("z")
    d.do("z", get_children2(top))
    d.compare_counters()


@case()
def wrong_password(d, top):
    d.connect("a")
    session = d.session_of("a")
    d.do("a", create(top), create(top + "/e", flags=1))
    for n, password in enumerate((bytes(16), b"", None, b"z" * 16, b"z" * 40)):
        for m, read_only in enumerate((None, False)):
            name = f"r{n}.{m}"
            d.open(name)
            d.handshake(name, session=session, password=password,
                        read_only=read_only)
            if name in d.xids:
                d.expect_closed(name)
            if "a" in d.xids:  # The first one has ended the live connection.
                d.expect_closed("a")
    d.open("r")
    d.handshake("r", session=session, password="own")
    d.do("r", exists(top + "/e"), get_ephemerals(""))


@case()
def unknown_session(d, top):
    for n, (session, password) in enumerate((
            (1, bytes(16)),
            (1, bytes.fromhex("054cc74a37327db215e702e20c73f005")),
            (-1, bytes.fromhex("20f62cb5648dc2d771471c8a2486a9ee")),
            (1 << 62, bytes(16)), (1, b""), (1, None))):
        for m, read_only in enumerate((None, False, True)):
            d.open(f"r{n}.{m}")
            d.handshake(f"r{n}.{m}", session=session, password=password,
                        read_only=read_only)
            d.expect_closed(f"r{n}.{m}")


@case()
def closed_session(d, top):
    d.connect("a")
    d.connect("b")
    session = d.session_of("a")
    d.do("a", create(top), create(top + "/e", flags=1), sort_events=True)
    d.do("a", close_session())
    d.do("b", exists(top + "/e"), exists(top))
    d.open("again")
    d.handshake("again", session=session, password="own")
    d.expect_closed("again")


@case()
def close_session_in_a_pipeline(d, top):
    d.connect("a")
    d.connect("b")
    d.do("a", create(top), create(top + "/e", flags=1), get_data(top),
         close_session())
    d.do("b", exists(top + "/e"), get_children2(top))
    d.connect("c")
    d.do("c", wire.raw(-11, b"body", "closeSession with a body"))
    d.connect("e")
    d.do("e", create(top + "/x", flags=1), multi(create(top + "/y", flags=1)),
         wire.Request(-11, b"", "closeSession", (), (1 << 31) - 1))
    d.do("b", get_children2(top))
    d.compare_counters()


@case(alone=True)
def create_session_as_a_request(d, top):
    d.connect("a")
    d.burst("a", [wire.raw(-10, wire.i32(5000), "createSession")])
    d.forget("a")


@case(alone=True)
def create_session_with_a_short_body(d, top):
    d.connect("a")
    d.burst("a", [wire.raw(-10, b"", "createSession, short")])
    d.forget("a")


@case("expiry")
def silent_session_expires(d, top):
    d.connect("keeper")
    d.do("keeper", create(top), add_watch(top, 1))
    d.open("short")
    d.handshake("short", timeout=600)
    session = d.session_of("short")
    d.do("short", create(top + "/e", flags=1), create(top + "/f", flags=1),
         create(top + "/p"))
    d.await_closed("short")
    d.do("keeper", exists(top + "/e"), get_children2(top))
    d.open("again")
    d.handshake("again", session=session, password="own")
    d.expect_closed("again")
    d.compare_tree("keeper", top)
    d.compare_counters()


@case("expiry")
def disconnected_session_expires(d, top):
    d.connect("keeper")
    d.do("keeper", create(top))
    d.open("short")
    d.handshake("short", timeout=600)
    last = d.do("short", create(top + "/e", flags=1))[0]
    d.drop("short")
    d.await_zxid(last.zxid + 1)
    d.do("keeper", exists(top + "/e"), exists(top))
    d.compare_counters()


@case("expiry")
def renewal_changes_the_time_out(d, top):
    d.connect("keeper")
    d.open("a")
    d.handshake("a")
    session = d.session_of("a")
    last = d.do("a", create(top, flags=1))[0]
    d.drop("a")
    d.open("b")
    d.handshake("b", timeout=600, session=session, password="own")
    d.await_closed("b")
    d.await_zxid(last.zxid + 1)
    d.do("keeper", exists(top))


@case("few_connections")
def connections_per_address(d, top):
    for n in range(3):
        d.connect(f"c{n}")
    d.open("refused")
    d.expect_closed("refused")
    d.do("c0", ping())
    d.drop("c1")
    d.connect("c3")


def _restart(d, how):
    d.connect("a")
    d.connect("b")
    d.connect("gone")
    sessions = {name: d.session_of(name) for name in ("a", "b", "gone")}
    top = "/restart"
    d.do("a", create(top, b"1"), create(top + "/e", flags=1),
         create(top + "/s-", flags=2), create(top + "/s-", flags=3),
         wire.create_container(top + "/c"), wire.create_ttl(top + "/t"),
         wire.set_acl(top + "/c", ((31, "world", "anyone"),
                                   (1, "ip", "1.2.3.4"))),
         set_data(top, None), wire.delete(top + "/s-0000000001"))
    d.do("b", create(top + "/eb", flags=1),
         create("/zookeeper/quota" + top),
         create("/zookeeper/quota" + top + "/zookeeper_limits", b"count=99"),
         create("/zookeeper/quota" + top + "/zookeeper_stats", b""),
         multi(create(top + "/m"), set_data(top + "/m", b"x")),
         multi(create(top + "/n"), wire.delete(top + "/none")))
    d.close("gone")
    before = d.compare_tree("a")
    for world in d.worlds:
        how(world.server)
    for name in ("a", "b"):
        d.expect_closed(name)
    for world in d.worlds:
        world.server.start()
    for name in ("a", "b"):
        d.open(name)
        d.handshake(name, session=sessions[name], password="own")
    d.open("gone")
    d.handshake("gone", session=sessions["gone"], password="own")
    d.expect_closed("gone")
    after = d.compare_tree("a")
    d.compare_values("tree before and after the restart",
                     {p: str(n) for p, n in before.items()},
                     {p: str(n) for p, n in after.items()})
    d.do("a", create(top + "/s-", flags=2), get_ephemerals(None),
         create(top + "/more"), get_data("/zookeeper/quota" + top
                                         + "/zookeeper_stats"))
    d.compare_counters()
    d.close("b")
    d.compare_tree("a")
    d.compare_counters()


@case(alone=True)
def restart_after_sigterm(d, top):
    _restart(d, lambda server: server.stop())


@case(alone=True)
def restart_after_kill(d, top):
    _restart(d, lambda server: server.kill())
