package compat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.OpResult;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.data.Stat;

/**
 * Pipelined asynchronous calls, drawn from a seed and all sent at once.  A
 * model predicts every callback and every watch event, in order.  Arguments:
 * how many calls, seed.
 */
final class JavaAsync implements Scenario {
  private static final String ROOT = "/async";
  private static final int NAMES = 40;

  private final List<String> log =
      Collections.synchronizedList(new ArrayList<>());
  private final List<String> expected = new ArrayList<>();
  private final Watcher watcher = event -> {
    if (event.getType() != Watcher.Event.EventType.None) {
      log.add(Events.name(event));
    }
  };
  private final Model model = new Model(expected);
  private Session session;
  private Random random;

  @Override
  public void run(String server, String[] args) throws Exception {
    int calls = Integer.parseInt(args[0]);
    long seed = Long.parseLong(args[1]);
    random = new Random(seed);
    try (Session opened = new Session(server)) {
      session = opened;
      session.create(ROOT, "");
      for (int i = 0; i < calls; i++) {
        send(i);
      }
      session.flush();
      compare(seed);
      Check.equal(model.children().size(),
          session.stat(ROOT).getNumChildren(), "children in the end");
      for (String name : model.children()) {
        Check.require(model.data(name).equals(session.get(ROOT + "/" + name)),
            "data of " + name + " in the end");
      }
      Check.ok("data in the end");
    }
  }

  private void compare(long seed) {
    for (int i = 0; i < Math.min(expected.size(), log.size()); i++) {
      Check.require(expected.get(i).equals(log.get(i)), "seed " + seed
          + ", line " + i + ": expected <" + expected.get(i) + ">, got <"
          + log.get(i) + ">; before it: "
          + log.subList(Math.max(0, i - 5), i));
    }
    Check.equal(expected.size(), log.size(),
        "seed " + seed + ": callbacks and events, each in its place");
  }

  private void send(int i) {
    String name = "n" + random.nextInt(NAMES);
    int version = random.nextInt(4) - 1;
    String data = "d" + i;
    switch (random.nextInt(10)) {
      case 0, 1 -> create(i, name, data);
      case 2 -> createSequential(i, data);
      case 3 -> delete(i, name, version);
      case 4, 5 -> set(i, name, data, version);
      case 6 -> get(i, name, random.nextBoolean());
      case 7 -> exists(i, name, random.nextBoolean());
      case 8 -> list(i, random.nextBoolean());
      default -> multi(i, name, data, version);
    }
  }

  private void create(int i, String name, String data) {
    session.zk.create(ROOT + "/" + name, Check.bytes(data),
        Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT,
        (rc, path, context, created, stat) -> log.add(i + " create " + rc
            + (rc == 0 ? " " + created + " " + stat.getVersion() : "")), null);
    int rc = model.checkCreate(name);
    if (rc == 0) {
      model.create(name, data);
    }
    expected.add(i + " create " + rc
        + (rc == 0 ? " " + ROOT + "/" + name + " 0" : ""));
  }

  private void createSequential(int i, String data) {
    session.zk.create(ROOT + "/s-", Check.bytes(data), Ids.OPEN_ACL_UNSAFE,
        CreateMode.EPHEMERAL_SEQUENTIAL,
        (rc, path, context, created) -> log.add(i + " sequential " + rc + " "
            + created), null);
    String name = model.nextSequential("s-");
    model.create(name, data);
    expected.add(i + " sequential 0 " + ROOT + "/" + name);
  }

  private void delete(int i, String name, int version) {
    session.zk.delete(ROOT + "/" + name, version,
        (rc, path, context) -> log.add(i + " delete " + rc), null);
    int rc = model.checkVersion(name, version);
    if (rc == 0) {
      model.delete(name);
    }
    expected.add(i + " delete " + rc);
  }

  private void set(int i, String name, String data, int version) {
    session.zk.setData(ROOT + "/" + name, Check.bytes(data), version,
        (rc, path, context, stat) -> log.add(i + " set " + rc
            + (rc == 0 ? " " + stat.getVersion() : "")), null);
    int rc = model.checkVersion(name, version);
    if (rc == 0) {
      model.set(name, data);
    }
    expected.add(i + " set " + rc
        + (rc == 0 ? " " + model.version(name) : ""));
  }

  private void get(int i, String name, boolean watch) {
    session.zk.getData(ROOT + "/" + name, watch ? watcher : null,
        (rc, path, context, data, stat) -> log.add(i + " get " + rc
            + (rc == 0 ? " " + Check.text(data) + " " + stat.getVersion()
                : "")), null);
    int rc = model.checkVersion(name, -1);
    expected.add(i + " get " + rc + (rc == 0
        ? " " + model.data(name) + " " + model.version(name) : ""));
    if (rc == 0 && watch) {
      model.watchData(name);
    }
  }

  private void exists(int i, String name, boolean watch) {
    session.zk.exists(ROOT + "/" + name, watch ? watcher : null,
        (rc, path, context, stat) -> log.add(i + " exists " + rc
            + (rc == 0 ? " " + stat.getVersion() : "")), null);
    int rc = model.checkVersion(name, -1);
    expected.add(i + " exists " + rc
        + (rc == 0 ? " " + model.version(name) : ""));
    if (watch) {
      model.watchData(name);
    }
  }

  private void list(int i, boolean watch) {
    session.zk.getChildren(ROOT, watch ? watcher : null,
        (rc, path, context, children, stat) -> log.add(i + " list " + rc + " "
            + sorted(children) + describe(stat)), null);
    expected.add(i + " list 0 " + model.children() + model.describe());
    if (watch) {
      model.watchChildren();
    }
  }

  /** Check, set, and create of another node. */
  private void multi(int i, String name, String data, int version) {
    String other = "m" + random.nextInt(NAMES);
    session.zk.multi(List.of(Op.check(ROOT + "/" + name, version),
        Op.setData(ROOT + "/" + name, Check.bytes(data), -1),
        Op.create(ROOT + "/" + other, Check.bytes(data), Ids.OPEN_ACL_UNSAFE,
            CreateMode.PERSISTENT)),
        (rc, path, context, results) -> log.add(i + " multi " + rc + " "
            + Check.codes(results) + (rc == 0 ? " " + version(results) : "")),
        null);
    int check = model.checkVersion(name, version);
    int create = model.checkCreate(other);
    int notRun = Code.RUNTIMEINCONSISTENCY.intValue();
    if (check != 0) {
      expected.add(i + " multi " + check + " "
          + List.of(check, notRun, notRun));
    } else if (create != 0) {
      expected.add(i + " multi " + create + " " + List.of(0, 0, create));
    } else {
      model.set(name, data);
      model.create(other, data);
      expected.add(i + " multi 0 [0, 0, 0] " + model.version(name));
    }
  }

  private static int version(List<OpResult> results) {
    return ((OpResult.SetDataResult) results.get(1)).getStat().getVersion();
  }

  private static String describe(Stat stat) {
    return " cversion " + stat.getCversion() + " children "
        + stat.getNumChildren();
  }

  private static List<String> sorted(List<String> names) {
    List<String> copy = new ArrayList<>(names);
    Collections.sort(copy);
    return copy;
  }

  /** The children of one node, and the session's watches on them. */
  private static final class Model {
    private static final class Node {
      private String data;
      private int version;
    }

    private final List<String> events;
    private final TreeMap<String, Node> nodes = new TreeMap<>();
    private final java.util.Set<String> dataWatches =
        new java.util.HashSet<>();
    private boolean childWatch;
    private int creates;
    private int deletes;

    Model(List<String> events) {
      this.events = events;
    }

    int checkCreate(String name) {
      return nodes.containsKey(name) ? Code.NODEEXISTS.intValue() : 0;
    }

    int checkVersion(String name, int version) {
      Node node = nodes.get(name);
      if (node == null) {
        return Code.NONODE.intValue();
      }
      return version == -1 || version == node.version
          ? 0 : Code.BADVERSION.intValue();
    }

    String nextSequential(String prefix) {
      return prefix + String.format("%010d", creates);
    }

    void create(String name, String data) {
      Node node = new Node();
      node.data = data;
      nodes.put(name, node);
      creates++;
      fireData(name, "NodeCreated");
      fireChildren();
    }

    void delete(String name) {
      nodes.remove(name);
      deletes++;
      fireData(name, "NodeDeleted");
      fireChildren();
    }

    void set(String name, String data) {
      Node node = nodes.get(name);
      node.data = data;
      node.version++;
      fireData(name, "NodeDataChanged");
    }

    String data(String name) {
      return nodes.get(name).data;
    }

    int version(String name) {
      return nodes.get(name).version;
    }

    List<String> children() {
      return new ArrayList<>(nodes.keySet());
    }

    String describe() {
      return " cversion " + (creates + deletes) + " children "
          + nodes.size();
    }

    void watchData(String name) {
      dataWatches.add(name);
    }

    void watchChildren() {
      childWatch = true;
    }

    private void fireData(String name, String type) {
      if (dataWatches.remove(name)) {
        events.add(type + " " + ROOT + "/" + name);
      }
    }

    private void fireChildren() {
      if (childWatch) {
        childWatch = false;
        events.add("NodeChildrenChanged " + ROOT);
      }
    }
  }
}
