"""Scripted cases: watches and their events."""

from differential.cases import case
from differential.wire import (
    OPEN_ACL, add_watch, auth, check, check_watches, create, create2,
    create_container, create_ttl, delete, delete_container, exists, get_acl,
    get_children, get_children2, get_data, multi, ping, raw, remove_watches,
    set_acl, set_data, set_watches, set_watches2, sync)


def changes(top):
    """One change of each kind, at and below `top`, each to be seen alone."""
    return (
        create(top), set_data(top, b"1"), set_data(top, b"1"),
        create(top + "/c"), set_data(top + "/c", b"2"), create(top + "/c/d"),
        set_data(top + "/c/d", b"3"), set_acl(top), create(top + "/e", flags=1),
        create(top + "/s-", flags=3), create_container(top + "/k"),
        create_ttl(top + "/t"), create(top + "/c"), set_data(top, b"", 77),
        sync(top), delete(top + "/c"), delete(top + "/c/d"),
        delete(top + "/c"), delete(top + "/k"), delete(top + "/t"),
        multi(create(top + "/m"), set_data(top + "/m"), set_data(top),
              delete(top + "/m")),
        multi(create(top + "/n"), delete(top + "/none")),
        multi(set_data(top), check(top, 99)), delete(top + "/e"))


WATCHERS = {
    "exists": lambda t: (exists(t, True),),
    "data": lambda t: (get_data(t, True),),
    "children": lambda t: (get_children(t, True),),
    "children2": lambda t: (get_children2(t, True),),
    "data and children": lambda t: (get_data(t, True), get_children(t, True)),
    "persistent": lambda t: (add_watch(t, 0),),
    "recursive": lambda t: (add_watch(t, 1),),
    "persistent and recursive": lambda t: (add_watch(t, 0), add_watch(t, 1)),
    "persistent and data": lambda t: (add_watch(t, 0), get_data(t, True)),
    "recursive, data and children": lambda t: (
        add_watch(t, 1), get_data(t, True), get_children(t, True)),
    "twice": lambda t: (exists(t, True), exists(t, True), add_watch(t, 1),
                        add_watch(t, 1)),
}


def watch_kinds(d, top, rearm):
    d.connect("actor")
    names = {}
    for n, (kind, make) in enumerate(WATCHERS.items()):
        names[kind] = d.connect(f"{n} {kind}")
    for change in changes(top):
        if rearm:
            for kind, name in names.items():
                d.do(name, *WATCHERS[kind](top))
        d.do("actor", change)
        d.compare_words("wchs")
    if not rearm:
        d.do("actor", delete(top + "/s-0000000003"), delete(top), create(top),
             create(top + "/c"), delete(top + "/c"), delete(top))
    d.compare_counters()


@case()
def watches_set_once(d, top):
    d.connect("setup")
    d.do("setup", exists(top, True))
    for n, (kind, make) in enumerate(WATCHERS.items()):
        d.connect(f"w{n}")
        d.do(f"w{n}", *make(top))
    for change in changes(top):
        d.do("setup", change)
    for n in range(len(WATCHERS)):
        d.do(f"w{n}", *list(WATCHERS.values())[n](top))
    for request in (set_data(top, b"9"), create(top + "/z"),
                    set_data(top + "/z"), delete(top + "/z")):
        d.do("setup", request)
    d.compare_words("wchs")
    d.compare_counters()


@case()
def watches_set_before_each_change(d, top):
    watch_kinds(d, top, rearm=True)


@case()
def own_watches_fire_before_the_reply(d, top):
    d.connect("a")
    d.do("a", add_watch(top, 0), add_watch(top, 1), exists(top, True))
    d.do("a", create(top), get_data(top, True), get_children(top, True),
         set_data(top), create(top + "/c"), exists(top + "/c", True),
         set_data(top + "/c"), get_children(top, True),
         get_data(top + "/c", True),
         get_children(top + "/c", True), delete(top + "/c"),
         get_data(top, True),
         get_children(top, True), delete(top))
    d.do("a", multi(create(top), create(top + "/x"), set_data(top + "/x"),
                    set_data(top), delete(top + "/x"), delete(top)))


@case()
def delete_order_for_one_connection(d, top):
    d.connect("a")
    d.connect("b")
    for deleter in ("a", "b"):
        d.do("a", create(top), create(top + "/x"), get_data(top + "/x", True),
             get_children(top + "/x", True), get_children(top, True))
        d.do(deleter, delete(top + "/x"))
        d.do("a", create(top + "/x"), get_children(top + "/x", True),
             exists(top + "/y", True), get_children(top, True))
        d.do(deleter, delete(top + "/x"), create(top + "/y"))
        d.do("b", delete(top + "/y"), delete(top))


@case()
def watches_on_failed_reads(d, top):
    d.connect("a")
    hidden = ((30, "world", "anyone"),)
    d.do("a", create(top, acl=hidden), get_data(top + "/no", True),
         get_children(top + "/no", True), get_children2(top + "/no", True),
         get_data(top, True), exists(top, True), get_children(top, True))
    d.compare_words("wchs")
    d.do("a", set_data(top), create(top + "/no"), delete(top + "/no"))


@case()
def events_are_filtered_by_acl(d, top):
    d.connect("owner")
    d.connect("other")
    d.do("owner", auth("digest", "user1:pass1"))
    mine = ((31, "auth", ""),)
    d.do("owner", create(top), create(top + "/mine", acl=mine))
    d.do("other", add_watch(top, 1), add_watch(top + "/mine", 0),
         exists(top + "/new", True), add_watch(top + "/new", 0),
         set_watches(1 << 40, data=[top + "/mine"], child=[top + "/mine"]),
         get_children(top, True))
    d.compare_words("wchs")
    for request in (set_data(top + "/mine"), create(top + "/new", acl=mine),
                    set_data(top + "/new"), create(top + "/mine/c"),
                    delete(top + "/mine/c"), delete(top + "/new"),
                    create(top + "/open"), set_data(top + "/open"),
                    set_acl(top + "/open", mine), set_data(top + "/open"),
                    delete(top + "/open"), delete(top + "/mine")):
        d.do("owner", request)
        d.compare_words("wchs")
    d.do("owner", create(top + "/p", acl=((16 | 4 | 8, "world", "anyone"),)))
    d.do("other", set_watches(1 << 40, child=[top + "/p"]))
    d.do("owner", create(top + "/p/c"), delete(top + "/p/c"),
         delete(top + "/p"))
    d.do("other", auth("digest", "user1:pass1"))
    d.do("owner", create(top + "/late", acl=mine), set_data(top + "/late"),
         delete(top + "/late"))


@case()
def persistent_watches(d, top):
    d.connect("w")
    d.connect("a")
    d.do("a", create(top), create(top + "/a"), create(top + "/a/b"))
    for mode in (2, -1, 1 << 20):
        d.do("w", add_watch(top, mode))
    for path in (None, "", "foo", "/", top + "/", top + "//a", "/\0"):
        d.do("w", add_watch(path, 0), add_watch(path, 1))
    d.do("a", set_data(top + "/a"), create(top + "x"), delete(top + "x"))
    d.compare_words("wchs")
    for path in (None, "", "foo", "/", top + "/", top + "//a", "/\0"):
        d.do("w", remove_watches(path, 3), remove_watches(path, 3))
    d.do("w", add_watch(top + "/a", 1), add_watch(top, 1), add_watch(top, 0))
    d.do("a", set_data(top), set_data(top + "/a"), set_data(top + "/a/b"),
         create(top + "/a/b/c"), create(top + "/ab"), delete(top + "/ab"),
         delete(top + "/a/b/c"), delete(top + "/a/b"), delete(top + "/a"),
         delete(top), create(top))
    d.compare_words("wchs")
    d.compare_counters()


@case()
def watches_of_the_null_path(d, top):
    d.connect("w")
    for path, other in ((None, ""), ("", None)):
        d.do("w", set_watches2(0, [], [], [""], [], []), check_watches(None, 3),
             check_watches("", 3), remove_watches(None, 1),
             add_watch(path, 0), check_watches(other, 4),
             check_watches(path, 4), remove_watches(other, 3),
             add_watch(path, 1), add_watch(other, 1), check_watches(other, 5))
        d.compare_words("wchs")
        d.do("w", *[remove_watches(p, k) for p in (path, other)
                    for k in (4, 5, 3)])
        d.compare_words("wchs")


@case()
def check_and_remove_watches(d, top):
    d.connect("w")
    d.connect("a")
    d.do("a", create(top))
    kinds = (0, 1, 2, 3, 4, 5, 6, -1)
    arm = {
        "none": (),
        "data": (get_data(top, True),),
        "exists": (exists(top, True),),
        "child": (get_children(top, True),),
        "persistent": (add_watch(top, 0),),
        "recursive": (add_watch(top, 1),),
        "all": (get_data(top, True), get_children(top, True),
                add_watch(top, 0), add_watch(top, 1)),
    }
    for requests in arm.values():
        for kind in kinds:
            d.do("w", *requests, *[check_watches(top, k) for k in kinds],
                 remove_watches(top, kind),
                 *[check_watches(top, k) for k in kinds])
            d.compare_words("wchs")
            d.do("a", set_data(top), create(top + "/c"), delete(top + "/c"))
            d.do("w", remove_watches(top, 3), remove_watches(top, 3))
            d.compare_words("wchs")
    for path in (None, "", "foo", top + "/", top + "/no"):
        d.do("w", *[r(path, k) for r in (check_watches, remove_watches)
                    for k in (1, 2, 3, 4, 5)])
    d.do("a", check_watches(top, 3), remove_watches(top, 3))


@case()
def remove_one_mode_of_several(d, top):
    d.connect("w")
    d.connect("a")
    d.do("a", create(top))
    for kind in (1, 2, 4, 5):
        d.do("w", get_data(top, True), get_children(top, True),
             add_watch(top, 0), add_watch(top, 1), remove_watches(top, kind))
        d.compare_words("wchs")
        d.do("a", set_data(top), create(top + "/c"), set_data(top + "/c"),
             delete(top + "/c"))
        d.compare_words("wchs")
        d.do("w", remove_watches(top, 3))


def _armed(top):
    return [f"{top}/{n}" for n in ("same", "changed", "gone", "new", "never",
                                   "parent", "quiet", "again", "hidden")]


@case()
def set_watches_catches_up(d, top):
    d.connect("a")
    paths = _armed(top)
    d.do("a", create(top), *[create(f"{top}/{n}") for n in (
        "same", "changed", "gone", "parent", "quiet", "again")],
        create(top + "/hidden", acl=((30, "world", "anyone"),)))
    zxid = d.one("a", create(top + "/parent/x")).zxid
    d.do("a", set_data(top + "/changed"), delete(top + "/gone"),
         create(top + "/new"), create(top + "/parent/y"),
         delete(top + "/again"),
         create(top + "/again"), set_acl(top + "/same"),
         set_data(top + "/hidden"))
    n = 0
    for relative in (zxid, 0, zxid - 1, 1 << 40, -1):
        for xid in (-8, 7):
            d.connect(f"w{n}")
            d.do(f"w{n}", set_watches(relative, paths, paths, paths, xid=xid))
            d.connect(f"v{n}")
            d.do(f"v{n}", set_watches2(relative, paths, paths, paths, paths,
                                       paths, xid=xid))
            n += 1
    d.compare_words("wchs")
    d.compare_counters()
    for path in paths:
        d.do("a", set_data(path), create(path), create(path + "/z"),
             delete(path + "/z"), delete(path))
    d.compare_words("wchs")


@case()
def set_watches_of_odd_lists(d, top):
    d.connect("a")
    odd = ["", "foo", "/", "/zookeeper", top + "/", "/\0"]
    d.do("a", set_watches(0), set_watches2(0), set_watches(0, odd, odd, odd),
         set_watches2(0, odd, odd, odd, odd, odd))
    d.do("a", set_watches(1 << 40, odd, odd, odd),
         set_watches2(1 << 40, ["/"], ["/"], ["/"], ["/"], ["/"]))
    d.compare_words("wchs")
    d.do("a", create(top), delete(top))


@case()
def set_watches_with_null_lists(d, top):
    """Each on a connection of its own: which lists count is left open."""
    d.connect("actor")
    d.do("actor", create(top))
    ahead = 1 << 40
    for n, request in enumerate((
            set_watches(ahead, None, None, None),
            set_watches(ahead, [top], None, None),
            set_watches(ahead, [top], [top + "/no"], None),
            set_watches(ahead, None, [top + "/no"], [top]),
            set_watches2(ahead, [top], [], [], None, None),
            set_watches2(ahead, None, None, None, [top], [top]),
            set_watches(ahead, [None], [], []),
            set_watches(ahead, [], [None], []),
            set_watches(ahead, [], [], [None]),
            set_watches2(ahead, [], [], [], [None], []),
            set_watches2(ahead, [], [], [], [], [None]))):
        d.connect(f"w{n}")
        d.do(f"w{n}", request)
        d.close(f"w{n}")
    d.do("actor", set_data(top))


@case()
def watches_end_with_the_connection(d, top):
    d.connect("w")
    d.connect("a")
    session = d.session_of("w")
    d.do("a", create(top))
    d.do("w", get_data(top, True), add_watch(top, 1), get_children(top, True))
    d.compare_words("wchs")
    d.drop("w")
    d.compare_words("wchs")
    d.compare_counters()
    d.open("w2")
    d.handshake("w2", session=session, password="own")
    d.do("a", set_data(top), create(top + "/c"))
    d.do("w2", set_watches2(1, [top], [top], [top], [top], [top]))
    d.do("a", set_data(top), delete(top + "/c"))
    d.compare_words("wchs")


@case()
def close_session_fires_watches(d, top):
    d.connect("owner")
    d.connect("w")
    d.do("owner", create(top), create(top + "/e1", flags=1),
         create(top + "/e2", flags=1), exists(top + "/e1", True),
         get_children(top, True), add_watch(top, 1))
    d.do("w", exists(top + "/e1", True), get_data(top + "/e2", True),
         get_children(top, True), add_watch(top, 0), add_watch("/", 1))
    d.close("owner")
    d.do("w", exists(top), get_children2(top))
    d.compare_words("wchs")
    d.compare_counters()


@case()
def sequential_and_container_events(d, top):
    d.connect("w")
    d.connect("a")
    d.do("a", create(top))
    d.do("w", add_watch(top, 1), add_watch(top, 0),
         exists(top + "/s-0000000000", True))
    d.do("a", create(top + "/s-", flags=2), create2(top + "/s-", flags=3),
         create_container(top + "/c"), create_ttl(top + "/t"),
         create(top + "/c/x"), delete(top + "/c/x"),
         delete_container(top + "/c"), delete(top + "/t"))


@case()
def root_and_reserved_watches(d, top):
    d.connect("w")
    d.connect("a")
    d.do("w", get_data("/", True), get_children("/", True), add_watch("/", 0),
         get_data("/zookeeper/config", True), get_children("/zookeeper", True))
    d.do("a", set_data("/", b"1"), create(top), set_data("/", b""), delete(top),
         create(top), create("/zookeeper/watched"),
         delete("/zookeeper/watched"))
    d.do("w", get_data("", True), get_children("", True), exists("", True))
    d.do("a", set_data("/", b""), create(top + "x"))
    d.compare_words("wchs")


@case()
def quota_changes_fire_nothing(d, top):
    d.connect("a")
    quota = "/zookeeper/quota" + top
    d.do("a", create(top), create(quota),
         create(quota + "/zookeeper_limits", b"count=9"),
         create(quota + "/zookeeper_stats", b""),
         get_data(quota + "/zookeeper_stats", True), add_watch(quota, 1),
         create(top + "/x"), set_data(top, b"1"))
    d.do("a", delete(quota + "/zookeeper_stats"))


@case()
def many_watchers_of_one_node(d, top):
    d.connect("a")
    d.do("a", create(top))
    for n in range(20):
        d.connect(f"w{n}")
        d.do(f"w{n}", get_data(top, True), add_watch(top, n % 2))
    d.compare_words("wchs")
    d.do("a", set_data(top), get_acl(top), ping(), set_acl(top, OPEN_ACL))
    for n in range(0, 20, 3):
        d.close(f"w{n}")
    d.compare_words("wchs")
    d.do("a", delete(top))


@case()
def watch_requests_that_do_not_decode(d, top):
    d.connect("a")
    for request in (add_watch(top, 0), check_watches(top, 1),
                    remove_watches(top, 1), set_watches(0, [top]),
                    set_watches2(0, [top], [], [], [top])):
        for size in range(len(request.body)):
            d.do("a", raw(request.op, request.body[:size], "short"))
    d.compare_words("wchs")
