"""Scripted cases: identities and permissions."""

from differential.cases import case
from differential.wire import (
    OPEN_ACL, auth, check, close_session, create, create2, delete, exists,
    get_acl, get_all_children_number, get_children, get_data, multi,
    multi_read, ping, raw, reconfig, sasl, set_acl, set_data, sync, who_am_i)

USER1 = "user1:+7K83PhyQ3ijGj0ADmljf0quVwQ="  # user1:pass1
AUTH_ACL = ((31, "auth", ""),)
LOCAL = ((31, "ip", "127.0.0.1"),)


@case()
def auth_packets(d, top):
    d.connect("a")
    d.do("a", who_am_i())
    for scheme, data in (("digest", "user1:pass1"), ("digest", "user1:pass1"),
                         ("digest", "nocolon"), ("digest", ""),
                         ("digest", ":"), ("digest", "a:b:c"),
                         ("digest", b"\xff\xfe:x"), ("digest", "é:ü"),
                         ("ip", ""), ("ip", "10.0.0.1"), ("ip", None)):
        d.do("a", auth(scheme, data))
        d.do("a", auth(scheme, data, xid=55))
        d.do("a", who_am_i())


@case()
def auth_with_null_data(d, top):
    for data in (None,):
        d.connect("a")
        d.do("a", auth("digest", data))
        d.close_all()


@case()
def auth_refused(d, top):
    for n, scheme in enumerate(("nope", "", None, "world", "auth", "super",
                                "sasl", "x509", "DIGEST")):
        d.connect(f"c{n}")
        d.do(f"c{n}", auth(scheme, "x"))
    for n, xid in enumerate((55, -8, 0)):
        d.connect(f"x{n}")
        d.do(f"x{n}", auth("nope", "x", xid=xid))


@case()
def auth_packets_that_do_not_decode(d, top):
    for n, body in enumerate((b"", b"\0", b"\0\0\0\0", b"\0\0\0\0\0\0\0\6dig",
                              b"\0\0\0\0\0\0\0\6digest")):
        d.connect(f"c{n}")
        d.do(f"c{n}", raw(100, body, "auth, short", xid=-4))


@case()
def digest_permissions(d, top):
    d.connect("owner")
    d.connect("other")
    d.do("owner", create(top), create(top + "/x", acl=AUTH_ACL))
    d.do("owner", auth("digest", "user1:pass1"))
    d.do("owner", create(top + "/x", b"s", acl=AUTH_ACL), get_acl(top + "/x"),
         create(top + "/y", acl=((1, "digest", USER1), (16, "digest", USER1))),
         create(top + "/z", acl=((15, "digest", USER1),
                                 (16, "world", "anyone"))),
         create(top + "/r", acl=((1, "world", "anyone"),
                                 (31, "digest", USER1))),
         create(top + "/null", acl=((31, "auth", None),)),
         create(top + "/any", acl=((31, "auth", "whatever:x"),)))
    ops = [op for p in "xyzr" for op in (
        get_data(f"{top}/{p}"), exists(f"{top}/{p}"), get_acl(f"{top}/{p}"),
        get_children(f"{top}/{p}"), set_data(f"{top}/{p}", b"t"),
        get_all_children_number(f"{top}/{p}"), create(f"{top}/{p}/c"),
        create2(f"{top}/{p}/c"), delete(f"{top}/{p}/c"), sync(f"{top}/{p}"),
        set_acl(f"{top}/{p}", AUTH_ACL, 9), multi(check(f"{top}/{p}")),
        multi_read(get_data(f"{top}/{p}"), get_children(f"{top}/{p}")))]
    d.do("other", *ops)
    d.do("owner", *ops)
    d.do("other", auth("digest", "user1:wrong"))
    d.do("other", *ops)
    d.do("other", auth("digest", "user1:pass1"))
    d.do("other", *ops)
    d.do("other", set_acl(top + "/x", ((1, "digest", "a:b"),)))
    d.do("other", get_acl(top + "/x"), set_data(top + "/x"),
         get_data(top + "/x"))


@case()
def getacl_hides_digests(d, top):
    d.connect("a")
    d.do("a", create(top, acl=(
        (1, "digest", "a:b"), (1, "digest", ":c"), (1, "ip", "1.2.3.4"),
        (1, "world", "anyone"), (1, "digest", "d:e:"))))
    d.do("a", get_acl(top))
    d.do("a", create(top + "2", acl=((17, "world", "anyone"),
                                     (31, "digest", "a:b"))),
         get_acl(top + "2"))
    d.do("a", create(top + "3", acl=((16, "world", "anyone"),
                                     (31, "digest", "a:b"))),
         get_acl(top + "3"))


@case()
def super_user(d, top):
    d.connect("a")
    d.connect("b")
    closed = ((1, "digest", "nobody:x"),)
    d.do("a", create(top, b"1", acl=closed))
    d.do("b", auth("digest", "super:wrong"))
    d.do("b", get_data(top), who_am_i())
    d.do("b", auth("digest", "super:secret"))
    d.do("b", who_am_i(), get_data(top), set_data(top, b"2"), get_acl(top),
         create(top + "/x", acl=closed), delete(top + "/x"),
         create(top + "/y", acl=AUTH_ACL), get_acl(top + "/y"),
         set_acl(top, OPEN_ACL), create(top + "/z", acl=((31, "super", ""),)),
         set_data("/zookeeper/config", b""), delete("/zookeeper/config"),
         set_acl("/zookeeper/config", ((1, "world", "anyone"),)))
    d.do("a", get_data(top), get_acl(top + "/y"))


@case()
def ip_permissions(d, top):
    d.connect("a")
    for n, address in enumerate((
            "127.0.0.1", "127.0.0.0/8", "127.0.0.2", "126.0.0.0/7",
            "128.0.0.0/1", "0.0.0.0/0", "127.0.0.2/31", "127.0.0.0/31", "::1",
            "::/0", "0:0:0:0:0:ffff:7f00:1", "::ffff:7f00:1")):
        path = f"{top}{n}"
        d.do("a", create(path, b"x", acl=((31, "ip", address),)),
             get_data(path), set_data(path), get_acl(path))
    d.do("a", create(top, acl=((1, "ip", "127.0.0.1"),
                               (2, "ip", "127.0.0.0/8"))),
         get_data(top), set_data(top), create(top + "/x"), get_acl(top))


@case()
def auth_scheme_needs_an_authenticated_identity(d, top):
    d.connect("a")
    d.do("a", create(top, acl=AUTH_ACL), create(top, acl=LOCAL),
         set_acl(top, AUTH_ACL))
    d.do("a", auth("ip", ""))
    d.do("a", set_acl(top, AUTH_ACL))
    d.do("a", auth("digest", "user1:pass1"))
    d.do("a", set_acl(top, ((1, "auth", "x"), (16, "auth", "y"),
                            (31, "world", "anyone"), (1, "auth", ""))),
         get_acl(top))
    d.do("a", set_acl(top, ((31, "digest", USER1), (31, "auth", ""))),
         get_acl(top))


@case()
def identities_end_with_the_connection(d, top):
    d.connect("a")
    session = d.session_of("a")
    d.do("a", auth("digest", "user1:pass1"))
    d.do("a", create(top, acl=AUTH_ACL), get_data(top))
    d.drop("a")
    d.open("a2")
    d.handshake("a2", session=session, password="own")
    d.do("a2", get_data(top), who_am_i())
    # Apart: ZooKeeper may answer auth ahead of what came before it.
    d.do("a2", auth("digest", "user1:pass1"))
    d.do("a2", get_data(top))


@case()
def sasl_without_configuration(d, top):
    d.connect("a")
    d.do("a", sasl(b""))
    d.do("a", sasl(b"token"))
    d.do("a", raw(102, sasl(b"x").body, "sasl", xid=-5))
    d.do("a", exists("/"))
    d.do("a", raw(102, b"\0", "sasl, short"))


@case()
def sasl_with_a_null_token(d, top):
    d.connect("a")
    d.burst("a", [sasl(None)])
    d.forget("a")


@case("auth_required")
def authentication_enforced(d, top):
    d.connect("ok")
    d.do("ok", auth("digest", "user1:pass1"))
    d.do("ok", create(top), who_am_i(), get_data(top))
    for n, request in enumerate((
            create(top + "/x"), exists("/"), ping(), ping(xid=9),
            close_session(), who_am_i(), raw(99), multi(), sync("/"),
            raw(1, b""))):
        d.connect(f"c{n}")
        d.do(f"c{n}", request)
    d.connect("ip")
    d.do("ip", auth("ip", ""))
    d.do("ip", exists(top))
    d.connect("nope")
    d.do("nope", auth("nope", ""))
    d.connect("sasl")
    d.do("sasl", sasl(b""))
    d.do("sasl", exists("/"))
    d.close("ok")


@case("sha256")
def digest_with_sha256(d, top):
    d.connect("a")
    d.do("a", auth("digest", "user1:pass1"))
    d.do("a", create(top, acl=AUTH_ACL), get_acl(top), get_data(top),
         who_am_i())
    d.do("a", auth("digest", "super:secret"))
    d.do("a", who_am_i())


@case()
def reconfig_disabled(d, top):
    d.connect("a")
    d.do("a", reconfig(members="server.1=127.0.0.1:1:2;3"), reconfig(),
         raw(16, b"", "reconfig, short"))


@case("reconfig")
def reconfig_on_a_standalone_server(d, top):
    d.connect("a")
    d.do("a", reconfig(members="server.1=127.0.0.1:1:2;3"), reconfig(),
         reconfig(leaving="1"), reconfig(config_id=7),
         raw(16, b"", "reconfig, short"))
    d.do("a", auth("digest", "super:secret"))
    d.do("a", reconfig(leaving="1"), get_data("/zookeeper/config"))
