package compat;

import java.util.List;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.OpResult.SetDataResult;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.data.Stat;

/** Broker registration of Kafka: null data, czxid as epoch, stale nodes. */
final class KafkaBroker implements Scenario {
  private static final String IDS = "/brokers/ids";
  private static final String NODE = IDS + "/1";

  @Override
  public void run(String server, String[] args) throws Exception {
    try (Session admin = new Session(server)) {
      admin.createAll(IDS);
      generateIds(admin);
      nullIsNotEmpty(admin);
      long epoch = 0;
      for (int restart = 0; restart < 10; restart++) {
        epoch = restartWhileOldLives(server, admin, epoch, restart);
      }
    }
  }

  /** Broker ids are versions of a node that is written with no data. */
  private void generateIds(Session admin) throws Exception {
    admin.create("/brokers/seqid", null);
    for (int id = 1; id <= 5; id++) {
      Stat stat = admin.zk.setData("/brokers/seqid", new byte[0], -1);
      Check.equal(id, stat.getVersion(), "generated id");
    }
  }

  private void nullIsNotEmpty(Session admin) throws Exception {
    admin.create("/null", null);
    admin.create("/empty", "");
    Check.equal(null, admin.get("/null"), "null data stays null");
    Check.equal("", admin.get("/empty"), "empty data stays empty");
    Check.equal(0, admin.stat("/null").getDataLength(), "length of null");
    admin.zk.setData("/empty", null, 0);
    admin.zk.setData("/null", new byte[0], 0);
    Check.equal(null, admin.get("/empty"), "set to null");
    Check.equal("", admin.get("/null"), "set to empty");
    admin.zk.multi(List.of(
        Op.create("/null2", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT),
        Op.create("/empty2", new byte[0], Ids.OPEN_ACL_UNSAFE,
            CreateMode.PERSISTENT)));
    Check.equal(null, admin.get("/null2"), "null in a multi");
    Check.equal("", admin.get("/empty2"), "empty in a multi");
  }

  private long restartWhileOldLives(String server, Session admin,
      long previousEpoch, int round) throws Exception {
    String name = "restart " + round;
    Session old = new Session(server);
    long oldEpoch = register(old, "old");
    Check.that(oldEpoch > previousEpoch, name + ": czxid has grown");
    Check.equal(oldEpoch, admin.stat(NODE).getCzxid(),
        name + ": the result's czxid is the node's");
    Check.equal("old", admin.get(NODE), name + ": data");

    try (Session fresh = new Session(server)) {
      admin.zk.getChildren(IDS, true);
      List<Integer> codes =
          Check.multiFails(() -> fresh.zk.multi(registration("new")));
      Check.equal(List.of(Code.NODEEXISTS.intValue(),
          Code.RUNTIMEINCONSISTENCY.intValue()), codes,
          name + ": the stale registration is in the way");
      Stat stat = new Stat();
      fresh.zk.getData(NODE, false, stat);
      Check.that(stat.getEphemeralOwner() != fresh.id(),
          name + ": it belongs to somebody else");
      Check.equal(old.id(), stat.getEphemeralOwner(), name + ": to the old");
      Check.fails(Code.BADVERSION,
          () -> fresh.zk.delete(NODE, stat.getVersion() + 1),
          name + ": versioned delete with another version");
      fresh.zk.delete(NODE, stat.getVersion());
      long epoch = register(fresh, "new");
      Check.that(epoch > oldEpoch, name + ": the new epoch is higher");
      old.close();
      Check.equal(fresh.id(), admin.stat(NODE).getEphemeralOwner(),
          name + ": the end of the old session leaves the new node");
      Check.equal(List.of("NodeChildrenChanged " + IDS), admin.events(),
          name + ": the child watch fired once");
      return epoch;
    } finally {
      old.close();
      Check.that(!admin.exists(NODE), name + ": gone with its session");
    }
  }

  /** Returns the broker epoch. */
  private static long register(Session session, String info) throws Exception {
    SetDataResult set =
        (SetDataResult) session.zk.multi(registration(info)).get(1);
    Check.require(set.getStat().getVersion() == 1, "version after the set");
    Check.require(set.getStat().getEphemeralOwner() == session.id(),
        "owner in the result");
    return set.getStat().getCzxid();
  }

  private static List<Op> registration(String info) {
    return List.of(
        Op.create(NODE, null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL),
        Op.setData(NODE, Check.bytes(info), 0));
  }
}
