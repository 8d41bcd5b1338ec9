"""Scripted cases: frames, headers, opcodes and bodies as bytes."""

from differential import wire
from differential.cases import case
from differential.wire import (
    add_watch, check, check_watches, create, create2, create_container,
    create_ttl, delete, delete_container, exists, get_acl,
    get_all_children_number, get_children, get_children2, get_data,
    get_ephemerals, multi, multi_read, ping, raw, remove_watches, set_acl,
    set_data, set_watches, set_watches2, sync, who_am_i)

UNKNOWN_OPCODES = (0, -1, 10, 13, 23, 99, 108, 1000, -2, -12, 1 << 30,
                   -(1 << 31), (1 << 31) - 1)


def one_of_each(top):
    return (
        create(top + "/x", b"data"), create2(top + "/y", b"data"),
        create_container(top + "/c"), create_ttl(top + "/t"),
        delete(top + "/x"),
        delete_container(top + "/c"), exists(top), get_data(top),
        set_data(top, b"data"), get_acl(top), set_acl(top), get_children(top),
        get_children2(top), sync(top), get_ephemerals("/"),
        get_all_children_number(top), multi(set_data(top, b"m"), check(top)),
        multi_read(get_data(top), get_children(top)), who_am_i(), ping())


@case()
def bodies_cut_short(d, top):
    d.connect("a")
    d.do("a", create(top))
    for request in one_of_each(top):
        d.do("a", *[raw(request.op, request.body[:size],
                        f"{request.name}, {size} bytes")
                    for size in range(len(request.body))])
    d.compare_tree("a", top)


@case()
def bodies_with_more_behind(d, top):
    d.connect("a")
    d.do("a", create(top))
    for request in one_of_each(top):
        d.do("a", raw(request.op, request.body + b"\0\0\0\0",
                      f"{request.name} and 4 bytes"))
    d.do("a", raw(101, set_watches(0).body + b"1234"),
         raw(105, set_watches2(0).body + b"1234"),
         raw(106, add_watch(top, 0).body + b"1234"),
         raw(17, check_watches(top, 3).body + b"1234"),
         raw(18, remove_watches(top, 3).body + b"1234"))
    d.compare_tree("a", top)


@case()
def lengths_that_lie(d, top):
    d.connect("a")
    d.do("a", create(top))
    for lie in (-2, -(1 << 31), 1 << 20, 3 << 20, (1 << 31) - 1):
        size = wire.i32(lie)
        for op in (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 17, 18, 19, 20, 21, 103,
                   104, 106):
            d.do("a", raw(op, size + b"/abc", f"path of length {lie}"))
        path = wire.string(top)
        acls = wire.acl_list(wire.OPEN_ACL)
        d.do("a", raw(1, wire.string(top + "/d") + size + acls + wire.i32(0)),
             raw(5, path + size + b"12345678"),
             raw(1, wire.string(top + "/a") + wire.buffer(b"") + size
                 + wire.i32(0)),
             raw(7, path + size + wire.i32(-1)),
             raw(101, wire.i64(0) + size * 3), raw(105, wire.i64(0) + size * 5))
    d.compare_tree("a", top)


@case()
def booleans_other_than_one(d, top):
    d.connect("a")
    d.do("a", create(top))
    for value in (b"\x02", b"\xff", b"\x80"):
        d.do("a", raw(3, wire.string(top) + value, "exists"), set_data(top))


@case()
def unknown_opcodes(d, top):
    """Sent alone: ZooKeeper lets the refusal overtake earlier replies."""
    for n, op in enumerate(UNKNOWN_OPCODES):
        d.connect(f"c{n}")
        d.do(f"c{n}", raw(op, b"", "unknown"))
        d.connect(f"d{n}")
        d.do(f"d{n}", raw(op, check("/").body, "unknown", xid=-7))


@case()
def xids_are_echoed(d, top):
    d.connect("a")
    for xid in (0, 1, 5, 5, -1, -2, -3, -4, -8, -100, (1 << 31) - 1,
                -(1 << 31)):
        request = exists("/")
        if xid != -1:  # A reply with xid -1 looks like an event.
            d.do("a", wire.Request(3, request.body, "exists", ("/",), xid))
        d.do("a", ping(xid=xid))
        d.do("a", wire.Request(2, delete(top).body, "delete", (top,),
                               xid if xid != -1 else 3))


@case()
def zxids_of_replies(d, top):
    d.connect("a")
    d.connect("b")
    d.do("a", ping(), exists("/"), create(top), exists("/"), create(top),
         ping(),
         delete(top + "/no"), sync("/"), set_data(top, b"", 9), exists(top),
         get_data(top + "/no"), multi(check(top)), exists(top), multi(),
         multi(check(top, 9)), exists(top), raw(1, b""), exists(top),
         raw(4, b""), wire.set_watches(0), add_watch(top, 0),
         check_watches(top, 5), who_am_i())
    d.do("b", ping(), exists(top))


@case()
def frame_sizes(d, top):
    d.connect("ok")
    for n, payload in enumerate((b"", b"\0", b"\0" * 7)):
        d.connect(f"short{n}")
        d.send_bytes(f"short{n}", wire.frame(payload))
        d.expect_closed(f"short{n}")
    for n, size in enumerate((-1, 1_048_576, (1 << 31) - 1, -(1 << 31))):
        d.connect(f"bad{n}")
        d.send_bytes(f"bad{n}", wire.i32(size))
        d.expect_closed(f"bad{n}")
    for n, word in enumerate((b"ruok", b"srvr", b"mntr")):
        d.connect(f"word{n}")
        d.send_bytes(f"word{n}", word)
        d.expect_closed(f"word{n}")
    d.do("ok", raw(3, exists("/").body + bytes(1_048_575 - 8 - 6), "largest"))
    d.do("ok", exists("/"))


@case("small_frames")
def frame_limit_is_configurable(d, top):
    d.connect("a")
    size = len(create(top, b"").body) + 8
    d.do("a", create(top, b"x" * (1000 - size)), get_data(top),
         *[create(f"{top}/child-{n:030}") for n in range(60)],
         get_children(top))
    d.do("a", set_data(top, b"x" * 1001))


@case()
def requests_in_single_bytes(d, top):
    d.connect("a")
    d.do("a", create(top))
    requests = (exists(top), set_data(top, b"1"), get_data(top))
    data = b"".join(wire.frame(wire.i32(7) + wire.i32(r.op) + r.body)
                    for r in requests)
    for world in d.worlds:
        world.connections["a"].pending.extend(requests)
    d.send_bytes("a", *[bytes([b]) for b in data])
    d.compare_values("replies", *[w.read("a") for w in d.worlds])
    d.do("a", ping())


@case()
def deep_pipelines(d, top):
    d.connect("a")
    d.do("a", create(top))
    d.do("a", *[r for n in range(700) for r in (
        create(f"{top}/{n}"), set_data(f"{top}/{n}", b"1", 0),
        get_data(f"{top}/{n}"), delete(f"{top}/{n}", 1))])
    d.compare_tree("a", top)


@case()
def half_closed_connection(d, top):
    """A client that has ended its side gets no answers any more, and its
    session lives on."""
    d.connect("b")
    d.connect("a")
    session = d.session_of("a")
    d.do("a", create(top, flags=1))
    for world in d.worlds:
        world.connections["a"].sock.shutdown_write()
    d.expect_closed("a")
    d.do("b", exists(top))
    d.open("a2")
    d.handshake("a2", session=session, password="own")
