package compat;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.data.Stat;

/** Exact cversion and pzxid, as Solr and Flink read them. */
final class SolrFlink implements Scenario {
  private static final int NOT_EMPTY = Code.NOTEMPTY.intValue();
  private static final int NOT_RUN = Code.RUNTIMEINCONSISTENCY.intValue();

  @Override
  public void run(String server, String[] args) throws Exception {
    try (Session session = new Session(server)) {
      childCounters(session);
      failuresChangeNothing(session);
      perReplicaStates(session);
      consistentListing(server, session);
      parentWithLocks(session);
      lockAndWrite(session);
    }
  }

  private void childCounters(Session session) throws Exception {
    Stat created = new Stat();
    session.zk.create("/c", Check.bytes("x"), Ids.OPEN_ACL_UNSAFE,
        CreateMode.PERSISTENT, created);
    Check.equal(List.of(0, 0, 0, 0, 1), List.of(created.getVersion(),
        created.getCversion(), created.getAversion(),
        created.getNumChildren(), created.getDataLength()),
        "stat in the reply of a create");
    Check.equal(created.getCzxid(), created.getMzxid(), "mzxid of a new node");
    Check.equal(created.getCzxid(), created.getPzxid(), "pzxid of a new node");
    Check.equal(created, session.stat("/c"), "the same stat when read");

    for (int i = 0; i < 10; i++) {
      session.create("/c/n" + i, "");
      expect(session, i + 1, i + 1, session.stat("/c/n" + i).getCzxid(),
          "after create " + i);
    }
    for (int i = 0; i < 4; i++) {
      long before = session.stat("/c").getPzxid();
      session.zk.delete("/c/n" + i, 0);
      Stat parent = session.stat("/c");
      session.create("/later" + i, "");
      long later = session.stat("/later" + i).getCzxid();
      Check.that(before < parent.getPzxid() && parent.getPzxid() < later,
          "pzxid after delete " + i + " is that of the delete");
      expect(session, 11 + i, 9 - i, parent.getPzxid(), "after delete " + i);
    }
    session.zk.multi(List.of(create("/c/m1"), create("/c/m2"),
        Op.delete("/c/n9", 0), Op.create("/c/seq-", null, Ids.OPEN_ACL_UNSAFE,
            CreateMode.PERSISTENT_SEQUENTIAL)));
    long zxid = session.stat("/c/m1").getCzxid();
    expect(session, 18, 8, zxid, "after a multi of 3 creates and a delete");
    Check.equal(zxid, session.stat("/c/seq-0000000012").getCzxid(),
        "the sequence number counts creates, not deletes");
    session.zk.setData("/c/m1", Check.bytes("y"), 0);
    session.create("/c/m1/below", "");
    expect(session, 18, 8, zxid, "after a set of and a create below a child");
    session.zk.setData("/c", Check.bytes("z"), 0);
    expect(session, 18, 8, zxid, "after a set of the node itself");
  }

  private void failuresChangeNothing(Session session) throws Exception {
    Stat before = session.stat("/c");
    Check.fails(Code.NODEEXISTS, () -> session.create("/c/m1", ""), "create");
    Check.fails(Code.NONODE, () -> session.zk.delete("/c/none", -1), "delete");
    Check.fails(Code.BADVERSION, () -> session.zk.delete("/c/m2", 3),
        "delete by version");
    Check.multiFails(() -> session.zk.multi(
        List.of(create("/c/x"), Op.delete("/c/m2", 0), Op.check("/c", 99))));
    Check.equal(before, session.stat("/c"), "failures leave the stat alone");
    session.create("/mark", "");
    Check.that(session.stat("/mark").getCzxid() > before.getPzxid(),
        "zxids went on");
  }

  /** Solr: read the states at a cversion, then replace them in one multi. */
  private void perReplicaStates(Session session) throws Exception {
    session.create("/state.json", "{}");
    session.zk.multi(List.of(create("/state.json/r1:1:D")));
    for (int version = 2; version <= 20; version++) {
      Stat stat = new Stat();
      List<String> states = session.zk.getChildren("/state.json", false, stat);
      Check.require(stat.getCversion() == 2 * version - 3,
          "cversion " + stat.getCversion() + " before state " + version);
      List<Op> ops = new ArrayList<>();
      ops.add(create("/state.json/r1:" + version + ":A"));
      for (String old : states) {
        ops.add(Op.delete("/state.json/" + old, -1));
      }
      session.zk.multi(ops);
    }
    Check.equal(List.of("r1:20:A"),
        session.zk.getChildren("/state.json", false), "one state is left");
    Check.equal(39, session.stat("/state.json").getCversion(),
        "cversion after 20 creates and 19 deletes");
    Check.equal(0, session.stat("/state.json").getVersion(), "data version");
  }

  /** Flink: a listing is consistent when cversion is the same around it. */
  private void consistentListing(String server, Session session)
      throws Exception {
    session.create("/handles", "");
    try (Session writer = new Session(server)) {
      for (int i = 0; i < 300; i++) {
        writer.zk.multi(List.of(create("/handles/a" + i),
            create("/handles/b" + i)), (rc, path, context, results) -> { },
            null);
      }
      int before;
      do {
        before = session.stat("/handles").getCversion();
        List<String> children = session.zk.getChildren("/handles", false);
        int after = session.stat("/handles").getCversion();
        Check.require(before != after || children.size() == before,
            "a consistent listing has cversion children");
        Check.require(children.size() % 2 == 0, "multis show as a whole");
      } while (before < 600);
      Check.ok("listings during writes");
      Check.equal(600, new TreeSet<>(
          session.zk.getChildren("/handles", false)).size(), "all are there");
    }
  }

  private void parentWithLocks(Session session) throws Exception {
    session.create("/job", "state");
    session.create("/job/lock", "", CreateMode.EPHEMERAL);
    Check.fails(Code.NOTEMPTY, () -> session.zk.delete("/job", -1),
        "delete of a parent with a lock child");
    Check.fails(Code.BADVERSION, () -> session.zk.delete("/job", 5),
        "a wrong version is told before the children");
    Check.equal(List.of(NOT_EMPTY, NOT_RUN), Check.multiFails(
        () -> session.zk.multi(List.of(Op.delete("/job", -1),
            Op.delete("/job/lock", -1)))), "parent before child");
    session.zk.multi(List.of(Op.delete("/job/lock", -1),
        Op.delete("/job", -1)));
    Check.that(!session.exists("/job"), "child before parent");
    Check.fails(Code.NONODE, () -> session.create("/job/lock", ""),
        "a lock without its parent");
    session.create("/e", "", CreateMode.EPHEMERAL);
    Check.fails(Code.NOCHILDRENFOREPHEMERALS,
        () -> session.create("/e/child", ""), "a child of an ephemeral");
  }

  /** The write counts only while the leader's latch node is there. */
  private void lockAndWrite(Session session) throws Exception {
    session.create("/latch", "", CreateMode.EPHEMERAL);
    session.create("/map", "0");
    session.zk.multi(List.of(Op.check("/latch", -1),
        Op.setData("/map", Check.bytes("1"), 0)));
    session.zk.delete("/latch", -1);
    Check.equal(List.of(Code.NONODE.intValue(), NOT_RUN), Check.multiFails(
        () -> session.zk.multi(List.of(Op.check("/latch", -1),
            Op.setData("/map", Check.bytes("2"), 1)))),
        "without the lock no write");
    Check.equal("1", session.get("/map"), "the data of the leader stays");
  }

  private void expect(Session session, int cversion, int children, long pzxid,
      String when) throws Exception {
    Stat stat = session.stat("/c");
    Check.equal(List.of(cversion, children, pzxid),
        List.of(stat.getCversion(), stat.getNumChildren(), stat.getPzxid()),
        "cversion, children, pzxid " + when);
  }

  private static Op create(String path) {
    return Op.create(path, null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
  }
}
