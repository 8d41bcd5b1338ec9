package compat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.OpResult;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooDefs.Perms;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Id;

/** Pulsar's metadata store: batches, and one recursive watch on the root. */
final class PulsarMetadata implements Scenario {
  private static final int BATCH = 1_000;

  @Override
  public void run(String server, String[] args) throws Exception {
    try (Session session = new Session(server);
         Session watching = new Session(server);
         Session other = new Session(server)) {
      watching.zk.addWatch("/", AddWatchMode.PERSISTENT_RECURSIVE);
      List<String> expected = createBatch(session);
      secretNode(other, expected);
      Check.equal(expected, watching.events(),
          "the recursive watch on / sees every create, in order");
      readBatch(session);
      failingBatches(session);
      Check.equal(List.of(), watching.events(), "a failed batch is no event");
      manyBatchesInFlight(session);
    }
    oversizeReply(server);
    oversizeRequest(server);
    watchAfterReconnect(server);
  }

  private List<String> createBatch(Session session) throws Exception {
    List<Op> ops = new ArrayList<>();
    List<String> events = new ArrayList<>();
    for (int i = 0; i < BATCH; i++) {
      ops.add(create("/b" + i, "value " + i));
      events.add("NodeCreated /b" + i);
    }
    List<OpResult> results = session.zk.multi(ops);
    List<String> paths = new ArrayList<>();
    for (OpResult result : results) {
      paths.add("NodeCreated " + ((OpResult.CreateResult) result).getPath());
    }
    Check.equal(events, paths, "a batch of " + BATCH + " creates");
    return events;
  }

  /** Only its creator may read it, so that the watcher is not told either. */
  private void secretNode(Session owner, List<String> events)
      throws Exception {
    owner.zk.addAuthInfo("digest", Check.bytes("owner:pw"));
    owner.zk.create("/secret", Check.bytes("s"), Ids.CREATOR_ALL_ACL,
        CreateMode.PERSISTENT);
    owner.create("/last", "");
    events.add("NodeCreated /last");
  }

  private void readBatch(Session session) throws Exception {
    List<Op> ops = new ArrayList<>();
    List<String> expected = new ArrayList<>();
    for (int i = 0; i < BATCH; i++) {
      switch (i) {
        case 300 -> {
          ops.add(Op.getData("/missing"));
          expected.add("error " + Code.NONODE.intValue());
        }
        case 500 -> {
          ops.add(Op.getData("/secret"));
          expected.add("error " + Code.NOAUTH.intValue());
        }
        case 700 -> {
          ops.add(Op.getChildren("/missing"));
          expected.add("error " + Code.NONODE.intValue());
        }
        case 800 -> {
          ops.add(Op.getChildren("/zookeeper"));
          expected.add("children [config, quota]");
        }
        default -> {
          ops.add(Op.getData("/b" + i));
          expected.add("data value " + i + " version 0");
        }
      }
    }
    List<String> got = new ArrayList<>();
    for (OpResult result : session.zk.multi(ops)) {
      got.add(describe(result));
    }
    Check.equal(expected, got,
        "a batch of " + BATCH + " reads: each entry its own result");
    Check.equal(List.of(), session.zk.multi(List.of()), "an empty batch");
  }

  private static String describe(OpResult result) {
    if (result instanceof OpResult.ErrorResult error) {
      return "error " + error.getErr();
    }
    if (result instanceof OpResult.GetDataResult data) {
      return "data " + Check.text(data.getData()) + " version "
          + data.getStat().getVersion();
    }
    List<String> children =
        new ArrayList<>(((OpResult.GetChildrenResult) result).getChildren());
    Collections.sort(children);
    return "children " + children;
  }

  /** A batch with one bad entry fails as a whole; the rest goes singly. */
  private void failingBatches(Session session) throws Exception {
    for (int bad : List.of(0, 499, BATCH - 1)) {
      List<Op> ops = new ArrayList<>();
      List<Integer> expected = new ArrayList<>();
      for (int i = 0; i < BATCH; i++) {
        boolean fails = i == bad;
        ops.add(fails ? create("/b1", "x") : create("/c" + i, "x"));
        expected.add(fails ? Code.NODEEXISTS.intValue()
            : i < bad ? 0 : Code.RUNTIMEINCONSISTENCY.intValue());
      }
      Check.equal(expected, Check.multiFails(() -> session.zk.multi(ops)),
          "entry " + bad + " fails: codes of all entries");
      Check.that(!session.exists("/c0") && !session.exists("/c998"),
          "and nothing is there");
    }
  }

  /** 500 batches outstanding, of reads and of writes. */
  private void manyBatchesInFlight(Session session) throws Exception {
    List<CompletableFuture<List<Integer>>> replies = new ArrayList<>();
    for (int i = 0; i < 250; i++) {
      List<Op> writes = List.of(create("/w" + i, "1"),
          Op.setData("/w" + i, Check.bytes("2"), 0));
      List<Op> reads = List.of(Op.getData("/w" + i), Op.getData("/gone"));
      for (List<Op> ops : List.of(writes, reads)) {
        CompletableFuture<List<Integer>> reply = new CompletableFuture<>();
        session.zk.multi(ops, (rc, path, context, results) ->
            reply.complete(Check.codes(results)), null);
        replies.add(reply);
      }
    }
    for (int i = 0; i < replies.size(); i++) {
      List<Integer> expected = i % 2 == 0 ? List.of(0, 0)
          : List.of(0, Code.NONODE.intValue());
      Check.require(expected.equals(replies.get(i)
          .get(Check.DEADLINE_MS, TimeUnit.MILLISECONDS)),
          "batch " + i + " in flight has codes " + expected);
    }
    Check.ok("500 batches in flight");
  }

  /** The client refuses the reply and reconnects; singly each read works. */
  private void oversizeReply(String server) throws Exception {
    try (Session session = new Session(server)) {
      String big = "x".repeat(200_000);
      List<Op> reads = new ArrayList<>();
      for (int i = 0; i < 10; i++) {
        session.create("/big" + i, big);
        reads.add(Op.getData("/big" + i));
      }
      long id = session.id();
      Check.fails(Code.CONNECTIONLOSS, () -> session.zk.multi(reads),
          "an oversize reply is a clean error");
      session.watcher.await(KeeperState.SyncConnected);
      for (int i = 0; i < 10; i++) {
        Check.require(big.equals(session.get("/big" + i)), "read singly");
      }
      Check.equal(id, session.id(), "the session lives on");
    }
  }

  private void oversizeRequest(String server) throws Exception {
    try (Session session = new Session(server)) {
      List<Op> writes = new ArrayList<>();
      for (int i = 0; i < 10; i++) {
        writes.add(create("/huge" + i, "x".repeat(200_000)));
      }
      Check.fails(Code.CONNECTIONLOSS, () -> session.zk.multi(writes),
          "an oversize request loses the connection");
      session.watcher.await(KeeperState.SyncConnected);
      Check.that(!session.exists("/huge0"), "and nothing was written");
    }
  }

  private void watchAfterReconnect(String server) throws Exception {
    try (Proxy proxy = new Proxy(server);
         Session writer = new Session(server);
         Session watching = new Session(proxy.address())) {
      watching.zk.addWatch("/", AddWatchMode.PERSISTENT_RECURSIVE);
      writer.create("/r1", "");
      Check.equal(List.of("NodeCreated /r1"), watching.events(),
          "seen before the cut");
      watching.watcher.clearStates();
      proxy.refuse();
      watching.watcher.await(KeeperState.Disconnected);
      writer.create("/r2", "");
      proxy.heal();
      watching.watcher.await(KeeperState.SyncConnected);
      Check.equal(List.of(), watching.events(),
          "what happens during a cut is not replayed");
      writer.create("/r2/c", "");
      Check.equal(List.of("NodeCreated /r2/c"), watching.events(),
          "seen after the reconnect");
    }
  }

  private static Op create(String path, String data) {
    return Op.create(path, Check.bytes(data),
        Check.acl(new ACL(Perms.ALL, new Id("world", "anyone"))),
        CreateMode.PERSISTENT);
  }
}
