package compat;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooDefs.Ids;

/**
 * Very many one-shot watches on one session: cut, changed meanwhile, and
 * registered again through setWatches in pieces.  Argument: how many.
 *
 * A tenth of the nodes exist and have a data and a child watch each; the
 * other watches wait for nodes that do not exist.
 */
final class DruidWatches implements Scenario {
  private static final int SESSION_MS = 120_000;
  private static final int IN_FLIGHT_MAX = 2_000;

  /** Counts events by name; the state of the session goes elsewhere. */
  private static final class Counter implements Watcher {
    private final Map<String, Integer> counts = new ConcurrentHashMap<>();

    @Override
    public void process(WatchedEvent event) {
      if (event.getType() != Event.EventType.None) {
        counts.merge(Events.name(event), 1, Integer::sum);
      }
    }

    Map<String, Integer> take() {
      Map<String, Integer> taken = new HashMap<>(counts);
      counts.clear();
      return taken;
    }
  }

  private final Counter counter = new Counter();
  private final Window window = new Window(IN_FLIGHT_MAX);
  private int present;
  private int absent;

  @Override
  public void run(String server, String[] args) throws Exception {
    int watches = Integer.parseInt(args[0]);
    present = watches / 10;
    absent = watches - 2 * present;
    try (Proxy proxy = new Proxy(server);
         Session writer = new Session(server, SESSION_MS);
         Session druid = new Session(proxy.address(), SESSION_MS)) {
      createNodes(writer);
      register(druid);
      druid.flush();
      Check.equal(Map.of(), counter.take(), "no event yet");
      changeWhileConnected(writer, druid);
      changeWhileCut(proxy, writer, druid);
      changeAgain(writer, druid);
    }
  }

  private static String node(int i) {
    return "/segments/n" + i;
  }

  private static String missing(int i) {
    return "/segments/missing/m" + i;
  }

  private void createNodes(Session writer) throws Exception {
    writer.createAll("/segments/missing");
    for (int i = 0; i < present; i++) {
      create(writer, node(i));
    }
    window.finish();
    Check.ok(present + " nodes");
  }

  private void register(Session druid) throws Exception {
    for (int i = 0; i < present; i++) {
      String path = node(i);
      window.enter();
      druid.zk.getData(path, counter, (rc, p, context, data, stat) ->
          window.leave(rc == 0, "get " + p), null);
      window.enter();
      druid.zk.getChildren(path, counter, (rc, p, context, children) ->
          window.leave(rc == 0, "children " + p), null);
    }
    for (int i = 0; i < absent; i++) {
      window.enter();
      druid.zk.exists(missing(i), counter, (rc, p, context, stat) ->
          window.leave(rc == Code.NONODE.intValue(), "exists " + p), null);
    }
    window.finish();
    Check.ok(2 * present + absent + " watches");
  }

  /** Indices that a phase changes: every hundredth, from {@code first}. */
  private static List<Integer> picked(int first, int limit) {
    List<Integer> picked = new ArrayList<>();
    for (int i = first; i < limit; i += 100) {
      picked.add(i);
    }
    return picked;
  }

  private void changeWhileConnected(Session writer, Session druid)
      throws Exception {
    Map<String, Integer> expected = new HashMap<>();
    changeSome(writer, 0, expected);
    druid.flush();
    Check.equal(expected, counter.take(),
        "connected: exactly the changed ones fire (" + expected.size() + ")");
  }

  private void changeWhileCut(Proxy proxy, Session writer, Session druid)
      throws Exception {
    long id = druid.id();
    druid.watcher.clearStates();
    proxy.refuse();
    druid.watcher.await(KeeperState.Disconnected);
    Map<String, Integer> expected = new HashMap<>();
    changeSome(writer, 1, expected);
    // Those of the first phase are no longer watched.
    changeSome(writer, 0, new HashMap<>());
    // Created and gone again: the watch just waits on.
    for (int i : picked(7, absent)) {
      create(writer, missing(i));
      delete(writer, missing(i));
    }
    // Gone and there again: changed, as far as a data watch can tell.
    for (int i : picked(8, present)) {
      delete(writer, node(i));
      create(writer, node(i));
      expected.put("NodeDataChanged " + node(i), 1);
      expected.put("NodeChildrenChanged " + node(i), 1);
    }
    window.finish();
    proxy.heal();
    druid.watcher.await(KeeperState.SyncConnected);
    druid.flush();
    Check.equal(id, druid.id(), "the session lives on");
    Map<String, Integer> got = counter.take();
    explain(expected, got);
    Check.equal(expected, got,
        "after the cut: exactly the changed ones fire (" + expected.size()
            + ")");
  }

  private void changeAgain(Session writer, Session druid) throws Exception {
    Map<String, Integer> expected = new HashMap<>();
    changeSome(writer, 2, expected);
    // The watch on what came and went is still there.
    for (int i : picked(7, absent)) {
      create(writer, missing(i));
      expected.put("NodeCreated " + missing(i), 1);
    }
    changeSome(writer, 1, new HashMap<>());
    window.finish();
    druid.flush();
    Map<String, Integer> got = counter.take();
    explain(expected, got);
    Check.equal(expected, got, "registered again: exactly the changed ones "
        + "fire (" + expected.size() + ")");
  }

  /**
   * Sets a node's data, adds a child to the next, deletes the third, and
   * creates missing nodes; adds the events due to {@code expected}.
   */
  private void changeSome(Session writer, int phase,
      Map<String, Integer> expected) throws Exception {
    for (int i : picked(10 * phase + 10, present - 2)) {
      String set = node(i);
      window.enter();
      writer.zk.setData(set, Check.bytes("changed"), -1,
          (rc, p, context, stat) -> window.leave(rc == 0, "set " + p), null);
      expected.put("NodeDataChanged " + set, 1);

      String parent = node(i + 1);
      window.enter();
      writer.zk.create(parent + "/c", null, Ids.OPEN_ACL_UNSAFE,
          CreateMode.PERSISTENT_SEQUENTIAL, (rc, p, context, name) ->
              window.leave(rc == 0, "create " + p), null);
      expected.put("NodeChildrenChanged " + parent, 1);

      String deleted = node(i + 2);
      window.enter();
      writer.zk.delete(deleted, -1, (rc, p, context) ->
          window.leave(rc == 0 || rc == Code.NONODE.intValue(),
              "delete " + p), null);
      expected.put("NodeDeleted " + deleted, 1);
    }
    for (int i : picked(10 * phase + 10, absent)) {
      window.enter();
      writer.zk.create(missing(i), null, Ids.OPEN_ACL_UNSAFE,
          CreateMode.PERSISTENT, (rc, p, context, name) ->
              window.leave(rc == 0 || rc == Code.NODEEXISTS.intValue(),
                  "create " + p), null);
      expected.put("NodeCreated " + missing(i), 1);
    }
    window.finish();
  }

  private void create(Session writer, String path)
      throws InterruptedException {
    window.enter();
    writer.zk.create(path, null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT,
        (rc, p, context, name) -> window.leave(rc == 0, "create " + p), null);
  }

  private void delete(Session writer, String path)
      throws InterruptedException {
    window.enter();
    writer.zk.delete(path, -1,
        (rc, p, context) -> window.leave(rc == 0, "delete " + p), null);
  }

  /** Says what differs, for the maps are too large to read. */
  private static void explain(Map<String, Integer> expected,
      Map<String, Integer> got) {
    Map<String, Integer> lost = new HashMap<>(expected);
    lost.keySet().removeAll(got.keySet());
    Map<String, Integer> extra = new HashMap<>(got);
    extra.keySet().removeAll(expected.keySet());
    Check.require(lost.isEmpty() && extra.isEmpty(), lost.size()
        + " events missing, such as "
        + lost.keySet().stream().limit(5).toList() + "; " + extra.size()
        + " too many, such as " + extra.keySet().stream().limit(5).toList());
  }
}
