"""Scripted cases: create, delete, data, ACL text, reads, multi, quotas.

Two things are never pipelined here, because ZooKeeper races with itself on
them: a setACL that takes permissions away or gives them (the requests validated
before it is applied still see the old ACL), and a multi that fails with -5 on a
sub-operation (its earlier sub-operations stay pending until it is applied).
"""

import servers
from differential import wire
from differential.cases import case
from differential.wire import (
    CREATE, CREATE2, CREATE_CONTAINER, OPEN_ACL, check, create, create2,
    create_container, create_ttl, delete, delete_container, exists, get_acl,
    get_all_children_number, get_children, get_children2, get_data,
    get_ephemerals, multi, multi_read, raw, set_acl, set_data, sync)

READ_ONLY_ACL = ((1, "world", "anyone"),)
RESERVED = ("/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config")
ODD_PATHS = (
    None, "", "/", "//", "foo", "foo/bar", "/a//b", "/a/", "/a/.", "/a/..",
    "/a/./b", "/a/../b", "/.a", "/a/...", "/a\0b", "\0", "/a/\x01", "/\x1f",
    "/\x7f", "/a\x9fb", "/a\xa0b", "/\ud7ff", "/\ue000", "/\uf8ff", "/\uf900",
    "/\uffef", "/\ufff0", "/\uffff", "/\U0001f600", b"/\xff", b"/\xed\xa0\x80",
    b"/\xc0\xaf", b"/\xe2\x82", "/a b", "/a\u00e9\u4e2d", "a", ".", "..", "/..",
)


@case(alone=True)
def fresh_tree(d, top):
    d.connect("a")
    for path in RESERVED:
        d.do("a", exists(path), get_data(path), get_children(path),
             get_children2(path), get_acl(path), get_all_children_number(path))
    d.compare_tree("a")
    d.compare_counters()
    for path in RESERVED:
        d.do("a", create(path), delete(path), delete(path, 5), exists(path))
    for path in RESERVED:
        d.do("a", set_data(path, b"x"), set_data(path, b"yy", 1),
             set_data(path, None, 7), set_acl(path, OPEN_ACL, 9),
             set_acl(path, READ_ONLY_ACL))
        d.do("a", create(path + "/child"),
             exists(path), get_data(path), get_acl(path))
    d.do("a", create("/zookeeper/x"), create("/zookeeper/config/y"),
         create("/zookeeper/quota/z"), delete("/zookeeper/x"))
    d.compare_tree("a")
    d.compare_counters()


@case()
def create_paths(d, top):
    d.connect("a")
    d.do("a", create(top), create("/a"))
    for op in (create, create2, create_container, create_ttl):
        d.do("a", create(f"{top}/{op.__name__}"),
             *[op(path) for path in ODD_PATHS])
        for path in ODD_PATHS:
            if path is not None:
                path = path.encode(errors="surrogatepass") \
                    if isinstance(path, str) else path
                d.do("a", op(f"{top}/{op.__name__}".encode() + path))
    for flags in (0, 2):
        d.do("a", *[create(top + tail, flags=flags) for tail in (
            "/", "/x/", "/.", "/..", "/y", "/y/.", "/y/", "//", "/y//", "/-",
            "/\0", "/\x01", "/missing/x", "/missing/", "/missing/\x01")])
    d.do("a", create("/", flags=2), create("", flags=2), create(None, flags=2),
         create("foo", flags=2), create("foo/", flags=2))
    d.compare_tree("a", top)


@case()
def create_flags(d, top):
    d.connect("a")
    d.do("a", create(top))
    for op in (CREATE, CREATE2, CREATE_CONTAINER):
        for flags in (*range(-2, 10), 1 << 20, -(1 << 31)):
            d.do("a", create(f"{top}/f{op}.{flags}", b"d", flags=flags, op=op))
    for flags in (5, 6):
        for ttl in (1, 5, 0xFFFFFFFFFF, 0xFFFFFFFFFF + 1, 0, -1, -(1 << 63),
                    (1 << 63) - 1):
            d.do("a", create_ttl(f"{top}/t{flags}.{ttl}", b"", flags=flags,
                                 ttl=ttl))
    for flags in (0, 1, 2, 3, 4, 7, -1):
        d.do("a", create_ttl(f"{top}/n{flags}", flags=flags, ttl=1000),
             create_ttl(f"{top}/n{flags}", flags=flags, ttl=0))
    d.compare_tree("a", top)
    d.compare_counters()


@case(alone=True)
def create_ttl_with_plain_flags_and_no_ttl(d, top):
    """ZooKeeper lets this pass validation and then dies of it."""
    d.connect("a")
    d.do("a", create(top), create_ttl(top + "/bad", flags=7, ttl=-1))
    d.burst("a", [create_ttl(top + "/n", flags=0, ttl=-1)])
    d.forget("a")


@case("default")
def create_ttl_when_off(d, top):
    d.connect("a")
    d.do("a", create(top), create_ttl(top + "/t"),
         create_ttl(top + "/u", ttl=0), create_ttl("foo", flags=6),
         create_container(top + "/c"), create(top + "/5", flags=5),
         create_container(top + "/6", flags=6),
         multi(create_ttl(top + "/m")), multi(create(top + "/m", flags=5)))
    d.compare_tree("a", top)


@case()
def create_checks_in_order(d, top):
    d.connect("a")
    bad = ((31, "world", "nobody"),)
    closed = top + "/closed"
    d.do("a", create(top), create(closed, acl=READ_ONLY_ACL),
         create(top + "/e", flags=1), create(top + "/there"))
    d.do("a",
         create("foo", acl=bad), create("foo", flags=9),
         create("foo", acl=bad, flags=9), create(top + "/no/x", acl=bad),
         create(closed + "/x", acl=bad), create(closed + "/x"),
         create(closed + "/\x01"), create(closed + "/"),
         create(closed + "/", flags=2), create(top + "/e/x"),
         create(top + "/e/\x01"), create(top + "/e/x", flags=3),
         create(top + "/there", acl=bad), create(top + "/there", flags=1),
         create(top + "/there/", flags=0), create(top + "/e"))


@case()
def create_null_and_empty_data(d, top):
    d.connect("a")
    d.do("a", create(top, None), get_data(top), exists(top),
         set_data(top, b""), get_data(top), set_data(top, None), get_data(top),
         set_data(top, b"\0\xff" * 50), get_data(top))
    for n, op in enumerate((create, create2, create_container, create_ttl)):
        d.do("a", op(f"{top}/n{n}", None), op(f"{top}/e{n}", b""),
             get_data(f"{top}/n{n}"), get_data(f"{top}/e{n}"))
    d.do("a", multi(create(top + "/m", None), set_data(top + "/n1", None)),
         multi_read(get_data(top + "/m"), get_data(top + "/e1")))
    d.compare_tree("a", top)


@case()
def sequence_numbers(d, top):
    d.connect("a")
    d.connect("b")
    d.do("a", create(top))
    d.do("a", *[create(top + "/s-", b"", flags=2) for _ in range(12)])
    d.do("b", create(top + "/plain"), create(top + "/", flags=2),
         create(top + "/e-", flags=3), delete(top + "/plain"),
         create(top + "/s-", flags=2), create2(top + "/é", flags=2),
         create_container(top + "/c-", flags=2),
         create_ttl(top + "/t-", flags=6),
         create(top + "/-1", flags=2), create(top + "/.", flags=2),
         create(top + "/..", flags=3))
    d.do("a", multi(create(top + "/m-", flags=2), create(top + "/m-", flags=2),
                    create(top + "/m"), create2(top + "/m-", flags=3)),
         create(top + "/s-", flags=2))
    d.do("a", multi(create(top + "/m-", flags=2), create(top + "/m-", flags=2),
                    delete(top + "/missing")),
         create(top + "/after-failed-multi-", flags=2))
    d.do("a", create(top + "/m", flags=2), create(top + "/s-", flags=2,
                                                  acl=None),
         create(top + "/s-", flags=2), exists(top), get_children2(top))
    d.close("b")
    d.do("a", create(top + "/s-", flags=2), exists(top))
    d.compare_tree("a", top)


@case()
def deletes(d, top):
    d.connect("a")
    d.do("a", create(top), create(top + "/p"), create(top + "/p/c"),
         create(top + "/q", b"1"), set_data(top + "/q", b"2"))
    d.do("a", *[delete(path) for path in ODD_PATHS])
    d.do("a", delete(top + "/p"), delete(top + "/p", 3), delete(top + "/no"),
         delete(top + "/no/x"), delete(top + "/q", 0), delete(top + "/q", 5),
         delete(top + "/q", -2), delete(top + "/q", 1), delete(top + "/q"),
         delete(top + "/"), delete(top + "/p/"), delete(top + "//p"))
    d.do("a", delete(top + "/p/c"), exists(top + "/p"), delete(top + "/p"),
         exists(top), create(top + "/p", b"again"), get_data(top + "/p"))
    d.compare_tree("a", top)


@case()
def delete_needs_permission_on_the_parent(d, top):
    d.connect("a")
    no_delete = ((1 | 2 | 4 | 16, "world", "anyone"),)
    d.do("a", create(top, acl=no_delete), create(top + "/x"),
         create(top + "/x/y"), delete(top + "/x"), delete(top + "/missing"),
         delete(top + "/x", 7), delete(top + "/x/y", 7), delete(top + "/x/y"),
         multi(delete(top + "/missing")))


@case()
def delete_container_from_a_client(d, top):
    d.connect("a")
    d.do("a", create(top), create_container(top + "/c"),
         create_container(top + "/d"), create(top + "/d/x"), create(top + "/p"),
         create_ttl(top + "/t"), create(top + "/e", flags=1))
    d.do("a", *[delete_container(path) for path in ODD_PATHS])
    d.do("a", *[delete_container(path) for path in RESERVED])
    d.do("a", delete_container(top + "/c"), delete_container(top + "/c"),
         delete_container(top + "/d"), delete_container(top + "/p"),
         delete_container(top + "/t"), delete_container(top + "/e"),
         delete_container(top + "/no/x"))
    d.compare_tree("a", top)


@case(alone=True)
def delete_container_without_permission(d, top):
    d.connect("a")
    d.do("a", create(top, acl=((1 | 4, "world", "anyone"),)),
         create_container(top + "/c"), delete_container(top + "/c"))


@case()
def data_and_versions(d, top):
    d.connect("a")
    d.do("a", create(top, b"0"))
    d.do("a", *[set_data(path) for path in ODD_PATHS])
    d.do("a", set_data(top, b"1", 0), set_data(top, b"2", 0),
         set_data(top, b"2", 5), set_data(top, b"2", -2), set_data(top, b"2"),
         set_data(top, b"2", 2), set_data(top + "/no"), get_data(top),
         create(top + "/ro", acl=READ_ONLY_ACL), set_data(top + "/ro", b"x"),
         set_data(top + "/ro", b"x", 8))
    d.compare_tree("a", top)


@case()
def acl_versions(d, top):
    d.connect("a")
    d.do("a", create(top))
    d.do("a", *[set_acl(path) for path in ODD_PATHS])
    d.do("a", set_acl(top, OPEN_ACL, 0), set_acl(top, OPEN_ACL, 0),
         set_acl(top, OPEN_ACL, -2), set_acl(top, OPEN_ACL, 1),
         set_acl(top, OPEN_ACL), set_acl(top + "/no", OPEN_ACL), exists(top),
         set_acl(top, None), set_acl(top, ()), set_acl(top, None, 9),
         create(top + "/x"), set_acl(top + "/x", READ_ONLY_ACL))
    d.do("a", set_acl(top + "/x", OPEN_ACL), set_acl(top + "/x", OPEN_ACL, 9),
         get_acl(top + "/x"))
    d.compare_tree("a", top)


@case()
def acl_normalisation(d, top):
    d.connect("a")
    d.do("a", create(top))
    good = (31, "world", "anyone")
    lists = (
        (good, good), (good, (1, "world", "anyone"), good),
        ((0, "world", "anyone"),), ((-1, "world", "anyone"),),
        ((1 << 20, "world", "anyone"),), (good, (31, "world", "you")),
        ((31, None, "anyone"),), ((31, "world", None),), ((31, "", ""),),
        ((31, "nope", "x"),), ((31, "super", ""),), ((31, "auth", ""),),
        ((31, "auth", None),), ((31, "x509", "CN=a"),), ((31, "sasl", "a"),),
        ((31, "digest", "a:b"),), ((31, "digest", ":b"),),
        ((31, "digest", "a:"),), ((31, "digest", "a:b:"),),
        ((31, "digest", "a:b:c"),), ((31, "digest", ""),),
        ((31, "digest", ":"),), ((31, "digest", "::"),),
        ((31, "digest", "a::b"),), ((31, "digest", None),),
        ((31, "ip", "127.0.0.1"),), ((31, "ip", "127.0.0.1/8"),),
        ((31, "ip", "127.0.0.1/0"),), ((31, "ip", "127.0.0.1/32"),),
        ((31, "ip", "127.0.0.1/33"),), ((31, "ip", "127.0.0.1/-1"),),
        ((31, "ip", "127.0.0.1/"),), ((31, "ip", "127.0.0.1/x"),),
        ((31, "ip", "127.0.0"),), ((31, "ip", "256.0.0.1"),),
        ((31, "ip", "1.2.3.4/8/9"),), ((31, "ip", ""),), ((31, "ip", None),),
        ((31, "ip", "::1"),), ((31, "ip", "::1/128"),),
        ((31, "ip", "::1/129"),), ((31, "ip", "::"),),
        ((31, "ip", "1:2:3:4:5:6:7:8"),), ((31, "ip", "1:2:3:4:5:6:7"),),
        ((31, "ip", "1::2::3"),), ((31, "ip", "12345::"),),
        ((31, "ip", "::ffff:1.2.3.4"),), ((31, "ip", "fe80::1%lo"),),
        ((31, "ip", "01.2.3.4"),), ((31, "ip", "+1.2.3.4"),),
        ((31, "ip", " 1.2.3.4"),), ((31, "ip", "g::1"),),
        ((31, "world", "anyone"), (31, "digest", "a:b"),
        (1, "ip", "10.0.0.0/8")),
    )
    for n, acl in enumerate(lists):
        d.do("a", create(f"{top}/{n}", acl=acl), get_acl(f"{top}/{n}"))
        d.do("a", set_acl(top + "/0", acl))
        d.do("a", get_acl(top + "/0"), set_acl(top + "/0", OPEN_ACL))
        d.do("a", delete(top + "/0"))
        d.do("a", create(top + "/0"))
    d.do("a", *[create(f"{top}/x", acl=acl) for acl in (None, ())])
    d.compare_tree("a", top)


@case()
def reads_of_odd_paths(d, top):
    d.connect("a")
    d.do("a", create(top), create(top + "/x"))
    ops = (exists, get_data, get_children, get_children2, get_acl,
           get_all_children_number, sync, get_ephemerals)
    for op in ops:
        d.do("a", *[op(path) for path in ODD_PATHS])
        d.do("a", *[op(path) for path in (
            top, top + "/", top + "/x", top + "/no", top + "//x", "/zookeeper",
            "/zookeeper/", "/zookeeper/quota", "/zookeeper/config")])
    for op in ops[:4]:
        d.do("a", *[op(path, True) for path in (None, "", top + "/no", top)])


@case()
def reads_and_permissions(d, top):
    d.connect("a")
    for perms in range(32):
        path = f"{top}{perms}"
        d.do("a", create(path, b"d", acl=((perms, "world", "anyone"),)),
             exists(path), get_data(path), get_children(path),
             get_children2(path), get_acl(path), get_all_children_number(path),
             set_data(path, b"e"), create(path + "/c"), delete(path + "/c"),
             multi(check(path, 0)), multi(check(path, 1)), sync(path),
             multi_read(get_data(path), get_children(path)),
             set_acl(path, ((perms, "world", "anyone"),)))


@case()
def stats_of_a_parent(d, top):
    d.connect("a")
    d.do("a", create(top), *[create(f"{top}/c{n}") for n in range(14)],
         exists(top), *[delete(f"{top}/c{n}") for n in range(3)], exists(top),
         set_data(top, b"x"), exists(top), set_acl(top), exists(top),
         create(top + "/c1"), create(top + "/c1/d"), exists(top),
         exists(top + "/c1"), get_all_children_number(top), get_children(top),
         get_children2(top))
    d.compare_tree("a", top)


@case()
def ephemerals(d, top):
    d.connect("a")
    d.connect("b")
    d.do("a", create(top), create(top + "/e1", b"x", flags=1),
         create2(top + "/e2", flags=1), create(top + "/e-", flags=3),
         get_data(top + "/e1"), get_ephemerals(None), get_ephemerals(""),
         get_ephemerals("/"), get_ephemerals(" "), get_ephemerals(top),
         get_ephemerals(top + "/e"), get_ephemerals(top + "/e2"),
         get_ephemerals("nothing"))
    d.do("b", get_ephemerals(None), exists(top + "/e1"),
         create(top + "/b1", flags=1), create(top + "/e1/x"),
         delete(top + "/e1"), get_ephemerals("/"))
    d.do("a", get_ephemerals(""), create(top + "/x", flags=1),
         delete(top + "/x"))
    d.compare_counters()
    d.close("a")
    d.do("b", get_children2(top), exists(top))
    d.compare_tree("b", top)
    d.compare_counters()


@case()
def containers_and_ttl_nodes(d, top):
    d.connect("a")
    d.do("a", create(top), create_container(top + "/c", b"d"),
         create_ttl(top + "/t", b"d", ttl=10_000_000),
         create_ttl(top + "/t-", flags=6),
         create_container(top + "/k", flags=0),
         create_container(top + "/k1", flags=1),
         create_container(top + "/k2-", flags=2),
         create_container(top + "/k3-", flags=3),
         create(top + "/plain", flags=4), create(top + "/c/x"),
         create(top + "/t/x"), create(top + "/c/e", flags=1),
         set_data(top + "/t", b"e"), set_data(top + "/c", b"e"),
         get_ephemerals(None))
    d.do("a", multi(create(top + "/m1", flags=4), create2(top + "/m2", flags=4),
                    create_container(top + "/m3", flags=0),
                    create_ttl(top + "/m4"), create_ttl(top + "/m5-", flags=6)))
    d.compare_tree("a", top)
    d.compare_counters()


@case("sweep")
def sweeper(d, top):
    d.connect("a")
    d.do("a", create(top), create_container(top + "/never"),
         create_container(top + "/full"), create(top + "/full/x"),
         wire.add_watch(top, 1))
    # No request may be under way when the sweeper comes along, or its event
    # would have no definite place: hence burst() and then await_zxid().
    last = d.burst("a", [create_container(top + "/used"),
                         create(top + "/used/x"), delete(top + "/used/x")])[-1]
    d.await_zxid(last.zxid + 1)
    d.do("a", exists(top + "/used"), exists(top + "/never"))
    last = d.burst("a", [create_ttl(top + "/ttl", ttl=1)])[-1]
    d.await_zxid(last.zxid + 1)
    d.do("a", exists(top + "/ttl"))
    d.compare_tree("a", top)
    d.compare_counters()


MULTI_OPS = (
    ("create", lambda t: create(t + "/1", b"x")),
    ("create2", lambda t: create2(t + "/2", b"x")),
    ("container", lambda t: create_container(t + "/3")),
    ("ttl", lambda t: create_ttl(t + "/4")),
    ("set", lambda t: set_data(t, b"y")),
    ("check", lambda t: check(t)),
    ("delete", lambda t: delete(t + "/old")),
)


@case()
def multi_of_everything(d, top):
    d.connect("a")
    d.do("a", create(top), create(top + "/old"))
    d.do("a", multi(*[make(top) for _, make in MULTI_OPS]))
    d.compare_tree("a", top)
    d.do("a", multi(), multi_read())
    d.do("a", multi(create(top + "/p"), create(top + "/p/c"),
                    set_data(top + "/p/c", b"1"),
                    set_data(top + "/p/c", b"2", 1),
                    check(top + "/p/c", 2), delete(top + "/p/c", 2),
                    create(top + "/p/s", flags=2),
                    create2(top + "/p/s", flags=2),
                    create2(top + "/p/e", flags=1)))
    d.do("a", multi(delete(top + "/p")), multi(delete(top + "/p/e"),
                                               create(top + "/p/e")))
    d.do("a", multi(*[set_data(top, bytes(n)) for n in range(100)]))
    d.compare_tree("a", top)


@case()
def multi_failures(d, top):
    d.connect("a")
    d.do("a", create(top), create(top + "/x"), create(top + "/e", flags=1),
         create(top + "/ro", acl=READ_ONLY_ACL))
    good = create(top + "/z"), set_data(top + "/x", b"1")
    bad = (
        create(top + "/x"), create(top + "/no/x"), create("foo"), create("/"),
        create(top + "/y", acl=()), create(top + "/y", acl=None),
        create(top + "/y", acl=((31, "auth", ""),)),
        create(top + "/y", acl=((31, "digest", None),)),
        create(top + "/ro/x"), create(top + "/e/x"), create(None),
        create(top + "/\x01"), create(top + "/a/"),
        create_ttl(top + "/y", ttl=0), create_ttl(top + "/y", ttl=1 << 41),
        create_ttl(top + "/y", flags=9, ttl=5),
        delete(top + "/no"), delete(top), delete(top + "/x", 9), delete(None),
        delete("/"), delete("/zookeeper"), delete("foo"), delete(""),
        set_data(top + "/no"), set_data(top + "/x", b"", 9), set_data(None),
        set_data("foo"), set_data(top + "/ro"), set_data(""),
        check(top + "/no"), check(top + "/x", 9), check(None), check("foo"),
        check(top + "/x", -2), check(""),
    )
    for failing in bad:
        d.do("a", multi(failing), multi(*good, failing, *good, failing))
        d.do("a", multi(good[0], failing))
    d.do("a", create(top + "/free-", flags=2), exists(top), exists(top + "/x"))
    d.compare_tree("a", top)
    d.compare_counters()


@case()
def multi_that_does_not_decode(d, top):
    d.connect("a")
    d.do("a", create(top))
    header = wire.MULTI_HEADER.pack
    op = create(top + "/x").body
    end = header(-1, True, -1)
    bodies = {
        "empty": b"",
        "no terminator": header(1, False, -1) + op,
        "unknown type": header(99, False, -1) + op + end,
        "setACL inside": header(7, False, -1) + set_acl(top).body + end,
        "exists inside": header(3, False, -1) + exists(top).body + end,
        "sync inside": header(9, False, -1) + sync(top).body + end,
        "deleteContainer inside": header(20, False, -1)
        + delete_container(top).body + end,
        "multi inside": header(14, False, -1) + end + end,
        "read in a write": header(1, False, -1) + op
        + header(4, False, -1) + get_data(top).body + end,
        "write in a read": header(4, False, -1) + get_data(top).body
        + header(1, False, -1) + op + end,
        "only reads": header(4, False, -1) + get_data(top).body + end,
        "short op": header(1, False, -1) + op[:-1],
        "short header": header(1, False, -1)[:5],
        "done at once with type": header(1, True, 0),
        "err in header": header(1, False, 77) + op + end,
        "bytes after the end": header(1, False, -1) + op + end + b"tail",
        "done is 2": header(1, False, -1) + op + b"\xff\xff\xff\xff\x02" + end,
        "type -1 not done": header(-1, False, -1) + end,
    }
    for name, body in bodies.items():
        d.do("a", raw(14, body, f"multi: {name}"))
    for flags in (-1, 4, 5, 6, 7, 9):
        for kind in (CREATE, CREATE2, CREATE_CONTAINER):
            d.do("a", multi(create(f"{top}/f{kind}.{flags}", flags=flags,
                                   op=kind)))
        d.do("a", multi(create_ttl(f"{top}/t{flags}", flags=flags)),
             multi(create_ttl(f"{top}/u{flags}", flags=flags, ttl=-1)))
    d.compare_tree("a", top)


@case()
def multi_read_cases(d, top):
    d.connect("a")
    d.do("a", create(top, b"1"), create(top + "/x", b"2"),
         create(top + "/no-read", acl=((30, "world", "anyone"),)))
    d.do("a", multi_read(get_data(top), get_children(top), get_data(top + "/x"),
                         get_children(top + "/x"), get_data(top + "/no"),
                         get_children(top + "/no"), get_data(top + "/no-read"),
                         get_children(top + "/no-read")))
    d.do("a", multi_read(get_data(top, True), get_children(top, True)),
         set_data(top, b"no event"), create(top + "/no-event"))
    d.do("a", *[multi_read(get_data(p)) for p in ("", "foo", "/", top + "/")])
    d.do("a", multi_read(get_data(None)), multi_read(get_children(None)),
         multi_read(get_data(top), get_data(None)))
    header = wire.MULTI_HEADER.pack
    end = header(-1, True, -1)
    d.do("a", raw(22, b"", "multiRead: empty"),
         raw(22, header(4, False, -1) + get_data(top).body, "no terminator"),
         raw(22, header(3, False, -1) + exists(top).body + end, "exists"),
         raw(22, header(12, False, -1) + get_children2(top).body + end,
             "getChildren2"),
         raw(22, header(99, False, -1) + end, "unknown"))
    d.compare_tree("a", top)


@case()
def multi_read_with_writes(d, top):
    d.connect("a")
    d.do("a", create(top))
    d.do("a", multi_read(create(top + "/x")), exists(top + "/x"))
    d.do("a", multi_read(set_data(top, b"x")), exists(top))
    d.do("a", multi_read(check(top)), multi_read(delete(top)), exists(top))


@case()
def large_data(d, top):
    d.connect("a")
    overhead = 8 + len(create(top, b"").body)
    largest = 1_048_575 - overhead
    d.do("a", create(top, b"x" * largest))
    d.do("a", exists(top), get_data(top))
    d.do("a", set_data(top, b""), set_data(top, b"y" * 1_000_000),
         get_data(top))
    d.do("a", delete(top))
    d.open("late")
    d.handshake("late")
    d.do("late", create(top, b"x" * (largest + 1)))


@case()
def many_children(d, top):
    d.connect("a")
    d.do("a", create(top))
    for start in range(0, 2000, 250):
        d.do("a", *[create(f"{top}/child-{start + n:05}")
                    for n in range(250)])
    d.do("a", get_children(top), get_children2(top), exists(top),
         get_all_children_number(top))


@case()
def quota_accounting(d, top):
    d.connect("a")
    quota = "/zookeeper/quota" + top
    d.do("a", create(top, b"1234"), create(top + "/a", b"12"),
         create(top + "/a/b", b"1"), create(quota))
    d.do("a", create(quota + "/zookeeper_limits", b"count=5,bytes=100"))
    d.do("a", create(quota + "/zookeeper_stats", b"count=0,bytes=0"),
         get_data(quota + "/zookeeper_stats"))
    for request in (
            create(top + "/n", b"12345678"), create(top + "/n/o", None),
            create(top + "/s-", b"x", flags=2),
            create(top + "/e", b"y", flags=1),
            set_data(top + "/n", b"1"), set_data(top + "/n", None),
            set_data(top + "/n", b"123"), delete(top + "/n/o"),
            delete(top + "/n"), create_container(top + "/c", b"cc"),
            create_ttl(top + "/t", b"tt"), set_data(top, b""),
            create(top + "x", b"neighbour"),
            multi(create(top + "/m1", b"m"), delete(top + "/m1"),
                  create(top + "/m2", b"mm"))):
        d.do("a", request)
        d.do("a", get_data(quota + "/zookeeper_stats"))
    d.do("a", create(quota + "/a"),
         create(quota + "/a/zookeeper_limits", b"count=1"),
         create(quota + "/a/zookeeper_stats", b""))
    d.do("a", create(top + "/a/deep", b"1234"), set_data(top + "/a", b"1"),
         get_data(quota + "/a/zookeeper_stats"),
         get_data(quota + "/zookeeper_stats"))
    d.do("a", delete(quota + "/a/zookeeper_limits"),
         create(top + "/a/deeper", b"12345"), set_data(quota
                                                       + "/zookeeper_stats",
                                                       b"count=1,bytes=1"),
         create(top + "/a/deepest", b"1"),
         get_data(quota + "/a/zookeeper_stats"),
         get_data(quota + "/zookeeper_stats"))
    d.do("a", delete(quota + "/zookeeper_stats"), create(top + "/gone", b"1"),
         delete(quota + "/zookeeper_limits"), create(top + "/gone2", b"1"))
    d.compare_tree("a", top)
    d.compare_tree("a", "/zookeeper")
    d.compare_counters()


@case()
def quota_not_enforced(d, top):
    d.connect("a")
    quota = "/zookeeper/quota" + top
    d.do("a", create(top), create(quota),
         create(quota + "/zookeeper_limits",
                b"count=1,bytes=1=;byteHardLimit=1;countHardLimit=1"),
         create(quota + "/zookeeper_stats", b""))
    d.do("a", create(top + "/x", b"12345"), set_data(top, b"12345"),
         get_data(quota + "/zookeeper_stats"))


@case(alone=True)
def quota_of_the_root(d, top):
    """ZooKeeper dies of it."""
    d.connect("a")
    d.do("a", create("/zookeeper/quota/zookeeper_stats", b"count=0,bytes=0"),
         get_data("/zookeeper/quota/zookeeper_stats"))
    d.burst("a", [create("/zookeeper/quota/zookeeper_limits", b"count=1")])
    d.forget("a")


@case()
def quota_in_odd_places(d, top):
    d.connect("a")
    d.do("a", create("/zookeeper/quota/absent"),
         create("/zookeeper/quota/absent/zookeeper_limits", b"count=1"),
         create("/zookeeper/quota/absent/zookeeper_stats", b"what"),
         get_data("/zookeeper/quota/absent/zookeeper_stats"))
    d.do("a", create("/zookeeper/quota/a_zookeeper_limits"),
         create("/zookeeper/quota/a_zookeeper_stats", b"kept"),
         get_data("/zookeeper/quota/a_zookeeper_stats"))
    d.do("a", delete("/zookeeper/quota/a_zookeeper_limits"))
    d.compare_tree("a", "/zookeeper")


@case("quota")
def quota_enforced(d, top):
    d.connect("a")
    limits = (
        b"count=3,bytes=-1",
        b"count=3,bytes=-1=;byteHardLimit=-1;countHardLimit=3",
        b"count=-1,bytes=10=;byteHardLimit=10;countHardLimit=-1",
        b"count=2,bytes=4=;byteHardLimit=8;countHardLimit=4",
        b"countHardLimit=3", b"byteHardLimit=5", b"count=,bytes=", b"",
        b"count=1;bytes=1;countHardLimit=2;byteHardLimit=6",
        b"countHardLimit=0", b"countHardLimit=-5,byteHardLimit=0",
    )
    for n, limit in enumerate(limits):
        root = f"{top}{n}"
        quota = "/zookeeper/quota" + root
        for request in (
                create(root, b""), create(quota),
                create(quota + "/zookeeper_limits", limit),
                create(quota + "/zookeeper_stats", b"count=0,bytes=0"),
                create(root + "/a", b"12"), create(root + "/b", b"123"),
                create(root + "/c", b"1234"), create(root + "/d", None),
                set_data(root + "/a", b"12345678"), set_data(root + "/a", b"1"),
                set_data(root + "/a", b"123456789012", 77),
                set_data(root + "/a", b"12"), set_data(root + "/missing", b"1"),
                create2(root + "/e", b"", flags=1),
                create_container(root + "/f", b"1"),
                create_ttl(root + "/g", b"1"),
                multi(create(root + "/m", b"1"), delete(root + "/m")),
                create(root + "/s", b"", flags=2), delete(root + "/b"),
                create(root + "/b", b"1"), create(root + "/b", b"1"),
                get_data(quota + "/zookeeper_stats"),
                delete(quota + "/zookeeper_stats"),
                create(root + "/unlimited", b"1" * 50),
                delete(quota + "/zookeeper_limits"),
                create(root + "/unlimited2", b"1" * 50)):
            d.do("a", request)
        d.compare_tree("a", root)
    d.compare_tree("a", "/zookeeper")


@case("quota")
def quota_limits_that_do_not_parse(d, top):
    d.connect("a")
    for n, limit in enumerate((b"what", b"count=x", None, b"count", b"=1",
                               b"count=1,,bytes=2", b"count==1", b",",
                               b"count=99999999999999999999", b" count = 1 ")):
        root = f"{top}{n}"
        quota = "/zookeeper/quota" + root
        for request in (
                create(root), create(quota),
                create(quota + "/zookeeper_limits", limit),
                create(quota + "/zookeeper_stats", b"count=0,bytes=0"),
                create(root + "/a", b"12"), set_data(root, b"1"),
                get_data(quota + "/zookeeper_stats")):
            d.do("a", request)


@case("skip_acl")
def acl_checks_skipped(d, top):
    d.connect("a")
    d.do("a", create(top, acl=READ_ONLY_ACL), create(top + "/x"),
         set_data(top, b"x"), set_acl(top, ((0, "world", "anyone"),)),
         get_data(top), get_acl(top), delete(top + "/x"),
         create(top + "/y", acl=()), create(top + "/y", acl=((31, "no", "x"),)),
         set_acl(top, ()))
    d.compare_tree("a", top)


@case("eager_acl")
def acl_checked_early(d, top):
    d.connect("a")
    d.do("a", create(top, acl=READ_ONLY_ACL), create(top + "x"))
    for request in (create(top + "/x"), create2(top + "/x"), set_data(top),
                    set_acl(top), delete(top + "/x"), create_ttl(top + "/x"),
                    create_container(top + "/x"), multi(create(top + "/x")),
                    create("/no/such/x"), delete("/no/such"), set_data("/no"),
                    set_acl("/no"), create(top + "x/y", acl=()),
                    set_acl(top + "x", ()), set_acl(top + "x", ((1, "q", ""),)),
                    create(None), delete(None), set_data(None), set_acl(None),
                    create("foo"), delete("foo"), set_data("foo"),
                    raw(1, b"\0"), raw(2, b"\0"), raw(5, b""), raw(7, b"")):
        d.do("a", request)
    d.compare_tree("a", top)


@case(alone=True)
def digests_of_the_tree(d, top):
    """The `hash` word agrees with a digest of the tree walked at that zxid."""
    from differential import digest
    d.connect("a")
    d.do("a", create(top, b"x"), create(top + "/n", None),
         create(top + "/e", flags=1), create(top + "/s-", flags=2))
    zxid = d.one("a", set_data(top, b"y")).zxid
    while zxid % 128 != 0:
        step = zxid % 7
        request = (set_data(top + "/n", bytes(step)) if step < 3
                   else create(f"{top}/n/c-", b"c", flags=2) if step < 5
                   else set_acl(top + "/n") if step == 5
                   else delete(f"{top}/n/missing"))
        zxid = d.one("a", request).zxid
    for world in d.worlds:
        walked = digest.of_tree(d, world, "a")
        answer = dict(line.split(": ") for line in
                      servers.four_letter_word(world.server.port,
                                               "hash").splitlines())
        d.compare_values(f"digest of {world.kind} at {zxid:#x}",
                         str(walked), answer.get(f"{zxid:x}"))
