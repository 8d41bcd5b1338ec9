package compat;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooDefs.Perms;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Stat;

/** Failover controllers of HDFS: ephemeral lock and breadcrumb. */
final class HdfsFailover implements Scenario {
  private static final String ROOT = "/hadoop-ha/ns";
  private static final String LOCK = ROOT + "/ActiveStandbyElectorLock";
  private static final String CRUMB = ROOT + "/ActiveBreadCrumb";

  @Override
  public void run(String server, String[] args) throws Exception {
    try (Session admin = new Session(server)) {
      admin.createAll(ROOT);
      aclByVersion(admin);
      gracefulFailover(server, admin);
      replyOfCreateIsLost(server, admin);
      activeIsCutOff(server, admin);
    }
  }

  private void aclByVersion(Session admin) throws Exception {
    Stat stat = new Stat();
    admin.zk.getACL(ROOT, stat);
    Check.equal(0, stat.getAversion(), "aversion of a new node");
    List<ACL> open = Ids.OPEN_ACL_UNSAFE;
    List<ACL> acl = Check.acl(new ACL(Perms.READ, Ids.ANYONE_ID_UNSAFE),
        new ACL(Perms.ALL, Ids.ANYONE_ID_UNSAFE));
    Check.equal(1, admin.zk.setACL(ROOT, acl, 0).getAversion(),
        "setACL with the right aversion");
    Check.fails(Code.BADVERSION, () -> admin.zk.setACL(ROOT, open, 0),
        "setACL with an old aversion");
    Check.equal(acl, admin.zk.getACL(ROOT, stat), "the ACL that was set");
    Check.equal(2, admin.zk.setACL(ROOT, open, -1).getAversion(),
        "setACL with any aversion");
    Check.equal(0, admin.stat(ROOT).getVersion(),
        "setACL does not touch the data version");
  }

  private void gracefulFailover(String server, Session admin)
      throws Exception {
    Session first = new Session(server);
    Session second = new Session(server);
    Check.equal(Code.OK, tryLock(first), "the first gets the lock");
    Check.equal(Code.NODEEXISTS, tryLock(second), "the second does not");
    Check.equal(first.id(), owner(second), "the second sees whose it is");
    Check.equal(Code.NODEEXISTS, tryLock(first), "asked again, it exists");
    Check.equal(first.id(), owner(first), "and the first sees it is its own");

    first.create(CRUMB, "first");
    second.zk.exists(LOCK, true);
    first.zk.delete(LOCK, 0);
    Check.equal("NodeDeleted " + LOCK, second.watcher.next(),
        "the second is told that the lock is free");
    Check.equal(Code.OK, tryLock(second), "and takes it");
    Stat stat = new Stat();
    Check.equal("first", Check.text(second.zk.getData(CRUMB, false, stat)),
        "the breadcrumb tells whom to fence");
    Check.equal(1, second.zk.setData(CRUMB, Check.bytes("second"),
        stat.getVersion()).getVersion(), "breadcrumb rewritten");
    Check.fails(Code.BADVERSION,
        () -> first.zk.delete(CRUMB, stat.getVersion()),
        "the first cannot delete a breadcrumb that is no longer its own");
    Check.fails(Code.BADVERSION,
        () -> first.zk.setData(CRUMB, Check.bytes("first"), 0),
        "nor rewrite it");
    second.zk.delete(CRUMB, 1);
    Check.that(!admin.exists(CRUMB), "the second deletes its breadcrumb");
    first.close();
    second.close();
    Check.that(!admin.exists(LOCK), "the lock is gone with its session");
  }

  /** The create is committed and its reply lost: the retry finds its own. */
  private void replyOfCreateIsLost(String server, Session admin)
      throws Exception {
    try (Proxy proxy = new Proxy(server);
         Session elector = new Session(proxy.address())) {
      admin.zk.exists(LOCK, true);
      long id = elector.id();
      elector.watcher.clearStates();
      proxy.holdReplies();
      CompletableFuture<Code> created = startLock(elector);
      Check.equal("NodeCreated " + LOCK, admin.watcher.next(),
          "the create is committed");
      proxy.loseReplies();
      Check.equal(Code.CONNECTIONLOSS,
          created.get(Check.DEADLINE_MS, TimeUnit.MILLISECONDS),
          "its reply is lost");
      elector.watcher.await(KeeperState.SyncConnected);
      Check.equal(id, elector.id(), "the session is the same");
      Check.equal(Code.NODEEXISTS, tryLock(elector), "the retry fails");
      Check.equal(id, owner(elector), "but the lock is its own");
    }
  }

  private void activeIsCutOff(String server, Session admin) throws Exception {
    try (Proxy proxy = new Proxy(server);
         Session active = new Session(proxy.address(), Session.SHORT_MS);
         Session standby = new Session(server)) {
      Check.equal(Code.OK, tryLock(active), "active has the lock");
      active.create(CRUMB, "active");
      standby.zk.exists(LOCK, true);
      proxy.refuse();
      Check.equal("NodeDeleted " + LOCK, standby.watcher.next(),
          "the lock goes with the session of the one that is cut off");
      Check.equal(Code.OK, tryLock(standby), "standby takes over");
      Check.equal("active", standby.get(CRUMB),
          "the breadcrumb is still there, so the old one is fenced");
      standby.zk.delete(CRUMB, 0);
      proxy.heal();
      active.watcher.await(KeeperState.Expired);
      Check.equal(standby.id(), owner(admin), "standby keeps the lock");
    }
  }

  private static Code tryLock(Session session) throws Exception {
    return startLock(session).get(Check.DEADLINE_MS, TimeUnit.MILLISECONDS);
  }

  private static CompletableFuture<Code> startLock(Session session) {
    CompletableFuture<Code> result = new CompletableFuture<>();
    session.zk.create(LOCK, Check.bytes("me"), Ids.OPEN_ACL_UNSAFE,
        CreateMode.EPHEMERAL,
        (rc, path, context, name) -> result.complete(Code.get(rc)), null);
    return result;
  }

  /** Asks as the elector does: asynchronously, with a watch. */
  private static long owner(Session session) throws Exception {
    CompletableFuture<Stat> result = new CompletableFuture<>();
    session.zk.exists(LOCK, event -> { },
        (rc, path, context, stat) -> result.complete(stat), null);
    return result.get(Check.DEADLINE_MS, TimeUnit.MILLISECONDS)
        .getEphemeralOwner();
  }
}
