package compat;

import java.util.ArrayList;
import java.util.List;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.data.Stat;

/** KRaft takes over: delete and create of one path in one transaction. */
final class KafkaMigration implements Scenario {
  private static final String CONTROLLER = "/controller";
  private static final String EPOCH = "/controller_epoch";
  private static final String MIGRATION = "/migration";

  @Override
  public void run(String server, String[] args) throws Exception {
    try (Session admin = new Session(server);
         Session migrator = new Session(server)) {
      admin.create(EPOCH, "0");
      admin.create(MIGRATION, "0");
      takeOver(server, admin, migrator);
      fencedMigrationWrites(admin, migrator);
    }
  }

  private void takeOver(String server, Session admin, Session migrator)
      throws Exception {
    Session holder = new Session(server);
    holder.create(CONTROLLER, "zk", CreateMode.EPHEMERAL);
    Session oneShot = new Session(server);
    Session persistent = new Session(server);
    Session recursive = new Session(server);
    oneShot.zk.exists(CONTROLLER, true);
    oneShot.zk.getChildren("/", true);
    persistent.zk.addWatch(CONTROLLER, AddWatchMode.PERSISTENT);
    recursive.zk.addWatch("/", AddWatchMode.PERSISTENT_RECURSIVE);

    List<Integer> codes = Check.multiFails(
        () -> migrator.zk.multi(takeOverOps(3, 0)));
    Check.equal(List.of(Code.BADVERSION.intValue(),
        Code.RUNTIMEINCONSISTENCY.intValue(),
        Code.RUNTIMEINCONSISTENCY.intValue()), codes,
        "with a wrong epoch nothing happens");
    codes = Check.multiFails(() -> migrator.zk.multi(takeOverOps(0, 5)));
    Check.equal(List.of(0, Code.BADVERSION.intValue(),
        Code.RUNTIMEINCONSISTENCY.intValue()), codes,
        "with a wrong controller version nothing happens");
    Check.equal(holder.id(), admin.stat(CONTROLLER).getEphemeralOwner(),
        "the old controller is still there");
    Check.equal(List.of(), recursive.events(), "no event of a failed multi");

    long before = admin.stat(CONTROLLER).getCzxid();
    migrator.zk.multi(takeOverOps(0, 0));
    Stat controller = admin.stat(CONTROLLER);
    Check.that(controller.getCzxid() > before, "the node is a new one");
    Check.equal(controller.getCzxid(), admin.stat(EPOCH).getMzxid(),
        "one zxid: epoch and controller");
    Check.equal(controller.getCzxid(), admin.stat("/").getPzxid(),
        "one zxid: parent");
    Check.equal(admin.stat(EPOCH).getMtime(), controller.getCtime(),
        "one time");
    Check.equal(0L, controller.getEphemeralOwner(), "it is persistent");
    Check.equal("kraft", admin.get(CONTROLLER), "its data");

    oneShot.flush();
    Check.equal(List.of("NodeDeleted " + CONTROLLER, "NodeChildrenChanged /"),
        oneShot.watcher.drain(), "one-shot watches fire once each");
    eventsOfOneTransaction(persistent, controller.getCzxid(),
        List.of("NodeDeleted " + CONTROLLER, "NodeCreated " + CONTROLLER),
        "persistent watch: deleted, then created");
    eventsOfOneTransaction(recursive, controller.getCzxid(),
        List.of("NodeDataChanged " + EPOCH, "NodeDeleted " + CONTROLLER,
            "NodeCreated " + CONTROLLER),
        "recursive watch: all three in order");

    holder.close();
    Check.equal("kraft", admin.get(CONTROLLER),
        "the end of the old holder leaves the new node");
    Check.equal(List.of(), persistent.events(), "and is no event");
    for (Session session : List.of(oneShot, persistent, recursive)) {
      session.close();
    }
  }

  private void eventsOfOneTransaction(Session session, long zxid,
      List<String> expected, String what) throws Exception {
    session.flush();
    List<String> names = new ArrayList<>();
    for (WatchedEvent event : session.watcher.drainEvents()) {
      names.add(Events.name(event));
      // Servers before 3.9 do not tell the zxid of an event.
      if (Boolean.getBoolean("since39")) {
        Check.equal(zxid, event.getZxid(), "zxid of " + Events.name(event));
      }
    }
    Check.equal(expected, names, what);
  }

  /** Each migration write: check the epoch, move the migration state, do. */
  private void fencedMigrationWrites(Session admin, Session migrator)
      throws Exception {
    int epoch = admin.stat(EPOCH).getVersion();
    for (int i = 0; i < 100; i++) {
      migrator.zk.multi(List.of(Op.check(EPOCH, epoch),
          Op.setData(MIGRATION, Check.bytes("" + i), i),
          Op.create("/m" + i, null, Ids.OPEN_ACL_UNSAFE,
              CreateMode.PERSISTENT)));
      Check.require(admin.stat("/m" + i).getCzxid()
          == admin.stat(MIGRATION).getMzxid(), "state and write are one");
    }
    Check.equal(100, admin.stat(MIGRATION).getVersion(), "100 fenced writes");
    List<Integer> codes = Check.multiFails(() -> migrator.zk.multi(List.of(
        Op.check(EPOCH, epoch), Op.setData(MIGRATION, null, 7),
        Op.delete("/m1", -1))));
    Check.equal(List.of(0, Code.BADVERSION.intValue(),
        Code.RUNTIMEINCONSISTENCY.intValue()), codes,
        "another migrator was faster: fails at index 1");
    codes = Check.multiFails(() -> migrator.zk.multi(List.of(
        Op.check(EPOCH, epoch), Op.check(MIGRATION, 100),
        Op.create("/m1", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT))));
    Check.equal(List.of(0, 0, Code.NODEEXISTS.intValue()), codes,
        "the operation itself fails: index 2");
  }

  private static List<Op> takeOverOps(int epoch, int controllerVersion) {
    return List.of(Op.setData(EPOCH, Check.bytes("9"), epoch),
        Op.delete(CONTROLLER, controllerVersion),
        Op.create(CONTROLLER, Check.bytes("kraft"), Ids.OPEN_ACL_UNSAFE,
            CreateMode.PERSISTENT));
  }
}
