package compat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.OpResult;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.Watcher.WatcherType;
import org.apache.zookeeper.ZKUtil;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.admin.ZooKeeperAdmin;
import org.apache.zookeeper.data.Stat;

/** Every method of the ZooKeeper class but those of {@link JavaAuth}. */
final class JavaApi implements Scenario {
  private Session session;
  private Session other;

  @Override
  public void run(String server, String[] args) throws Exception {
    try (Session first = new Session(server);
         Session second = new Session(server)) {
      session = first;
      other = second;
      freshTree();
      createModes();
      readsAndWrites();
      pathErrors();
      childrenAndEphemerals();
      transactions();
      asynchronous();
      addWatchModes();
      removeWatches();
      checkThenRemoveOneOfTwo();
      syncAndConfig();
      reconfigIsRefused(server);
      deleteRecursive();
      containersAndTtl();
    }
  }

  private void freshTree() throws Exception {
    Check.equal(List.of("zookeeper"), session.zk.getChildren("/", false),
        "children of the root");
    Check.equal(new TreeSet<>(List.of("config", "quota")), new TreeSet<>(
        session.zk.getChildren("/zookeeper", false)), "reserved nodes");
    Stat root = session.stat("/");
    Check.equal(List.of(0L, 0L, 0L, 0, -1, 0, 0, 1), List.of(root.getCzxid(),
        root.getMzxid(), root.getPzxid(), root.getVersion(),
        root.getCversion(), root.getAversion(), root.getDataLength(),
        root.getNumChildren()), "stat of the root");
    Check.equal(3, session.zk.getAllChildrenNumber("/"), "nodes");
    for (String path : List.of("/", "/zookeeper", "/zookeeper/quota",
        "/zookeeper/config")) {
      Check.equal("", session.get(path), "data of " + path + " is empty");
      if (!path.equals("/")) {
        Check.fails(Code.BADARGUMENTS, () -> session.zk.delete(path, -1),
            "delete of " + path);
      }
    }
  }

  private void createModes() throws Exception {
    Check.equal("/p", session.create("/p", "1"), "PERSISTENT");
    Check.equal("/e", session.create("/e", "1", CreateMode.EPHEMERAL),
        "EPHEMERAL");
    Check.equal("/p/s0000000000", session.create("/p/s", "",
        CreateMode.PERSISTENT_SEQUENTIAL), "PERSISTENT_SEQUENTIAL");
    Check.equal("/p/e0000000001", session.create("/p/e", "",
        CreateMode.EPHEMERAL_SEQUENTIAL), "EPHEMERAL_SEQUENTIAL");
    Check.equal("/p/0000000002", session.create("/p/", "",
        CreateMode.PERSISTENT_SEQUENTIAL), "sequential with an empty name");
    Check.equal("/p/container", session.create("/p/container", "c",
        CreateMode.CONTAINER), "CONTAINER");
    Stat stat = new Stat();
    Check.equal("/p/ttl", session.zk.create("/p/ttl", Check.bytes("t"),
        Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_WITH_TTL, stat, 3_600_000),
        "PERSISTENT_WITH_TTL");
    Check.equal(stat, session.stat("/p/ttl"), "stat of its reply");
    Check.equal("/p/t0000000005", session.zk.create("/p/t", null,
        Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL, stat,
        3_600_000), "PERSISTENT_SEQUENTIAL_WITH_TTL");
    Check.equal(0L, session.stat("/p/container").getEphemeralOwner(),
        "a container has no owner");
    Check.equal(0L, session.stat("/p/ttl").getEphemeralOwner(),
        "a TTL node has no owner");
    Check.equal(session.id(), session.stat("/e").getEphemeralOwner(),
        "an ephemeral's owner");
    session.zk.create("/p/c2", null, Ids.OPEN_ACL_UNSAFE,
        CreateMode.CONTAINER, stat);
    Check.equal(session.stat("/p/c2"), stat, "stat of a container's create");

    Check.fails(Code.NODEEXISTS, () -> session.create("/p", ""), "exists");
    Check.fails(Code.NODEEXISTS, () -> session.create("/", ""), "root");
    Check.fails(Code.NONODE, () -> session.create("/none/x", ""), "no parent");
    Check.fails(Code.NOCHILDRENFOREPHEMERALS,
        () -> session.create("/e/x", ""), "below an ephemeral");
    Check.fails(Code.INVALIDACL, () -> session.zk.create("/acl", null,
        List.of(), CreateMode.PERSISTENT), "empty ACL");
    Check.equal("/p/container/child", session.create("/p/container/child", ""),
        "a container has children");
    Check.equal("/p/ttl/child", session.create("/p/ttl/child", ""),
        "a TTL node has children");
  }

  private void readsAndWrites() throws Exception {
    Stat set = session.zk.setData("/p", Check.bytes("two"), 0);
    Check.equal(1, set.getVersion(), "version after a set");
    Stat read = new Stat();
    Check.equal("two", Check.text(session.zk.getData("/p", false, read)),
        "data");
    Check.equal(set, read, "stat of the set and of the read");
    Check.equal(read, session.zk.exists("/p", false), "stat of exists");
    Check.that(read.getMtime() >= read.getCtime() && read.getMzxid()
        > read.getCzxid(), "times and zxids");
    Check.equal(null, session.zk.exists("/none", false), "exists: no");
    Check.fails(Code.BADVERSION,
        () -> session.zk.setData("/p", null, 0), "set by an old version");
    Check.fails(Code.NONODE, () -> session.zk.setData("/none", null, -1),
        "set of nothing");
    Check.fails(Code.NONODE, () -> session.get("/none"), "get of nothing");
    Check.fails(Code.NOTEMPTY, () -> session.zk.delete("/p", 1),
        "delete of a parent");
    byte[] large = new byte[1_000_000];
    Arrays.fill(large, (byte) 7);
    session.zk.create("/large", large, Ids.OPEN_ACL_UNSAFE,
        CreateMode.PERSISTENT);
    Check.that(Arrays.equals(large, session.zk.getData("/large", false, read)),
        "a node of a million bytes");
    Check.equal(large.length, read.getDataLength(), "its length");
    String name = "/\u00e9\u4e16\u754c name";
    Check.equal(name, session.create(name, "\u00fc"), "a name of many scripts");
    Check.equal("\u00fc", session.get(name), "its data");
    Check.that(session.zk.getChildren("/", false).contains(name.substring(1)),
        "listed by its name");
    session.zk.delete(name, 0);
    session.zk.delete("/large", 0);
  }

  /** The client refuses bad paths itself; these only the server sees. */
  private void pathErrors() throws Exception {
    Check.fails(Code.NONODE, () -> session.zk.getChildren("/none", false),
        "children of nothing");
    Check.fails(Code.NONODE, () -> session.zk.getACL("/none", new Stat()),
        "ACL of nothing");
    Check.fails(Code.NONODE, () -> session.zk.delete("/none", -1),
        "delete of nothing");
    Check.fails(Code.NONODE, () -> session.zk.delete("/none/none", -1),
        "delete below nothing");
    Check.fails(Code.NONODE, () -> session.zk.getAllChildrenNumber("/none"),
        "descendants of nothing");
  }

  private void childrenAndEphemerals() throws Exception {
    Stat stat = new Stat();
    List<String> children = session.zk.getChildren("/p", false, stat);
    Collections.sort(children);
    Check.equal(List.of("0000000002", "c2", "container", "e0000000001",
        "s0000000000", "t0000000005", "ttl"), children, "children");
    Check.equal(7, stat.getNumChildren(), "their number");
    Check.equal(9, session.zk.getAllChildrenNumber("/p"), "descendants");
    List<String> mine = session.zk.getEphemerals();
    Collections.sort(mine);
    Check.equal(List.of("/e", "/p/e0000000001"), mine, "own ephemerals");
    Check.equal(List.of("/p/e0000000001"), session.zk.getEphemerals("/p"),
        "by prefix");
    Check.equal(List.of(), session.zk.getEphemerals("/q"), "by another");
    Check.equal(List.of(), other.zk.getEphemerals(), "of another session");
  }

  private void transactions() throws Exception {
    List<OpResult> results = session.zk.transaction()
        .create("/t", Check.bytes("1"), Ids.OPEN_ACL_UNSAFE,
            CreateMode.PERSISTENT)
        .check("/t", 0).setData("/t", Check.bytes("2"), 0)
        .create("/t/c", null, Ids.OPEN_ACL_UNSAFE, CreateMode.CONTAINER)
        .create("/t/s", null, Ids.OPEN_ACL_UNSAFE,
            CreateMode.EPHEMERAL_SEQUENTIAL)
        .delete("/t/c", 0).commit();
    Check.equal(List.of("CreateResult", "CheckResult", "SetDataResult",
        "CreateResult", "CreateResult", "DeleteResult"),
        results.stream().map(r -> r.getClass().getSimpleName()).toList(),
        "kinds of the results of a transaction");
    Check.equal("/t/s0000000001",
        ((OpResult.CreateResult) results.get(4)).getPath(),
        "sequence number within a transaction");
    Check.equal(1, ((OpResult.SetDataResult) results.get(2)).getStat()
        .getVersion(), "version within a transaction");
    results = session.zk.multi(List.of(Op.create("/t/ttl", null,
        Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_WITH_TTL, 10_000_000)));
    Check.equal(session.stat("/t/ttl"),
        ((OpResult.CreateResult) results.get(0)).getStat(),
        "a TTL create in a multi gives the stat");
    Check.equal(List.of(Code.NODEEXISTS.intValue()), Check.multiFails(
        () -> session.zk.multi(List.of(Op.create("/t", null,
            Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT)))), "one bad entry");
    results = session.zk.multi(List.of(Op.getData("/t"), Op.getChildren("/t"),
        Op.getData("/none")));
    Check.equal("2",
        Check.text(((OpResult.GetDataResult) results.get(0)).getData()),
        "multiRead: data");
    Check.equal(2,
        ((OpResult.GetChildrenResult) results.get(1)).getChildren().size(),
        "multiRead: children");
    Check.equal(Code.NONODE.intValue(),
        ((OpResult.ErrorResult) results.get(2)).getErr(), "multiRead: error");
  }

  /** Each asynchronous method once; those of a failure too. */
  private void asynchronous() throws Exception {
    List<String> log = Collections.synchronizedList(new ArrayList<>());
    session.zk.create("/a", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT,
        (rc, p, c, name) -> log.add("create " + rc + name + c), "#");
    session.zk.create("/a/ttl", null, Ids.OPEN_ACL_UNSAFE,
        CreateMode.PERSISTENT_WITH_TTL, (rc, p, c, name, stat) ->
            log.add("ttl " + rc + name + stat.getVersion()), null, 9_999_999);
    session.zk.create("/a/c", null, Ids.OPEN_ACL_UNSAFE, CreateMode.CONTAINER,
        (rc, p, c, name, stat) -> log.add("container " + rc + name
            + stat.getDataLength()), null);
    session.zk.setData("/a", Check.bytes("x"), 0,
        (rc, p, c, stat) -> log.add("set " + rc + stat.getVersion()), null);
    session.zk.getData("/a", false,
        (rc, p, c, data, stat) -> log.add("get " + rc + Check.text(data)),
        null);
    session.zk.exists("/a", false,
        (rc, p, c, stat) -> log.add("exists " + rc + stat.getCversion()),
        null);
    session.zk.getChildren("/a", false, (rc, p, c, names) ->
        log.add("children " + rc + new TreeSet<>(names)), null);
    session.zk.getChildren("/a", false, (rc, p, c, names, stat) ->
        log.add("children2 " + rc + stat.getNumChildren()), null);
    session.zk.getAllChildrenNumber("/a",
        (rc, p, c, number) -> log.add("descendants " + rc + number), null);
    session.zk.getEphemerals("/p",
        (rc, c, paths) -> log.add("ephemerals " + rc + paths), null);
    session.zk.getACL("/a", new Stat(),
        (rc, p, c, acl, stat) -> log.add("getACL " + rc + acl.size()), null);
    session.zk.setACL("/a", Ids.OPEN_ACL_UNSAFE, 0,
        (rc, p, c, stat) -> log.add("setACL " + rc + stat.getAversion()),
        null);
    session.zk.sync("/a", (rc, p, c) -> log.add("sync " + rc + p), null);
    session.zk.getConfig(false,
        (rc, p, c, data, stat) -> log.add("config " + rc + data.length), null);
    session.zk.addWatch("/a", event -> { }, AddWatchMode.PERSISTENT,
        (rc, p, c) -> log.add("addWatch " + rc), null);
    session.zk.removeAllWatches("/a", WatcherType.Any, false,
        (rc, p, c) -> log.add("removeAll " + rc), null);
    session.zk.multi(List.of(Op.delete("/a/ttl", 0), Op.delete("/a/c", 0)),
        (rc, p, c, results) -> log.add("multi " + rc + results.size()), null);
    session.zk.delete("/a", 1, (rc, p, c) -> log.add("delete " + rc), null);
    session.zk.delete("/a", 1, (rc, p, c) -> log.add("delete " + rc), null);
    session.flush();
    Check.equal(List.of("create 0/a#", "ttl 0/a/ttl0", "container 0/a/c0",
        "set 01", "get 0x", "exists 02", "children 0[c, ttl]", "children2 02",
        "descendants 02", "ephemerals 0[/p/e0000000001]", "getACL 01",
        "setACL 01", "sync 0/a", "config 00", "addWatch 0", "removeAll 0",
        "multi 02", "delete 0", "delete " + Code.NONODE.intValue()), log,
        "asynchronous calls, in order");
  }

  private void addWatchModes() throws Exception {
    Events persistent = new Events();
    Events recursive = new Events();
    Events oneShot = new Events();
    session.zk.addWatch("/w", persistent, AddWatchMode.PERSISTENT);
    session.zk.addWatch("/w", recursive, AddWatchMode.PERSISTENT_RECURSIVE);
    session.zk.exists("/w", oneShot);
    other.create("/w", "");
    other.create("/w/c", "");
    other.create("/w/c/d", "");
    other.zk.setData("/w/c", Check.bytes("x"), 0);
    other.zk.setData("/w", Check.bytes("x"), 0);
    other.zk.delete("/w/c/d", 0);
    other.zk.delete("/w/c", 1);
    other.zk.delete("/w", 1);
    other.create("/w", "");
    session.flush();
    Check.equal(List.of("NodeCreated /w", "NodeChildrenChanged /w",
        "NodeDataChanged /w", "NodeChildrenChanged /w", "NodeDeleted /w",
        "NodeCreated /w"), persistent.drain(), "PERSISTENT");
    Check.equal(List.of("NodeCreated /w", "NodeCreated /w/c",
        "NodeCreated /w/c/d", "NodeDataChanged /w/c", "NodeDataChanged /w",
        "NodeDeleted /w/c/d", "NodeDeleted /w/c", "NodeDeleted /w",
        "NodeCreated /w"), recursive.drain(), "PERSISTENT_RECURSIVE");
    Check.equal(List.of("NodeCreated /w"), oneShot.drain(), "one-shot");
    session.zk.removeWatches("/w", persistent, WatcherType.Any, false);
    session.zk.removeWatches("/w", recursive, WatcherType.Any, false);
    persistent.drain();
    recursive.drain();
  }

  private void removeWatches() throws Exception {
    Events data = new Events();
    Events children = new Events();
    session.zk.getData("/w", data, null);
    session.zk.getChildren("/w", children);
    Check.fails(Code.NOWATCHER, () -> session.zk.removeWatches("/w",
        new Events(), WatcherType.Any, false), "a watcher that is not set");
    Check.fails(Code.NOWATCHER, () -> session.zk.removeWatches("/w", data,
        WatcherType.Children, false), "a watcher of another type");
    session.zk.removeWatches("/w", data, WatcherType.Data, false);
    Check.equal("DataWatchRemoved /w", data.next(), "data watch removed");
    session.zk.removeWatches("/w", children, WatcherType.Children, false);
    Check.equal("ChildWatchRemoved /w", children.next(),
        "child watch removed");
    other.zk.setData("/w", Check.bytes("y"), -1);
    other.create("/w/after", "");
    session.flush();
    Check.equal(List.of(), data.drain(), "no data event after it");
    Check.equal(List.of(), children.drain(), "no child event after it");

    session.zk.getData("/w", data, null);
    session.zk.getChildren("/w", children);
    session.zk.addWatch("/w", data, AddWatchMode.PERSISTENT);
    session.zk.removeAllWatches("/w", WatcherType.Any, false);
    session.flush();
    Check.equal(new TreeSet<>(List.of("DataWatchRemoved /w",
        "PersistentWatchRemoved /w")), new TreeSet<>(data.drain()),
        "all removed: data and persistent");
    Check.equal(List.of("ChildWatchRemoved /w"), children.drain(),
        "all removed: child");
    other.zk.setData("/w", Check.bytes("z"), -1);
    other.zk.delete("/w/after", -1);
    Check.equal(List.of(), session.events(), "silence");
    session.flush();
    Check.equal(List.of(), data.drain(), "silence");
    Check.fails(Code.NOWATCHER, () -> session.zk.removeAllWatches("/w",
        WatcherType.Any, false), "nothing left to remove");
  }

  /** With two watchers on a path the client asks checkWatches for one. */
  private void checkThenRemoveOneOfTwo() throws Exception {
    Events first = new Events();
    Events second = new Events();
    session.zk.getData("/w", first, null);
    session.zk.getData("/w", second, null);
    session.zk.removeWatches("/w", first, WatcherType.Data, false);
    Check.equal("DataWatchRemoved /w", first.next(), "one of two removed");
    other.zk.setData("/w", Check.bytes("1"), -1);
    Check.equal("NodeDataChanged /w", second.next(), "the other fires");
    session.flush();
    Check.equal(List.of(), first.drain(), "the removed one does not");
    session.zk.addWatch("/w", first, AddWatchMode.PERSISTENT);
    session.zk.addWatch("/w", second, AddWatchMode.PERSISTENT);
    session.zk.removeWatches("/w", second, WatcherType.Any, false);
    other.zk.setData("/w", Check.bytes("2"), -1);
    Check.equal("NodeDataChanged /w", first.next(), "persistent: one stays");
    session.zk.removeWatches("/w", first, WatcherType.Any, false);
  }

  private void syncAndConfig() throws Exception {
    CompletableFuture<String> echoed = new CompletableFuture<>();
    session.zk.sync("/not/there",
        (rc, path, context) -> echoed.complete(rc + path), null);
    Check.equal("0/not/there",
        echoed.get(Check.DEADLINE_MS, TimeUnit.MILLISECONDS),
        "sync asks nothing of the path");
    Stat stat = new Stat();
    Check.equal("", Check.text(session.zk.getConfig(true, stat)),
        "config of a standalone server is empty");
    Check.equal(0, stat.getVersion(), "version of the config node");
    Check.fails(Code.NOAUTH, () -> session.zk.setData("/zookeeper/config",
        Check.bytes("server.1=x"), -1), "config may not be set");
  }

  private void reconfigIsRefused(String server) throws Exception {
    Events events = new Events();
    try (ZooKeeperAdmin admin =
        new ZooKeeperAdmin(server, Session.LONG_MS, events)) {
      events.await(Watcher.Event.KeeperState.SyncConnected);
      Check.fails(Code.RECONFIGDISABLED, () -> admin.reconfigure(
          "server.2=127.0.0.1:1:2;3", null, null, -1, new Stat()),
          "reconfig is off by default");
      Check.fails(Code.RECONFIGDISABLED, () -> admin.reconfigure(null, "2",
          null, -1, new Stat()), "reconfig: leave");
    }
  }

  private void deleteRecursive() throws Exception {
    session.createAll("/tree/a/b/c");
    session.create("/tree/a/x", "");
    Check.equal(4, session.zk.getAllChildrenNumber("/tree"), "a tree");
    Check.that(ZKUtil.deleteRecursive(session.zk, "/tree", 2),
        "deleteRecursive");
    Check.that(!session.exists("/tree"), "the tree is gone");
    Check.that(ZKUtil.deleteRecursive(session.zk, "/p", 1_000), "and /p");
  }

  /** The test server sweeps twice a second. */
  private void containersAndTtl() throws Exception {
    session.create("/box", "", CreateMode.CONTAINER);
    session.create("/unused", "", CreateMode.CONTAINER);
    session.create("/box/child", "");
    session.zk.create("/ttl", null, Ids.OPEN_ACL_UNSAFE,
        CreateMode.PERSISTENT_WITH_TTL, new Stat(), 200L);
    session.zk.create("/kept", null, Ids.OPEN_ACL_UNSAFE,
        CreateMode.PERSISTENT_WITH_TTL, new Stat(), 1L);
    session.create("/kept/child", "");
    session.zk.exists("/ttl", true);
    Check.equal("NodeDeleted /ttl", session.watcher.next(),
        "a TTL node goes when its time is over");
    session.zk.exists("/box", true);
    session.zk.delete("/box/child", 0);
    Check.equal("NodeDeleted /box", session.watcher.next(),
        "a container goes after its last child");
    Check.that(session.exists("/unused"), "one that was never used stays");
    Check.that(session.exists("/kept"), "a TTL node with a child stays");
    session.zk.exists("/kept", true);
    session.zk.delete("/kept/child", 0);
    Check.equal("NodeDeleted /kept", session.watcher.next(),
        "and goes after it");
  }
}
