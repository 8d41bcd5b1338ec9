package compat;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.data.Stat;

/**
 * A write commits, its reply is lost with the connection, and the client
 * tries again: it finds its own write, by an identity within the data.
 */
final class HbaseRetry implements Scenario {
  private static final int ROUNDS = 3;

  private Session observer;
  private Session client;
  private Proxy proxy;

  /** Starts an asynchronous request that completes with its code. */
  private interface Request {
    void send(CompletableFuture<Code> reply);
  }

  @Override
  public void run(String server, String[] args) throws Exception {
    observer = new Session(server);
    proxy = new Proxy(server);
    client = new Session(proxy.address());
    long id = client.id();
    for (int i = 0; i < ROUNDS; i++) {
      create("/create" + i, "client-1 round " + i);
      set("/create" + i, "client-1 set " + i);
      delete("/create" + i);
      sequential("/queue" + i, "client-1-");
      multi(i);
    }
    Check.equal(id, client.id(), "one session all along");
    client.close();
    proxy.close();
    observer.close();
  }

  private void create(String path, String data) throws Exception {
    observer.zk.exists(path, true);
    Request request = reply -> client.zk.create(path, Check.bytes(data),
        Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT,
        (rc, p, context, name) -> reply.complete(Code.get(rc)), null);
    loseReply(request, "NodeCreated " + path);
    Stat committed = observer.stat(path);
    Check.equal(Code.NODEEXISTS, answer(request), path + ": create again");
    Check.equal(data, client.get(path), path + ": it is the client's own");
    Check.equal(committed, client.stat(path), path + ": written once");
  }

  private void set(String path, String data) throws Exception {
    observer.zk.exists(path, true);
    Request request = reply -> client.zk.setData(path, Check.bytes(data), 0,
        (rc, p, context, stat) -> reply.complete(Code.get(rc)), null);
    loseReply(request, "NodeDataChanged " + path);
    Check.equal(Code.BADVERSION, answer(request), path + ": set again");
    Check.equal(data, client.get(path), path + ": the set was its own");
    Check.equal(1, client.stat(path).getVersion(), path + ": set once");
  }

  private void delete(String path) throws Exception {
    observer.zk.exists(path, true);
    Request request = reply -> client.zk.delete(path, 1,
        (rc, p, context) -> reply.complete(Code.get(rc)), null);
    loseReply(request, "NodeDeleted " + path);
    Check.equal(Code.NONODE, answer(request), path + ": delete again");
  }

  /** The own child is found by its prefix, and is the only one. */
  private void sequential(String parent, String prefix) throws Exception {
    observer.create(parent, "");
    observer.zk.getChildren(parent, true);
    loseReply(reply -> client.zk.create(parent + "/" + prefix, null,
        Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL_SEQUENTIAL,
        (rc, p, context, name) -> reply.complete(Code.get(rc)), null),
        "NodeChildrenChanged " + parent);
    Check.equal(List.of(prefix + "0000000000"),
        client.zk.getChildren(parent, false),
        parent + ": the client finds its own child");
    Check.equal(client.id(),
        client.stat(parent + "/" + prefix + "0000000000").getEphemeralOwner(),
        parent + ": of its own session");
  }

  private void multi(int round) throws Exception {
    String path = "/multi" + round;
    observer.zk.exists(path, true);
    List<Op> ops = List.of(Op.check("/", -1),
        Op.create(path, Check.bytes("client-1"), Ids.OPEN_ACL_UNSAFE,
            CreateMode.PERSISTENT), Op.setData(path, Check.bytes("x"), 0));
    loseReply(reply -> client.zk.multi(ops, (rc, p, context, results) ->
        reply.complete(Code.get(rc)), null), "NodeCreated " + path);
    Check.equal(List.of(0, Code.NODEEXISTS.intValue(),
        Code.RUNTIMEINCONSISTENCY.intValue()),
        Check.multiFails(() -> client.zk.multi(ops)), path + ": multi again");
    Check.equal(1, client.stat(path).getVersion(), path + ": done once");
  }

  /** Sends, sees it committed through the observer, and cuts. */
  private void loseReply(Request request, String event) throws Exception {
    observer.watcher.drain();
    client.watcher.clearStates();
    proxy.holdReplies();
    CompletableFuture<Code> reply = new CompletableFuture<>();
    request.send(reply);
    Check.equal(event, observer.watcher.next(), "committed: " + event);
    proxy.loseReplies();
    Check.equal(Code.CONNECTIONLOSS,
        reply.get(Check.DEADLINE_MS, TimeUnit.MILLISECONDS),
        "the client does not know");
    client.watcher.await(KeeperState.SyncConnected);
  }

  private static Code answer(Request request) throws Exception {
    CompletableFuture<Code> reply = new CompletableFuture<>();
    request.send(reply);
    return reply.get(Check.DEADLINE_MS, TimeUnit.MILLISECONDS);
  }
}
