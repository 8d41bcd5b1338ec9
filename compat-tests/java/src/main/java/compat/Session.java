package compat;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.Stat;

/** A connected ZooKeeper client with an event queue as default watcher. */
final class Session implements AutoCloseable {
  /** Long enough not to expire on a busy machine. */
  static final int LONG_MS = 20_000;
  /** For sessions that are meant to expire soon. */
  static final int SHORT_MS = 2_500;

  final Events watcher = new Events();
  final ZooKeeper zk;

  Session(String connect, int timeoutMs) throws Exception {
    zk = new ZooKeeper(connect, timeoutMs, watcher);
    watcher.await(KeeperState.SyncConnected);
  }

  Session(String connect) throws Exception {
    this(connect, LONG_MS);
  }

  /** Re-attaches to a session. */
  Session(String connect, long id, byte[] password) throws Exception {
    zk = new ZooKeeper(connect, LONG_MS, watcher, id, password);
  }

  long id() {
    return zk.getSessionId();
  }

  /** Creates a persistent node that is open to all. */
  String create(String path, String data) throws Exception {
    return create(path, data, CreateMode.PERSISTENT);
  }

  String create(String path, String data, CreateMode mode) throws Exception {
    return zk.create(path, Check.bytes(data), Ids.OPEN_ACL_UNSAFE, mode);
  }

  /** Creates {@code path} and whatever is missing above it. */
  void createAll(String path) throws Exception {
    for (int end = path.indexOf('/', 1); ; end = path.indexOf('/', end + 1)) {
      String part = end < 0 ? path : path.substring(0, end);
      try {
        create(part, "");
      } catch (KeeperException.NodeExistsException e) {
        // Somebody was faster, which is as good.
      }
      if (end < 0) {
        return;
      }
    }
  }

  String get(String path) throws Exception {
    return Check.text(zk.getData(path, false, null));
  }

  Stat stat(String path) throws Exception {
    Stat stat = zk.exists(path, false);
    Check.require(stat != null, path + " exists");
    return stat;
  }

  boolean exists(String path) throws Exception {
    return zk.exists(path, false) != null;
  }

  /**
   * Waits for a round trip through this client's event thread.  Whatever the
   * server sent before its reply has then reached the watchers.
   */
  void flush() throws Exception {
    CompletableFuture<Integer> done = new CompletableFuture<>();
    zk.sync("/", (rc, path, context) -> done.complete(rc), null);
    int rc = done.get(Check.DEADLINE_MS, TimeUnit.MILLISECONDS);
    Check.require(rc == 0, "sync succeeds, rc " + rc);
  }

  /**
   * All events so far, those of every change that was acknowledged to anybody
   * before this call included.
   */
  List<String> events() throws Exception {
    flush();
    return watcher.drain();
  }

  @Override
  public void close() throws InterruptedException {
    zk.close();
  }
}
