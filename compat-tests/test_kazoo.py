"""kazoo's client API: what a Python program sees of the server."""

import queue
import threading
import time

import pytest
from kazoo import exceptions, security
from kazoo.client import KazooState
from kazoo.protocol.states import EventType

import conftest
import raw
import servers


def states_of(client):
    """A queue that receives the client's state changes."""
    states = queue.Queue()
    client.add_listener(lambda state: states.put(state))
    return states


def events_of():
    """(watch function, queue of (type, path))."""
    events = queue.Queue()
    return lambda e: events.put((e.type, e.path)), events


# ---- Nodes ----


def test_create_kinds(kazoo):
    zk, other = kazoo(), kazoo()
    assert zk.create("/plain", b"1") == "/plain"
    assert zk.create("/eph", b"2", ephemeral=True) == "/eph"
    assert zk.create("/s-", b"3", sequence=True) == "/s-0000000002"
    assert zk.create("/s-", b"4", sequence=True,
                     ephemeral=True) == "/s-0000000003"
    zk.create("/plain/sub")
    assert zk.create("/plain/", sequence=True) == "/plain/0000000001"
    owner = zk.client_id[0]
    for path, data, expected in (("/plain", b"1", 0), ("/eph", b"2", owner),
                                 ("/s-0000000003", b"4", owner)):
        got, stat = other.get(path)
        assert (got, stat.ephemeralOwner) == (data, expected)
    with pytest.raises(exceptions.NodeExistsError):
        other.create("/eph")
    with pytest.raises(exceptions.NoChildrenForEphemeralsError):
        other.create("/eph/child")
    with pytest.raises(exceptions.NoNodeError):
        other.create("/missing/child")
    assert other.create("/missing/deep/child", makepath=True)
    zk.stop()
    assert other.exists("/eph") is None
    assert other.exists("/s-0000000003") is None
    assert other.exists("/s-0000000002")


def test_create_include_data_returns_the_stat(kazoo):
    zk = kazoo()
    path, stat = zk.create("/n", b"12345", include_data=True)
    assert path == "/n"
    assert stat == zk.exists("/n")
    assert stat.czxid == stat.mzxid == stat.pzxid == zk.last_zxid
    assert (stat.version, stat.cversion, stat.aversion) == (0, 0, 0)
    assert (stat.dataLength, stat.numChildren) == (5, 0)
    path, stat = zk.create("/n/e-", None, ephemeral=True, sequence=True,
                           include_data=True)
    assert path == "/n/e-0000000000"
    assert stat.ephemeralOwner == zk.client_id[0]


def test_null_is_not_empty(kazoo):
    zk = kazoo()
    zk.create("/null", None)
    zk.create("/empty", b"")
    assert zk.get("/null")[0] is None
    assert zk.get("/empty")[0] == b""
    zk.set("/null", b"")
    zk.set("/empty", None)
    assert zk.get("/null")[0] == b""
    assert zk.get("/empty")[0] is None
    assert zk.get("/empty")[1].dataLength == 0


def test_binary_data_and_unicode_names(kazoo):
    zk = kazoo()
    data = bytes(range(256)) * 64
    for name in ("/ascii", "/grün", "/日本", "/with space", "/a.b", "/..."):
        zk.create(name, data)
        assert zk.get(name)[0] == data
    assert {"grün", "日本", "..."} <= set(zk.get_children("/"))


@pytest.mark.parametrize("path", ["/nul\0", "/\x01", "/\ud7ff\ue000"])
def test_bad_paths(kazoo, path):
    with pytest.raises(exceptions.BadArgumentsError):
        kazoo().create(path)


def test_versions(kazoo):
    zk = kazoo()
    zk.create("/v", b"0")
    assert zk.set("/v", b"1", version=0).version == 1
    with pytest.raises(exceptions.BadVersionError):
        zk.set("/v", b"x", version=0)
    assert zk.set("/v", b"2").version == 2
    with pytest.raises(exceptions.BadVersionError):
        zk.delete("/v", version=1)
    assert zk.get("/v")[0] == b"2"
    zk.delete("/v", version=2)
    for call in (zk.get, zk.delete, zk.get_children, zk.get_acls,
                 lambda p: zk.set(p, b"")):
        with pytest.raises(exceptions.NoNodeError):
            call("/v")
    assert zk.exists("/v") is None


def test_stat_of_a_parent(kazoo):
    zk = kazoo()
    zk.create("/p")
    for i in range(14):
        zk.create(f"/p/{i}")
    for i in range(3):
        zk.delete(f"/p/{i}")
    last = zk.last_zxid
    zk.set("/p/5", b"x")
    children, stat = zk.get_children("/p", include_data=True)
    assert sorted(children) == sorted(str(i) for i in range(3, 14))
    assert stat == zk.exists("/p")
    assert (stat.cversion, stat.numChildren, stat.pzxid) == (17, 11, last)
    assert (stat.version, stat.mzxid) == (0, stat.czxid)


def test_delete(kazoo):
    zk = kazoo()
    zk.ensure_path("/d/a/b/c")
    zk.create("/d/e")
    with pytest.raises(exceptions.NotEmptyError):
        zk.delete("/d")
    zk.delete("/d", recursive=True)
    assert zk.exists("/d") is None
    zk.delete("/d", recursive=True)  # kazoo takes this as done.
    for path in ("/", "/zookeeper", "/zookeeper/config"):
        with pytest.raises(exceptions.BadArgumentsError):
            zk.delete(path)


def test_ensure_path(kazoo):
    zk = kazoo()
    assert zk.ensure_path("/a/b/c")
    assert zk.ensure_path("/a/b/c")
    assert zk.get("/a/b/c")[0] == b""
    threads = [threading.Thread(target=zk.ensure_path, args=("/r/s/t",))
               for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert zk.exists("/r/s/t")


def test_reserved_nodes(kazoo):
    zk = kazoo()
    assert zk.get_children("/") == ["zookeeper"]
    assert sorted(zk.get_children("/zookeeper")) == ["config", "quota"]
    data, stat = zk.get("/zookeeper/config")
    assert (data, stat.version, stat.czxid) == (b"", 0, 0)
    acls, stat = zk.get_acls("/zookeeper/config")
    assert acls == [security.ACL(1, security.Id("world", "anyone"))]
    assert stat.aversion == -1
    with pytest.raises(exceptions.NoAuthError):
        zk.set("/zookeeper/config", b"x")


def test_sync(kazoo):
    zk = kazoo()
    zk.create("/s")
    assert zk.sync("/s") == "/s"
    assert zk.sync("/not/there") == "/not/there"


def test_asynchronous_calls_keep_their_order(kazoo):
    zk = kazoo()
    zk.create("/a", b"")
    results = []
    for i in range(500):
        results.append((zk.create_async(f"/a/{i}", b"%d" % i),
                        zk.set_async("/a", b"%d" % i),
                        zk.get_async("/a"), zk.get_children_async("/a")))
    for i, (created, set_stat, got, children) in enumerate(results):
        assert created.get(30) == f"/a/{i}"
        assert set_stat.get(30).version == i + 1
        assert got.get(30)[0] == b"%d" % i
        assert len(children.get(30)) == i + 1


def test_one_megabyte(kazoo):
    zk = kazoo()
    zk.create("/big", b"x" * 1_000_000)
    assert zk.get("/big")[0] == b"x" * 1_000_000
    with pytest.raises(exceptions.ConnectionLoss):
        zk.create("/too-big", b"x" * 1_050_000)
    assert zk.retry(zk.exists, "/too-big") is None


def test_container_and_ttl_by_raw_opcodes_seen_through_kazoo(kazoo, server):
    """kazoo cannot make them, but must see ordinary nodes."""
    conn = raw.connect(server.port)
    body = raw.create_body("/c", b"x", 4)
    assert conn.call(19, body).err == 0
    zk = kazoo()
    data, stat = zk.get("/c")
    assert (data, stat.ephemeralOwner) == (b"x", 0)
    ttl_body = raw.create_body("/t", b"x", 5) + (1000).to_bytes(8, "big")
    assert conn.call(21, ttl_body).err == -6  # Not enabled.
    assert zk.exists("/t") is None


@pytest.mark.server_config({
    "extendedTypesEnabled": "true", "znode.container.checkIntervalMs": "200"})
def test_containers_and_ttl_nodes_are_swept(kazoo, server):
    conn = raw.connect(server.port)
    zk = kazoo()
    assert conn.call(19, raw.create_body("/c", b"", 4)).err == 0
    assert conn.call(19, raw.create_body("/unused", b"", 4)).err == 0
    ttl = (600).to_bytes(8, "big")
    assert conn.call(21, raw.create_body("/t", b"x", 5) + ttl).err == 0
    assert conn.call(21, raw.create_body("/t-", b"", 6) + ttl).err == 0
    created = time.monotonic()
    assert zk.exists("/t").ephemeralOwner == 0
    zk.create("/c/child")
    gone = threading.Event()
    assert zk.exists("/t", watch=lambda event: gone.set())
    assert gone.wait(10)
    assert time.monotonic() - created >= 0.5  # Server and test clocks.
    servers.wait_until(lambda: "t-" not in "".join(zk.get_children("/")),
                       what="the sequential TTL node is swept")
    assert zk.exists("/c")
    zk.delete("/c/child")
    servers.wait_until(lambda: not zk.exists("/c"),
                       what="the empty container is swept")
    assert zk.exists("/unused")


# ---- Transactions ----


def test_transaction(kazoo):
    zk = kazoo()
    zk.create("/t", b"old")
    tx = zk.transaction()
    tx.check("/t", 0)
    tx.create("/t/a", b"1")
    tx.create("/t/a/b", b"2", ephemeral=True)
    tx.create("/t/s-", sequence=True)
    tx.set_data("/t", b"new", version=0)
    tx.delete("/t/a/b")
    checked, a, b, s, stat, deleted = tx.commit()
    assert (checked, a, b, s) == (True, "/t/a", "/t/a/b", "/t/s-0000000001")
    assert (stat.version, deleted) == (1, True)
    assert zk.exists("/t/a").czxid == stat.mzxid == zk.exists("/t").pzxid
    assert zk.exists("/t/a/b") is None


def test_failed_transaction_tells_where_and_changes_nothing(kazoo):
    zk = kazoo()
    zk.create("/t", b"old")
    before = zk.exists("/t")
    tx = zk.transaction()
    tx.create("/t/a")
    tx.set_data("/t", b"new")
    tx.delete("/t/none")
    tx.check("/t", 0)
    tx.create("/t/b")
    results = tx.commit()
    assert [type(r) for r in results] == [
        exceptions.RolledBackError, exceptions.RolledBackError,
        exceptions.NoNodeError, exceptions.RuntimeInconsistency,
        exceptions.RuntimeInconsistency]
    assert zk.exists("/t") == before
    assert zk.get_children("/t") == []
    assert zk.last_zxid > before.mzxid  # The failure is a transaction too.


def test_transaction_of_nothing(kazoo):
    assert kazoo().transaction().commit() == []


# ---- ACLs and authentication ----


def test_acls(kazoo):
    owner, stranger = kazoo(), kazoo()
    owner.add_auth("digest", "user1:pass1")
    creator = security.CREATOR_ALL_ACL
    owner.create("/mine", b"secret", acl=creator)
    acls, stat = owner.get_acls("/mine")
    assert acls == [security.ACL(31, security.Id(
        "digest", "user1:+7K83PhyQ3ijGj0ADmljf0quVwQ="))]
    assert stat.aversion == 0
    for call in (lambda: stranger.get("/mine"),
                 lambda: stranger.set("/mine", b""),
                 lambda: stranger.create("/mine/x"),
                 lambda: stranger.get_children("/mine"),
                 lambda: stranger.get_acls("/mine"),
                 lambda: stranger.set_acls("/mine", creator)):
        with pytest.raises((exceptions.NoAuthError,
                            exceptions.InvalidACLError)):
            call()
    owner.create("/mine/child", acl=creator)
    with pytest.raises(exceptions.NoAuthError):
        stranger.delete("/mine/child")
    stranger.add_auth("digest", "user1:wrong")
    with pytest.raises(exceptions.NoAuthError):
        stranger.get("/mine")
    stranger.add_auth("digest", "user1:pass1")
    assert stranger.get("/mine")[0] == b"secret"


def test_acl_versions_and_permissions(kazoo):
    owner, stranger = kazoo(), kazoo()
    owner.add_auth("digest", "u:p")
    world = security.make_acl("world", "anyone", read=True)
    mine = security.make_digest_acl("u", "p", all=True)
    owner.create("/n", b"x", acl=[world, mine])
    assert stranger.get("/n")[0] == b"x"
    # Without ADMIN the digest is hidden.
    assert stranger.get_acls("/n")[0][1].id.id == "u:x"
    with pytest.raises(exceptions.NoAuthError):
        stranger.set("/n", b"y")
    with pytest.raises(exceptions.BadVersionError):
        owner.set_acls("/n", [mine], version=7)
    before = owner.exists("/n")
    assert owner.set_acls("/n", [mine], version=0).aversion == 1
    after = owner.exists("/n")
    assert (after.mzxid, after.version) == (before.mzxid, before.version)
    with pytest.raises(exceptions.NoAuthError):
        stranger.get("/n")
    assert stranger.exists("/zookeeper")


def test_ip_acl(kazoo):
    zk = kazoo()
    zk.create("/here", acl=[security.make_acl("ip", "127.0.0.1", all=True)])
    zk.create("/net", acl=[security.make_acl("ip", "127.0.0.0/8", all=True)])
    zk.create("/there", acl=[security.make_acl("ip", "10.1.2.3", all=True)])
    assert zk.get("/here") and zk.get("/net")
    with pytest.raises(exceptions.NoAuthError):
        zk.get("/there")


@pytest.mark.parametrize("scheme, name", [
    ("world", "someone"), ("nosuch", "x"), ("digest", "nocolon"),
    ("ip", "300.1.1.1"), ("super", "x")])
def test_invalid_acl(kazoo, scheme, name):
    with pytest.raises(exceptions.InvalidACLError):
        kazoo().create("/n", acl=[security.make_acl(scheme, name, all=True)])


def test_auth_acl_needs_an_identity(kazoo):
    with pytest.raises(exceptions.InvalidACLError):
        kazoo().create("/n", acl=security.CREATOR_ALL_ACL)


def test_default_acl_and_auth_data(kazoo):
    acl = [security.make_digest_acl("a", "b", all=True)]
    zk = kazoo(auth_data=[("digest", "a:b")], default_acl=acl)
    zk.ensure_path("/x/y")
    assert zk.get_acls("/x/y")[0] == acl
    with pytest.raises(exceptions.NoAuthError):
        kazoo().get("/x/y")


def test_identity_is_sent_again_after_a_lost_connection(kazoo, proxy):
    zk = kazoo(via=proxy, auth_data=[("digest", "a:b")])
    zk.create("/n", acl=security.CREATOR_ALL_ACL)
    proxy.cut()
    assert zk.retry(zk.get, "/n")[0] == b""


def test_unknown_auth_scheme_fails(kazoo):
    with pytest.raises(exceptions.AuthFailedError):
        kazoo().add_auth("nosuch", "x")


@pytest.mark.server_config({"DigestAuthenticationProvider.superDigest":
                            "super:lK75jTNcA+U9vtVEw5vB51mj/w4="})
def test_super_user(kazoo):
    owner, root = kazoo(), kazoo()
    owner.add_auth("digest", "u:p")
    owner.create("/n", b"x", acl=security.CREATOR_ALL_ACL)
    root.add_auth("digest", "super:secret")
    assert root.get("/n")[0] == b"x"
    root.set("/zookeeper/config", b"")


# ---- Watches ----


def test_one_shot_watches(kazoo):
    zk, other = kazoo(), kazoo()
    watch, events = events_of()
    assert zk.exists("/n", watch=watch) is None
    other.create("/n")
    assert events.get(timeout=10) == (EventType.CREATED, "/n")
    zk.get("/n", watch=watch)
    other.set("/n", b"1")
    other.set("/n", b"2")
    assert events.get(timeout=10) == (EventType.CHANGED, "/n")
    zk.get_children("/n", watch=watch)
    other.create("/n/c")
    assert events.get(timeout=10) == (EventType.CHILD, "/n")
    other.delete("/n/c")
    zk.exists("/n", watch=watch)
    other.delete("/n")
    assert events.get(timeout=10) == (EventType.DELETED, "/n")
    other.create("/n")
    zk.sync("/")
    assert events.empty()


def test_event_comes_before_the_read_that_shows_the_change(kazoo):
    zk, other = kazoo(), kazoo()
    zk.create("/n", b"0")
    for i in range(200):
        fired = threading.Event()
        zk.get("/n", watch=lambda event: fired.set())
        done = other.set_async("/n", b"%d" % i)
        while zk.get("/n")[0] != b"%d" % i:
            pass
        # kazoo runs watches on a thread of its own: give that its turn.
        assert fired.wait(5)
        done.get(10)


def test_data_watch(kazoo, proxy):
    zk, other = kazoo(via=proxy), kazoo()
    seen = queue.Queue()
    zk.DataWatch("/n", lambda data, stat: seen.put(data))
    assert seen.get(timeout=10) is None
    other.create("/n", b"1")
    assert seen.get(timeout=10) == b"1"
    other.set("/n", b"2")
    assert seen.get(timeout=10) == b"2"
    proxy.cut()
    other.set("/n", b"3")
    assert seen.get(timeout=10) == b"3"
    other.delete("/n")
    assert seen.get(timeout=10) is None


def test_children_watch(kazoo, proxy):
    zk, other = kazoo(via=proxy), kazoo()
    other.create("/p")
    seen = queue.Queue()
    zk.ChildrenWatch("/p", lambda children: seen.put(sorted(children)))
    assert seen.get(timeout=10) == []
    other.create("/p/a")
    assert seen.get(timeout=10) == ["a"]
    proxy.cut()
    other.create("/p/b")
    while (children := seen.get(timeout=10)) != ["a", "b"]:
        assert children == ["a"]
    other.delete("/p/a")
    assert seen.get(timeout=10) == ["b"]


# ---- Sessions ----


def test_reattach_with_client_id(kazoo, proxy, server):
    first = kazoo(via=proxy, timeout=20)
    first.create("/e", ephemeral=True)
    client_id = first.client_id
    proxy.stall()  # So that its going away does not end the session.
    second = kazoo(client_id=client_id, timeout=20)
    assert second.client_id == client_id
    assert second.exists("/e").ephemeralOwner == client_id[0]
    second.set("/e", b"mine")


def test_lost_connection_keeps_the_session(kazoo, proxy):
    zk = kazoo(via=proxy)
    states = states_of(zk)
    zk.create("/e", ephemeral=True)
    before = zk.client_id
    for _ in range(5):
        proxy.cut()
        assert states.get(timeout=10) == KazooState.SUSPENDED
        assert states.get(timeout=10) == KazooState.CONNECTED
        assert zk.client_id == before
        assert zk.retry(zk.exists, "/e").ephemeralOwner == before[0]


def test_expired_session_is_lost_and_replaced(kazoo, proxy):
    zk, other = kazoo(via=proxy, timeout=4), kazoo()
    states = states_of(zk)
    zk.create("/e", ephemeral=True)
    before = zk.client_id
    gone = threading.Event()
    other.exists("/e", watch=lambda event: gone.set())
    proxy.stall()
    assert gone.wait(15)
    proxy.flow()
    assert states.get(timeout=10) == KazooState.SUSPENDED
    while (state := states.get(timeout=10)) != KazooState.LOST:
        assert state in (KazooState.SUSPENDED, KazooState.CONNECTED)
    while states.get(timeout=10) != KazooState.CONNECTED:
        pass
    assert zk.client_id[0] != before[0]
    assert zk.retry(zk.exists, "/e") is None


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_restart_of_the_server_keeps_session_and_data(kazoo, server, how):
    zk = kazoo(timeout=20)
    states = states_of(zk)
    zk.create("/e", b"e", ephemeral=True)
    zk.create("/n", b"n")
    before = zk.client_id
    getattr(server, how)()
    server.start()
    assert states.get(timeout=20) == KazooState.SUSPENDED
    assert states.get(timeout=20) == KazooState.CONNECTED
    assert zk.client_id == before
    assert zk.retry(zk.get, "/e")[0] == b"e"
    assert zk.retry(zk.get, "/n")[0] == b"n"
    zk.set("/e", b"again")


def test_restart_of_the_client_gives_a_new_session(kazoo):
    zk, other = kazoo(), kazoo()
    zk.create("/e", ephemeral=True)
    before = zk.client_id[0]
    zk.restart()
    assert zk.client_id[0] != before
    assert other.exists("/e") is None


def test_chroot(server):
    root = conftest.kazoo_client(server.address)
    root.start()
    root.ensure_path("/app/one")
    inner = conftest.kazoo_client(f"{server.address}/app/one")
    inner.start()
    try:
        inner.ensure_path("/")
        assert inner.create("/n", b"1") == "/n"
        assert inner.create("/s-", sequence=True) == "/s-0000000001"
        assert root.get("/app/one/n")[0] == b"1"
        assert sorted(inner.get_children("/")) == ["n", "s-0000000001"]
        watch, events = events_of()
        inner.get("/n", watch=watch)
        root.set("/app/one/n", b"2")
        assert events.get(timeout=10) == (EventType.CHANGED, "/n")
        tx = inner.transaction()
        tx.create("/t")
        assert tx.commit() == ["/t"]
        inner.delete("/n")
        assert root.exists("/app/one/n") is None
    finally:
        for client in (inner, root):
            client.stop()
            client.close()


def test_read_only_client_uses_a_read_write_server(kazoo):
    zk = kazoo(read_only=True)
    zk.create("/n")
    assert str(zk.client_state) == "CONNECTED"


# ---- Four-letter words ----


def test_commands(kazoo):
    zk = kazoo()
    assert zk.command(b"ruok") == "imok"
    assert zk.command(b"isro") == "rw"
    assert "Mode: standalone" in zk.command(b"srvr")
    assert zk.command(b"stat").startswith("Zookeeper version: ")
    assert f"sid=0x{zk.client_id[0]:x}" in zk.command(b"cons")
    assert "zk_server_state\tstandalone\n" in zk.command(b"mntr")
    assert "tickTime=2000\n" in zk.command(b"conf")
    assert zk.server_version() >= (3, 5)


def test_reconfig_on_a_standalone_server(kazoo):
    with pytest.raises(exceptions.KazooException):
        kazoo().reconfig("server.9=h:1:2;3", None, None)
