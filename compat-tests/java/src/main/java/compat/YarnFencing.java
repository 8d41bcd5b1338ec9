package compat;

import java.util.ArrayList;
import java.util.List;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooDefs.Perms;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Id;
import org.apache.zookeeper.data.Stat;

/** YARN's state store: each write is wrapped in a fencing node. */
final class YarnFencing implements Scenario {
  private static final String ROOT = "/rmstore";
  private static final String FENCE = ROOT + "/RM_ZK_FENCING_LOCK";
  private static final int NOT_RUN = Code.RUNTIMEINCONSISTENCY.intValue();
  private static final int NO_AUTH = Code.NOAUTH.intValue();

  @Override
  public void run(String server, String[] args) throws Exception {
    try (Session first = new Session(server);
         Session second = new Session(server);
         Session stranger = new Session(server)) {
      first.zk.addAuthInfo("digest", Check.bytes("rm1:secret1"));
      second.zk.addAuthInfo("digest", Check.bytes("rm2:secret2"));
      first.zk.create(ROOT, null, rootAcl("rm1:secret1"),
          CreateMode.PERSISTENT);
      fencedWrites(first, stranger);
      strangerIsRefused(stranger);
      aclInsideTransaction(first);
      takeOver(first, second);
    }
  }

  private void fencedWrites(Session rm, Session stranger) throws Exception {
    rm.zk.addWatch(ROOT, AddWatchMode.PERSISTENT_RECURSIVE);
    stranger.zk.addWatch(ROOT, AddWatchMode.PERSISTENT_RECURSIVE);
    Stat before = rm.stat(ROOT);
    List<String> seen = new ArrayList<>();
    for (int i = 0; i < 50; i++) {
      String app = ROOT + "/app" + i;
      rm.zk.multi(fenced(create(app), Op.setData(app, Check.bytes("x"), 0)));
      Stat root = rm.stat(ROOT);
      Check.require(root.getPzxid() == rm.stat(app).getCzxid(),
          "parent's pzxid is the transaction's");
      Check.require(!rm.exists(FENCE), "the fencing node is gone");
      seen.add("NodeCreated " + app);
      seen.add("NodeDataChanged " + app);
    }
    Stat after = rm.stat(ROOT);
    Check.equal(before.getCversion() + 150, after.getCversion(),
        "cversion counts fence, node and the fence's delete");
    Check.equal(50, after.getNumChildren(), "children");
    List<String> expected = new ArrayList<>();
    for (int i = 0; i < 50; i++) {
      expected.add("NodeCreated " + FENCE);
      expected.addAll(seen.subList(2 * i, 2 * i + 2));
      expected.add("NodeDeleted " + FENCE);
    }
    Check.equal(expected, rm.events(),
        "the owner sees the fence come and go");
    Check.equal(seen, stranger.events(),
        "who may not read the fence is not told of it");
  }

  private void strangerIsRefused(Session stranger) throws Exception {
    Check.equal(List.of(NO_AUTH, NOT_RUN, NOT_RUN), Check.multiFails(
        () -> stranger.zk.multi(openFence(create(ROOT + "/evil")))),
        "without CREATE on the root the fence itself fails");
    Check.fails(Code.NOAUTH, () -> stranger.zk.delete(ROOT + "/app0", -1),
        "nor may it delete");
    stranger.zk.setData(ROOT + "/app0", Check.bytes("y"), 1);
    Check.ok("but it may write where the node's own ACL lets it");
  }

  /** The ACL that one operation gives a node binds the following ones. */
  private void aclInsideTransaction(Session rm) throws Exception {
    List<ACL> readOnly = Check.acl(new ACL(Perms.READ, Ids.ANYONE_ID_UNSAFE));
    String path = ROOT + "/limited";
    Op createReadOnly =
        Op.create(path, null, readOnly, CreateMode.PERSISTENT);
    Check.equal(List.of(0, NO_AUTH, NOT_RUN), Check.multiFails(
        () -> rm.zk.multi(List.of(createReadOnly,
            Op.setData(path, Check.bytes("x"), -1), Op.delete(path, -1)))),
        "set of a node created read-only in the same transaction");
    Check.equal(List.of(0, NO_AUTH, NOT_RUN), Check.multiFails(
        () -> rm.zk.multi(List.of(createReadOnly, create(path + "/child"),
            Op.delete(path, -1)))),
        "create below a node created read-only in the same transaction");
    List<ACL> noDelete = Check.acl(
        new ACL(Perms.ALL & ~Perms.DELETE, Ids.ANYONE_ID_UNSAFE));
    Check.equal(List.of(0, 0, NO_AUTH, NOT_RUN), Check.multiFails(
        () -> rm.zk.multi(List.of(
            Op.create(path, null, noDelete, CreateMode.PERSISTENT),
            create(path + "/child"), Op.delete(path + "/child", -1),
            Op.delete(path, -1)))),
        "delete below a node created without DELETE");
    Check.equal(List.of(0, 0, Code.NOTEMPTY.intValue()), Check.multiFails(
        () -> rm.zk.multi(List.of(create(path), create(path + "/child"),
            Op.delete(path, -1)))),
        "delete of a node that got a child in the same transaction");
    rm.zk.multi(List.of(createReadOnly, Op.check(path, 0),
        Op.delete(path, 0), create(path), Op.setData(path, null, 0),
        Op.delete(path, 1)));
    Check.that(!rm.exists(path),
        "created, deleted, created and deleted in one transaction");
  }

  /** The next active manager makes itself the only one that may create. */
  private void takeOver(Session first, Session second) throws Exception {
    int aversion = first.stat(ROOT).getAversion();
    Check.fails(Code.BADVERSION, () -> second.zk.setACL(ROOT,
        rootAcl("rm2:secret2"), aversion + 1), "setACL by a wrong aversion");
    second.zk.setACL(ROOT, rootAcl("rm2:secret2"), aversion);
    Check.equal(List.of(NO_AUTH, NOT_RUN, NOT_RUN), Check.multiFails(
        () -> first.zk.multi(fenced(create(ROOT + "/late")))),
        "the fenced manager's write fails at index 0");
    second.zk.multi(fenced(create(ROOT + "/new")));
    Check.that(second.exists(ROOT + "/new"), "the new manager writes");
  }

  private static List<Op> fenced(Op... ops) {
    return wrap(Ids.CREATOR_ALL_ACL, ops);
  }

  private static List<Op> openFence(Op... ops) {
    return wrap(Ids.OPEN_ACL_UNSAFE, ops);
  }

  private static List<Op> wrap(List<ACL> fenceAcl, Op... ops) {
    List<Op> all = new ArrayList<>();
    all.add(Op.create(FENCE, new byte[0], fenceAcl, CreateMode.PERSISTENT));
    all.addAll(List.of(ops));
    all.add(Op.delete(FENCE, -1));
    return all;
  }

  private static Op create(String path) {
    return Op.create(path, null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
  }

  /** All may read, write and administer, one may create and delete. */
  private static List<ACL> rootAcl(String credentials) throws Exception {
    String digest = org.apache.zookeeper.server.auth
        .DigestAuthenticationProvider.generateDigest(credentials);
    return Check.acl(
        new ACL(Perms.READ | Perms.WRITE | Perms.ADMIN, Ids.ANYONE_ID_UNSAFE),
        new ACL(Perms.CREATE | Perms.DELETE, new Id("digest", digest)));
  }
}
