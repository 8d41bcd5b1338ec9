package compat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.api.transaction.CuratorTransactionResult;
import org.apache.curator.x.async.AsyncCuratorFramework;
import org.apache.curator.x.async.api.CreateOption;
import org.apache.curator.x.async.api.DeleteOption;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.data.Stat;

/** What Curator's own API sends: plain and asynchronous. */
final class CuratorApi {
  private final String server;

  CuratorApi(String server) {
    this.server = server;
  }

  void framework() throws Exception {
    try (CuratorFramework client = Curators.start(server)) {
      createsAndDeletes(client);
      transaction(client);
      background(client);
      watches(client);
    }
    try (Session admin = new Session(server);
         CuratorFramework client = Curators.start(server)) {
      CuratorFramework below = client.usingNamespace("space");
      below.create().creatingParentsIfNeeded().forPath("/a/b",
          Check.bytes("x"));
      Check.equal("x", admin.get("/space/a/b"), "a namespace");
      Check.equal(List.of("a"), below.getChildren().forPath("/"),
          "its children");
    }
  }

  private void createsAndDeletes(CuratorFramework client) throws Exception {
    Stat stat = new Stat();
    Check.equal("/c/d/e", client.create().storingStatIn(stat)
        .creatingParentContainersIfNeeded().forPath("/c/d/e",
            Check.bytes("1")), "create with parents");
    Check.equal(client.checkExists().forPath("/c/d/e"), stat,
        "stat of the create");
    client.create().orSetData().forPath("/c/d/e", Check.bytes("2"));
    Check.equal("2", Check.text(client.getData().storingStatIn(stat)
        .forPath("/c/d/e")), "create or set");
    Check.equal(1, stat.getVersion(), "version after it");
    Check.equal("/c/ttl", client.create().withTtl(3_600_000)
        .withMode(CreateMode.PERSISTENT_WITH_TTL).forPath("/c/ttl"), "TTL");
    Check.fails(Code.BADVERSION, () -> client.setData().withVersion(7)
        .forPath("/c/d/e", null), "set by version");
    client.setACL().withVersion(0).withACL(Ids.READ_ACL_UNSAFE)
        .forPath("/c/ttl");
    Check.equal(Ids.READ_ACL_UNSAFE, client.getACL().forPath("/c/ttl"),
        "ACL");
    Check.fails(Code.NOTEMPTY, () -> client.delete().forPath("/c"),
        "delete of a parent");
    client.delete().guaranteed().deletingChildrenIfNeeded().forPath("/c");
    client.delete().quietly().forPath("/c");
    Check.equal(null, client.checkExists().forPath("/c"), "all deleted");
    client.create().idempotent().forPath("/same", Check.bytes("1"));
    client.create().idempotent().forPath("/same", Check.bytes("1"));
    client.sync().forPath("/same");
    Check.ok("idempotent create, and sync");
  }

  private void transaction(CuratorFramework client) throws Exception {
    List<CuratorTransactionResult> results = client.transaction().forOperations(
        client.transactionOp().create().forPath("/tx", Check.bytes("1")),
        client.transactionOp().check().withVersion(0).forPath("/tx"),
        client.transactionOp().setData().withVersion(0).forPath("/tx",
            Check.bytes("2")),
        client.transactionOp().create()
            .withMode(CreateMode.EPHEMERAL_SEQUENTIAL).forPath("/tx/s"),
        client.transactionOp().delete().forPath("/tx/s0000000000"));
    Check.equal(List.of("/tx", "/tx/s0000000000"), List.of(
        results.get(0).getResultPath(), results.get(3).getResultPath()),
        "paths of a transaction");
    Check.equal(1, results.get(2).getResultStat().getVersion(),
        "stat of a transaction");
    Check.fails(Code.BADVERSION, () -> client.transaction().forOperations(
        client.transactionOp().create().forPath("/tx2"),
        client.transactionOp().check().withVersion(9).forPath("/tx")),
        "a transaction that fails");
    Check.equal(null, client.checkExists().forPath("/tx2"),
        "leaves nothing");
  }

  private void background(CuratorFramework client) throws Exception {
    BlockingQueue<String> replies = new LinkedBlockingQueue<>();
    for (int i = 0; i < 1_000; i++) {
      client.create().withMode(CreateMode.PERSISTENT).inBackground(
          (c, event) -> replies.add(event.getResultCode() + event.getPath()))
          .forPath("/bg" + i, null);
    }
    List<String> got = new ArrayList<>();
    List<String> expected = new ArrayList<>();
    for (int i = 0; i < 1_000; i++) {
      got.add(replies.poll(Check.DEADLINE_MS, TimeUnit.MILLISECONDS));
      expected.add("0/bg" + i);
    }
    Collections.sort(got);
    Collections.sort(expected);
    Check.equal(expected, got, "1,000 creates in the background");
  }

  private void watches(CuratorFramework client) throws Exception {
    Events persistent = new Events();
    Events recursive = new Events();
    client.watchers().add().withMode(AddWatchMode.PERSISTENT)
        .usingWatcher(persistent).forPath("/cw");
    client.watchers().add().withMode(AddWatchMode.PERSISTENT_RECURSIVE)
        .usingWatcher(recursive).forPath("/cr");
    client.create().forPath("/cw");
    client.create().forPath("/cw/c");
    client.create().creatingParentsIfNeeded().forPath("/cr/a/b");
    Check.equal(List.of("NodeCreated /cw", "NodeChildrenChanged /cw"),
        List.of(persistent.next(), persistent.next()), "persistent watch");
    Check.equal(List.of("NodeCreated /cr", "NodeCreated /cr/a",
        "NodeCreated /cr/a/b"), List.of(recursive.next(), recursive.next(),
        recursive.next()), "recursive watch");
    client.watchers().removeAll().forPath("/cr");
    Check.equal("PersistentWatchRemoved /cr", recursive.next(),
        "watches removed");
  }

  void async() throws Exception {
    try (CuratorFramework client = Curators.start(server)) {
      AsyncCuratorFramework async = AsyncCuratorFramework.wrap(client);
      Check.equal("/x/y", async.create().withOptions(EnumSet.of(
          CreateOption.createParentsAsContainers, CreateOption.compress),
          CreateMode.PERSISTENT).forPath("/x/y", Check.bytes("x"))
          .toCompletableFuture().get(60, TimeUnit.SECONDS), "create");
      Check.equal("x", Check.text(async.getData().decompressed()
          .forPath("/x/y").toCompletableFuture().get(60, TimeUnit.SECONDS)),
          "compressed data");
      var watched = async.watched().getData().forPath("/x/y");
      watched.toCompletableFuture().get(60, TimeUnit.SECONDS);
      async.setData().withVersion(0).forPath("/x/y", Check.bytes("z"))
          .toCompletableFuture().get(60, TimeUnit.SECONDS);
      WatchedEvent event = watched.event().toCompletableFuture()
          .get(60, TimeUnit.SECONDS);
      Check.equal("NodeDataChanged /x/y", Events.name(event),
          "the stage of a watch");
      Check.equal(2, async.transaction().forOperations(List.of(
          async.transactionOp().create().forPath("/x/t"),
          async.transactionOp().delete().forPath("/x/t")))
          .toCompletableFuture().get(60, TimeUnit.SECONDS).size(),
          "transaction");
      Throwable failure = async.delete().withVersion(9).forPath("/x/y")
          .handle((nothing, error) -> error).toCompletableFuture()
          .get(60, TimeUnit.SECONDS);
      Check.equal(Code.BADVERSION, ((KeeperException) failure).code(),
          "a failure completes the stage");
      async.delete().withOptions(EnumSet.of(
          DeleteOption.deletingChildrenIfNeeded, DeleteOption.guaranteed))
          .forPath("/x").toCompletableFuture().get(60, TimeUnit.SECONDS);
      Check.equal(null, async.checkExists().forPath("/x")
          .toCompletableFuture().get(60, TimeUnit.SECONDS), "deleted");
    }
  }
}
