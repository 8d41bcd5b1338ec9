package compat;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.Quotas;
import org.apache.zookeeper.StatsTrack;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooDefs.Perms;
import org.apache.zookeeper.cli.DelQuotaCommand;
import org.apache.zookeeper.cli.SetQuotaCommand;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.ClientInfo;
import org.apache.zookeeper.data.Id;
import org.apache.zookeeper.data.Stat;

/** Identities, ACLs, the super user and quotas of the ZooKeeper class. */
final class JavaAuth implements Scenario {
  /** Of digest user1:pass1. */
  private static final Id USER1 =
      new Id("digest", "user1:+7K83PhyQ3ijGj0ADmljf0quVwQ=");

  @Override
  public void run(String server, String[] args) throws Exception {
    identities(server);
    permissions(server);
    aclForms(server);
    eventsAreFiltered(server);
    unknownScheme(server);
    superUser(server);
    quota(server);
  }

  private void identities(String server) throws Exception {
    try (Proxy proxy = new Proxy(server);
         Session session = new Session(proxy.address())) {
      Check.equal(List.of("ip 127.0.0.1"), who(session), "at first");
      session.zk.addAuthInfo("digest", Check.bytes("user1:pass1"));
      session.zk.addAuthInfo("digest", Check.bytes("user2:pass2"));
      session.zk.addAuthInfo("digest", Check.bytes("user1:pass1"));
      List<String> all = List.of("digest user1", "digest user2",
          "ip 127.0.0.1");
      Check.equal(all, who(session), "after addAuthInfo, each once");
      session.watcher.clearStates();
      proxy.cut();
      session.watcher.await(KeeperState.SyncConnected);
      Check.equal(all, who(session), "sent again after a reconnect");
    }
  }

  private static List<String> who(Session session) throws Exception {
    TreeSet<String> names = new TreeSet<>();
    for (ClientInfo info : session.zk.whoAmI()) {
      Check.require(names.add(info.getAuthScheme() + " " + info.getUser()),
          "each identity once");
    }
    return new ArrayList<>(names);
  }

  private void permissions(String server) throws Exception {
    try (Session owner = new Session(server);
         Session guest = new Session(server)) {
      owner.zk.addAuthInfo("digest", Check.bytes("user1:pass1"));
      for (int perm : List.of(Perms.READ, Perms.WRITE, Perms.CREATE,
          Perms.DELETE, Perms.ADMIN)) {
        onePermission(owner, guest, perm);
      }
    }
  }

  /** The guest has one permission, and each call asks for its own. */
  private void onePermission(Session owner, Session guest, int perm)
      throws Exception {
    String path = "/perm" + perm;
    owner.zk.create(path, Check.bytes("x"), Check.acl(
        new ACL(Perms.ALL, USER1), new ACL(perm, Ids.ANYONE_ID_UNSAFE)),
        CreateMode.PERSISTENT);
    owner.create(path + "/child", "");
    String name = "permission " + perm + ": ";
    allowed(perm == Perms.READ, () -> guest.get(path), name + "get");
    if (Boolean.getBoolean("since39")) {  // Before, anybody may ask.
      allowed(perm == Perms.READ, () -> guest.exists(path), name + "exists");
    }
    allowed(perm == Perms.READ, () -> guest.zk.getChildren(path, false),
        name + "children");
    allowed(perm == Perms.READ, () -> guest.zk.getAllChildrenNumber(path),
        name + "descendants");
    allowed(perm == Perms.READ || perm == Perms.ADMIN,
        () -> guest.zk.getACL(path, new Stat()), name + "getACL");
    allowed(perm == Perms.READ, () -> guest.zk.multi(
        List.of(Op.check(path, -1))), name + "check");
    allowed(perm == Perms.WRITE, () -> guest.zk.setData(path, null, -1),
        name + "set");
    allowed(perm == Perms.CREATE, () -> guest.create(path + "/new", ""),
        name + "create");
    allowed(perm == Perms.DELETE, () -> guest.zk.delete(path + "/child", -1),
        name + "delete");
    allowed(perm == Perms.ADMIN, () -> guest.zk.setACL(path,
        Ids.OPEN_ACL_UNSAFE, -1), name + "setACL");
  }

  private static void allowed(boolean expected, Check.Action call,
      String what) throws Exception {
    if (expected) {
      call.run();
      Check.ok(what + " is allowed");
    } else {
      Check.fails(Code.NOAUTH, call, what + " is refused");
    }
  }

  private void aclForms(String server) throws Exception {
    try (Session owner = new Session(server);
         Session guest = new Session(server)) {
      Check.fails(Code.INVALIDACL, () -> owner.zk.create("/auth", null,
          Ids.CREATOR_ALL_ACL, CreateMode.PERSISTENT),
          "scheme auth without an identity");
      owner.zk.addAuthInfo("digest", Check.bytes("user1:pass1"));
      owner.zk.addAuthInfo("digest", Check.bytes("user2:pass2"));
      owner.zk.create("/auth", null, Ids.CREATOR_ALL_ACL,
          CreateMode.PERSISTENT);
      List<ACL> acl = owner.zk.getACL("/auth", new Stat());
      Check.equal(2, acl.size(), "scheme auth: an entry for each identity");
      Check.that(acl.contains(new ACL(Perms.ALL, USER1)),
          "one is the digest of user1");
      Check.fails(Code.NOAUTH, () -> guest.zk.getACL("/auth", new Stat()),
          "the guest may not even ask");
      owner.zk.setACL("/auth", Check.acl(new ACL(Perms.ALL, USER1),
          new ACL(Perms.READ, Ids.ANYONE_ID_UNSAFE)), 0);
      Check.equal(new ACL(Perms.ALL, new Id("digest", "user1:x")),
          guest.zk.getACL("/auth", new Stat()).get(0),
          "without ADMIN the digest is hidden");
      Check.equal(new ACL(Perms.ALL, USER1),
          owner.zk.getACL("/auth", new Stat()).get(0),
          "with ADMIN it is shown");
      for (Id bad : List.of(new Id("nobody", "x"), new Id("world", "me"),
          new Id("ip", "300.1.1.1"), new Id("digest", "a"),
          new Id("super", ""))) {
        Check.fails(Code.INVALIDACL, () -> owner.zk.create("/bad", null,
            Check.acl(new ACL(Perms.ALL, bad)), CreateMode.PERSISTENT),
            "ACL entry " + bad.getScheme() + ":" + bad.getId());
      }
      owner.zk.create("/ip", Check.bytes("x"), Check.acl(new ACL(Perms.ALL,
          new Id("ip", "127.0.0.0/8"))), CreateMode.PERSISTENT);
      Check.equal("x", guest.get("/ip"), "an ip range that matches");
      owner.zk.create("/ip2", null, Check.acl(new ACL(Perms.ALL,
          new Id("ip", "10.0.0.0/8"))), CreateMode.PERSISTENT);
      Check.fails(Code.NOAUTH, () -> guest.get("/ip2"), "one that does not");
    }
  }

  private void eventsAreFiltered(String server) throws Exception {
    try (Session owner = new Session(server);
         Session guest = new Session(server)) {
      owner.zk.addAuthInfo("digest", Check.bytes("user1:pass1"));
      guest.zk.addWatch("/", AddWatchMode.PERSISTENT_RECURSIVE);
      guest.zk.exists("/hidden", true);
      owner.zk.create("/hidden", null, Ids.CREATOR_ALL_ACL,
          CreateMode.PERSISTENT);
      owner.zk.setData("/hidden", Check.bytes("x"), 0);
      owner.create("/hidden/open", "");
      owner.zk.setACL("/hidden", Ids.OPEN_ACL_UNSAFE, 0);
      owner.zk.setData("/hidden", Check.bytes("y"), 1);
      Check.equal(List.of("NodeCreated /hidden/open",
          "NodeDataChanged /hidden"), guest.events(),
          "only events of nodes that may be read; the one-shot is used up");
    }
  }

  private void unknownScheme(String server) throws Exception {
    try (Session session = new Session(server)) {
      session.zk.addAuthInfo("nobody", Check.bytes("x"));
      session.watcher.await(KeeperState.AuthFailed);
      Check.fails(Code.AUTHFAILED, () -> session.get("/"),
          "an unknown scheme ends the client");
    }
  }

  private void superUser(String server) throws Exception {
    try (Session root = new Session(server);
         Session owner = new Session(server)) {
      owner.zk.addAuthInfo("digest", Check.bytes("user1:pass1"));
      owner.zk.create("/mine", Check.bytes("x"), Ids.CREATOR_ALL_ACL,
          CreateMode.PERSISTENT);
      root.zk.addAuthInfo("digest", Check.bytes("super:wrong"));
      Check.fails(Code.NOAUTH, () -> root.get("/mine"), "a wrong password");
      root.zk.addAuthInfo("digest", Check.bytes("super:secret"));
      Check.equal("x", root.get("/mine"), "the super user reads");
      root.zk.setACL("/mine", Ids.OPEN_ACL_UNSAFE, -1);
      root.zk.delete("/mine", -1);
      Check.ok("and does all else");
    }
  }

  /** With the client's own quota commands; the server enforces quotas. */
  private void quota(String server) throws Exception {
    try (Session session = new Session(server)) {
      session.create("/quota", "12345");
      session.create("/quota/a", "123");
      StatsTrack limits = new StatsTrack();
      limits.setCountHardLimit(3);
      limits.setByteHardLimit(20);
      limits.setCount(-1);
      limits.setBytes(-1);
      Check.that(SetQuotaCommand.createQuota(session.zk, "/quota", limits),
          "setquota");
      Check.equal("2 8", usage(session), "usage at first: nodes, bytes");
      session.create("/quota/b", "1");
      Check.equal("3 9", usage(session), "usage after a create");
      Check.fails(Code.QUOTAEXCEEDED, () -> session.create("/quota/c", ""),
          "one node too many");
      session.zk.setData("/quota/a", new byte[14], -1);
      Check.equal("3 20", usage(session), "usage at the limit");
      Check.fails(Code.QUOTAEXCEEDED,
          () -> session.zk.setData("/quota/a", new byte[15], -1),
          "one byte too many");
      session.zk.delete("/quota/b", -1);
      Check.equal("2 19", usage(session), "usage after a delete");
      Check.that(DelQuotaCommand.delQuota(session.zk, "/quota", limits),
          "delquota");
      session.create("/quota/c", "a text that is longer than the quota");
      Check.ok("no limit any more");
    }
  }

  private static String usage(Session session) throws Exception {
    StatsTrack stats = new StatsTrack(
        session.zk.getData(Quotas.statPath("/quota"), false, null));
    return stats.getCount() + " " + stats.getBytes();
  }
}
