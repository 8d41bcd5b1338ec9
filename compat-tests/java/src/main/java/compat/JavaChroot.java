package compat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.OpResult;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.Watcher.WatcherType;
import org.apache.zookeeper.ZooDefs.Ids;

/** Clients that live below a chroot. */
final class JavaChroot implements Scenario {
  @Override
  public void run(String server, String[] args) throws Exception {
    try (Session admin = new Session(server)) {
      createdByManyAtOnce(server, admin);
      missingChroot(server);
      paths(server, admin);
      watchesOverACut(server, admin);
    }
  }

  /** Level by level from the root; NodeExists is normal. */
  private void createdByManyAtOnce(String server, Session admin)
      throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(8);
    List<Future<?>> all = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      all.add(pool.submit(() -> {
        try (Session session = new Session(server)) {
          session.createAll("/kafka/cluster/one");
        }
        return null;
      }));
    }
    for (Future<?> one : all) {
      one.get(Check.DEADLINE_MS, TimeUnit.MILLISECONDS);
    }
    pool.shutdown();
    Check.equal(List.of(1, 1), List.of(admin.stat("/kafka").getCversion(),
        admin.stat("/kafka/cluster").getCversion()),
        "8 clients create a chroot at once: each level is created once");
  }

  private void missingChroot(String server) throws Exception {
    try (Session session = new Session(server + "/not/there")) {
      Check.fails(Code.NONODE, () -> session.create("/a", ""),
          "a chroot that is missing: create");
      Check.that(!session.exists("/"), "its root does not exist");
    }
  }

  private void paths(String server, Session admin) throws Exception {
    try (Session session = new Session(server + "/kafka/cluster/one")) {
      Check.equal("/a", session.create("/a", "x"), "created path");
      Check.equal("x", admin.get("/kafka/cluster/one/a"), "absolute path");
      Check.equal("/a/s0000000000", session.create("/a/s", "",
          CreateMode.EPHEMERAL_SEQUENTIAL), "created sequential path");
      Check.equal(List.of("a"), session.zk.getChildren("/", false),
          "children of the chroot");
      Check.equal(2, session.zk.getAllChildrenNumber("/"),
          "descendants of the chroot");
      // The client does not take the chroot off these paths.
      Check.equal(List.of("/kafka/cluster/one/a/s0000000000"),
          session.zk.getEphemerals("/"), "the session's ephemerals");
      List<OpResult> results = session.zk.multi(List.of(
          Op.create("/m", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT),
          Op.check("/a", 0), Op.setData("/", Check.bytes("root"), -1),
          Op.delete("/m", 0)));
      Check.equal("/kafka/cluster/one/m",
          ((OpResult.CreateResult) results.get(0)).getPath(),
          "path in a multi's result");
      Check.equal("root", admin.get("/kafka/cluster/one"),
          "the chroot's own data");
      Check.equal("", Check.text(session.zk.getConfig(false, null)),
          "the config node is outside of the chroot");
    }
  }

  private void watchesOverACut(String server, Session admin)
      throws Exception {
    String base = "/kafka/cluster/one";
    try (Proxy proxy = new Proxy(server);
         Session session = new Session(proxy.address() + base)) {
      Events recursive = new Events();
      session.zk.addWatch("/", recursive, AddWatchMode.PERSISTENT_RECURSIVE);
      session.zk.exists("/w", true);
      admin.create(base + "/w", "");
      Check.equal(List.of("NodeCreated /w"), session.events(),
          "an event's path is relative");
      Check.equal(List.of("NodeCreated /w"), recursive.drain(),
          "a recursive watch on the chroot");
      session.zk.getData("/w", true, null);
      session.zk.getChildren("/w", true);
      session.watcher.clearStates();
      proxy.refuse();
      session.watcher.await(KeeperState.Disconnected);
      admin.zk.setData(base + "/w", Check.bytes("2"), -1);
      admin.create(base + "/w/c", "");
      proxy.heal();
      session.watcher.await(KeeperState.SyncConnected);
      Check.equal(List.of("NodeDataChanged /w", "NodeChildrenChanged /w"),
          session.events(), "missed events are found below the chroot");
      Check.equal(List.of("NodeDataChanged /w"), recursive.drain(),
          "the client shows what setWatches found to the recursive watch too");
      admin.zk.setData(base + "/w/c", Check.bytes("3"), -1);
      session.flush();
      Check.equal(List.of("NodeDataChanged /w/c"), recursive.drain(),
          "and goes on");
      session.zk.removeWatches("/", recursive, WatcherType.Any, false);
      Check.equal("PersistentWatchRemoved /", recursive.next(),
          "removed below the chroot");
      admin.zk.setData(base + "/w/c", Check.bytes("4"), -1);
      session.flush();
      Check.equal(List.of(), recursive.drain(), "no event after it");
    }
  }
}
