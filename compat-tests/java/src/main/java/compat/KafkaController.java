package compat;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.OpResult;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.data.Stat;

/** Controller election of Kafka: one winner, and old epochs are fenced. */
final class KafkaController implements Scenario {
  private static final String CONTROLLER = "/controller";
  private static final String EPOCH = "/controller_epoch";
  private static final int NODE_EXISTS = Code.NODEEXISTS.intValue();
  private static final int BAD_VERSION = Code.BADVERSION.intValue();
  private static final int NOT_RUN = Code.RUNTIMEINCONSISTENCY.intValue();

  /** The outcome of an asynchronous multi. */
  private record Outcome(int rc, List<OpResult> results) {}

  @Override
  public void run(String server, String[] args) throws Exception {
    try (Session admin = new Session(server)) {
      admin.create(EPOCH, "0");
      for (int round = 0; round < 10; round++) {
        contest(server, admin, "round " + round);
      }
      staleEpochAtIndexOne(admin);
      holderCloses(server, admin);
      for (int round = 0; round < 3; round++) {
        holderIsKilled(server, admin, "kill " + round);
      }
    }
  }

  /** Two contenders send their multis at once. */
  private void contest(String server, Session admin, String name)
      throws Exception {
    int epoch = admin.stat(EPOCH).getVersion();
    try (Session first = new Session(server);
         Session second = new Session(server)) {
      for (Session session : List.of(first, second)) {
        Check.require(session.zk.exists(CONTROLLER, true) == null,
            name + ": no controller yet");
      }
      CompletableFuture<Outcome> a = elect(first, "1", epoch);
      CompletableFuture<Outcome> b = elect(second, "2", epoch);
      Outcome outcomeA = a.get(Check.DEADLINE_MS, TimeUnit.MILLISECONDS);
      Outcome outcomeB = b.get(Check.DEADLINE_MS, TimeUnit.MILLISECONDS);
      Check.that(outcomeA.rc == 0 ^ outcomeB.rc == 0, name + ": one winner");
      boolean firstWon = outcomeA.rc == 0;
      Session winner = firstWon ? first : second;
      Outcome won = firstWon ? outcomeA : outcomeB;
      Outcome lost = firstWon ? outcomeB : outcomeA;

      Check.equal(NODE_EXISTS, lost.rc, name + ": code of the loser's multi");
      Check.equal(List.of(NODE_EXISTS, NOT_RUN), Check.codes(lost.results),
          name + ": the loser's results");
      Stat controller = admin.stat(CONTROLLER);
      Check.equal(winner.id(), controller.getEphemeralOwner(),
          name + ": owner of the controller node");
      Stat set = ((OpResult.SetDataResult) won.results.get(1)).getStat();
      Check.equal(epoch + 1, set.getVersion(), name + ": epoch in the result");
      Check.equal(controller.getCzxid(), set.getMzxid(),
          name + ": one zxid for both operations");
      for (Session session : List.of(first, second)) {
        Check.equal(List.of("NodeCreated " + CONTROLLER), session.events(),
            name + ": each contender sees the controller appear, once");
      }
    }
    Check.that(!admin.exists(CONTROLLER), name + ": closed, so gone");
  }

  /** The controller node is free, but the contender's epoch is old. */
  private void staleEpochAtIndexOne(Session admin) throws Exception {
    int epoch = admin.stat(EPOCH).getVersion();
    List<Integer> codes = Check.multiFails(
        () -> admin.zk.multi(electionOps("9", epoch - 1)));
    Check.equal(List.of(0, BAD_VERSION), codes,
        "an old epoch fails at index 1, index 0 is rolled back with code 0");
    Check.that(!admin.exists(CONTROLLER), "nothing of it was applied");
  }

  private void holderCloses(String server, Session admin) throws Exception {
    int epoch = admin.stat(EPOCH).getVersion();
    try (Session holder = new Session(server);
         Session waiter = new Session(server)) {
      holder.zk.multi(electionOps("1", epoch));
      holder.zk.multi(fenced(epoch + 1, "/by-holder"));
      Check.that(waiter.zk.exists(CONTROLLER, true) != null,
          "the waiter sees a controller");
      long watched = System.nanoTime();
      holder.close();
      Check.equal("NodeDeleted " + CONTROLLER, waiter.watcher.next(),
          "the waiter is told when the holder closes");
      long passedMs = (System.nanoTime() - watched) / 1_000_000;
      Check.that(passedMs < 3_000, "within 3 s of the close");
      waiter.zk.multi(electionOps("2", epoch + 1));
      staleWriteFails(admin, epoch + 1, "after a close");
      waiter.zk.multi(fenced(epoch + 2, "/by-waiter"));
      Check.ok("the new epoch writes");
    }
  }

  /** The holder is cut off until its session has expired. */
  private void holderIsKilled(String server, Session admin, String name)
      throws Exception {
    int epoch = admin.stat(EPOCH).getVersion();
    try (Proxy proxy = new Proxy(server);
         Session holder = new Session(proxy.address(), Session.SHORT_MS);
         Session waiter = new Session(server)) {
      holder.zk.multi(electionOps("1", epoch));
      waiter.zk.exists(CONTROLLER, true);
      int timeoutMs = holder.zk.getSessionTimeout();
      long start = System.nanoTime();
      proxy.refuse();
      Check.equal("NodeDeleted " + CONTROLLER, waiter.watcher.next(),
          name + ": the waiter is told when the holder expires");
      long passedMs = (System.nanoTime() - start) / 1_000_000;
      // The last touch may be a third of the time-out older than the cut.
      Check.that(passedMs >= timeoutMs / 2,
          name + ": not early (" + passedMs + " ms)");
      Check.that(passedMs <= timeoutMs + 2_500,
          name + ": at most 2.5 s late (" + passedMs + " ms)");
      waiter.zk.multi(electionOps("2", epoch + 1));
      proxy.heal();
      holder.watcher.await(KeeperState.Expired);
      Check.fails(Code.SESSIONEXPIRED,
          () -> holder.zk.exists(CONTROLLER, false),
          name + ": the old holder learns that it has expired");
      staleWriteFails(admin, epoch + 1, name);
    }
  }

  /** A write under an epoch that is over. */
  private void staleWriteFails(Session session, int epoch, String name)
      throws Exception {
    List<Integer> codes = Check.multiFails(
        () -> session.zk.multi(fenced(epoch, "/stale")));
    Check.equal(List.of(BAD_VERSION, NOT_RUN), codes,
        name + ": a write of the old epoch fails at index 0");
    Check.that(!session.exists("/stale"), name + ": and leaves nothing");
  }

  private static CompletableFuture<Outcome> elect(Session session,
      String broker, int epoch) {
    CompletableFuture<Outcome> outcome = new CompletableFuture<>();
    session.zk.multi(electionOps(broker, epoch),
        (rc, path, context, results) ->
            outcome.complete(new Outcome(rc, results)), null);
    return outcome;
  }

  private static List<Op> electionOps(String broker, int epoch) {
    return List.of(
        Op.create(CONTROLLER, Check.bytes(broker), Ids.OPEN_ACL_UNSAFE,
            CreateMode.EPHEMERAL),
        Op.setData(EPOCH, Check.bytes(String.valueOf(epoch + 1)), epoch));
  }

  private static List<Op> fenced(int epoch, String path) {
    return List.of(Op.check(EPOCH, epoch),
        Op.create(path, Check.bytes(""), Ids.OPEN_ACL_UNSAFE,
            CreateMode.PERSISTENT));
  }
}
