package compat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.ZooDefs.Ids;

/** Many requests in flight on one session, with watches in between. */
final class KafkaPipeline implements Scenario {
  private static final String EPOCH = "/controller_epoch";

  @Override
  public void run(String server, String[] args) throws Exception {
    try (Session session = new Session(server);
         Session reader = new Session(server)) {
      session.create(EPOCH, "0");
      session.create("/p", "");
      for (int depth : List.of(10, 100, 1000)) {
        fencedWritesWithWatches(session, depth);
        fencedOut(session, depth);
      }
      for (int depth : List.of(10, 200)) {
        readsNeverOvertakeEvents(session, reader, depth);
      }
    }
  }

  /**
   * For each node: read with a watch, set in a fenced multi, read again, all
   * in flight at once.  The client has one event thread, so that one list
   * shows the order in which the server sent replies and events.
   */
  private void fencedWritesWithWatches(Session session, int depth)
      throws Exception {
    String name = depth + " in flight";
    List<String> log = Collections.synchronizedList(new ArrayList<>());
    List<String> expected = new ArrayList<>();
    Watcher watcher = event -> log.add(Events.name(event));
    String base = session.create("/p/d", "", CreateMode.PERSISTENT_SEQUENTIAL);
    for (int i = 0; i < depth; i++) {
      String path = base + "/n" + i;
      session.zk.create(path, Check.bytes("a"), Ids.OPEN_ACL_UNSAFE,
          CreateMode.PERSISTENT,
          (rc, p, context, created) -> log.add("create " + rc + " " + p), null);
      session.zk.getData(path, watcher,
          (rc, p, context, data, stat) -> log.add("get " + rc + " " + p + " "
              + Check.text(data)), null);
      session.zk.multi(List.of(Op.check(EPOCH, 0),
          Op.setData(path, Check.bytes("b"), 0)),
          (rc, p, context, results) -> log.add("multi " + rc + " "
              + Check.codes(results)), null);
      session.zk.getData(path, false,
          (rc, p, context, data, stat) -> log.add("get " + rc + " " + p + " "
              + Check.text(data) + stat.getVersion()), null);
      expected.add("create 0 " + path);
      expected.add("get 0 " + path + " a");
      expected.add("NodeDataChanged " + path);
      expected.add("multi 0 [0, 0]");
      expected.add("get 0 " + path + " b1");
    }
    session.flush();
    Check.equal(expected, log, name + ": replies in order, each event before "
        + "the reply of the write that caused it");
  }

  /** All multis of an old epoch fail, and the session goes on. */
  private void fencedOut(Session session, int depth) throws Exception {
    List<List<Integer>> codes = Collections.synchronizedList(new ArrayList<>());
    for (int i = 0; i < depth; i++) {
      session.zk.multi(List.of(Op.check(EPOCH, 7),
          Op.create("/never" + i, null, Ids.OPEN_ACL_UNSAFE,
              CreateMode.PERSISTENT)),
          (rc, path, context, results) -> codes.add(Check.codes(results)),
          null);
    }
    session.flush();
    Check.equal(Collections.nCopies(depth,
        List.of(Code.BADVERSION.intValue(),
            Code.RUNTIMEINCONSISTENCY.intValue())), codes,
        depth + " fenced-out multis: each fails at index 0");
  }

  /**
   * While one session writes, another reads in a pipeline with one watch set:
   * no reply may show a version that is newer than the one its watch was set
   * on before the event of that watch has arrived.
   */
  private void readsNeverOvertakeEvents(Session writer, Session reader,
      int depth) throws Exception {
    String path =
        writer.create("/p/r", "", CreateMode.PERSISTENT_SEQUENTIAL);
    OrderChecker checker = new OrderChecker(reader, path);
    checker.arm();
    int writes = 2_000;
    AtomicInteger written = new AtomicInteger();
    for (int sent = 0; sent < writes; sent += depth) {
      CompletableFuture<Void> batch = new CompletableFuture<>();
      for (int i = 0; i < depth; i++) {
        boolean last = i == depth - 1;
        writer.zk.setData(path, Check.bytes("" + i), -1,
            (rc, p, context, stat) -> {
              written.incrementAndGet();
              if (last) {
                batch.complete(null);
              }
            }, null);
        checker.read();
      }
      batch.get(Check.DEADLINE_MS, TimeUnit.MILLISECONDS);
    }
    // The reads so far may have come before the last write: another session's.
    checker.read();
    reader.flush();
    Check.equal(writes, written.get(), depth + " writes at a time: all done");
    Check.equal(null, checker.violation, depth + " writes at a time: no reply "
        + "shows a change before its event");
    Check.that(checker.events > 0, "events arrived (" + checker.events + ")");
    Check.equal(writes, checker.lastVersion, "the last read has all writes");
  }

  /** All its state but {@code violation} lives in the reader's event thread. */
  private static final class OrderChecker {
    private final Session reader;
    private final String path;
    private int watchedVersion = -1;
    private int lastVersion = -1;
    private int events;
    private String violation;

    OrderChecker(Session reader, String path) {
      this.reader = reader;
      this.path = path;
    }

    void arm() {
      reader.zk.getData(path, this::fired, (rc, p, context, data, stat) -> {
        saw(stat.getVersion());
        watchedVersion = stat.getVersion();
      }, null);
    }

    void read() {
      reader.zk.getData(path, false,
          (rc, p, context, data, stat) -> saw(stat.getVersion()), null);
    }

    private void fired(org.apache.zookeeper.WatchedEvent event) {
      events++;
      watchedVersion = -1;
      arm();
    }

    private void saw(int version) {
      if (version < lastVersion) {
        violation = "version " + version + " after " + lastVersion;
      }
      if (watchedVersion >= 0 && version > watchedVersion) {
        violation = "version " + version + " shown while the watch on version "
            + watchedVersion + " had not fired";
      }
      lastVersion = version;
    }
  }
}
