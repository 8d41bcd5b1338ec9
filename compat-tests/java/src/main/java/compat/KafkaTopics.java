package compat;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.AsyncCallback.MultiCallback;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.ZooDefs.Ids;

/** A controller and an administrator create, follow and delete topics. */
final class KafkaTopics implements Scenario {
  private static final int TOPICS = 1_000;
  private static final int IN_FLIGHT_MAX = 50;
  private static final String EPOCH = "/controller_epoch";
  private static final String DELETIONS = "/admin/delete_topics";
  private static final String CHANGES = "/isr_change_notification";

  private final Window window = new Window(IN_FLIGHT_MAX);

  @Override
  public void run(String server, String[] args) throws Exception {
    try (Session admin = new Session(server);
         Session controller = new Session(server)) {
      for (String path : List.of("/brokers/topics", "/config/topics",
          DELETIONS, CHANGES)) {
        admin.createAll(path);
      }
      admin.create(EPOCH, "0");
      createTopics(controller);
      Check.equal(4 * TOPICS,
          admin.zk.getAllChildrenNumber("/brokers/topics"),
          "nodes below /brokers/topics");
      Check.equal(TOPICS, admin.zk.getAllChildrenNumber("/config/topics"),
          "nodes below /config/topics");
      notifications(admin, controller);
      deletions(admin, controller);
      for (String path : List.of("/brokers/topics", "/config/topics",
          DELETIONS, CHANGES)) {
        Check.equal(0, admin.zk.getAllChildrenNumber(path),
            path + " is empty at the end");
        Check.equal(0, admin.stat(path).getNumChildren(),
            path + " counts no child");
      }
    }
  }

  private void createTopics(Session controller) throws Exception {
    for (int i = 0; i < TOPICS; i++) {
      String topic = "/brokers/topics/t" + i;
      fenced(controller, create("/config/topics/t" + i));
      fenced(controller, create(topic));
      fenced(controller, create(topic + "/partitions"));
      fenced(controller, create(topic + "/partitions/0"));
      fenced(controller, create(topic + "/partitions/0/state"));
    }
    window.finish();
    Check.ok(TOPICS + " topics created by fenced multis");
  }

  /** Each broker note is seen once through the child watch, then deleted. */
  private void notifications(Session broker, Session controller)
      throws Exception {
    Follower follower = new Follower(controller, CHANGES);
    for (int i = 0; i < TOPICS; i++) {
      window.enter();
      broker.zk.create(CHANGES + "/isr_change_", Check.bytes("" + i),
          Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_SEQUENTIAL,
          (rc, path, context, created) -> done(rc, "create " + created), null);
    }
    Set<String> seen = new TreeSet<>();
    while (seen.size() < TOPICS) {
      for (String child : follower.next()) {
        if (seen.add(child)) {
          fenced(controller, Op.delete(CHANGES + "/" + child, 0));
        }
      }
    }
    window.finish();
    Set<String> expected = new TreeSet<>();
    for (int i = 0; i < TOPICS; i++) {
      expected.add(String.format("isr_change_%010d", i));
    }
    Check.equal(expected, seen, "all notifications seen, numbered in order");
    Check.equal(2 * TOPICS, broker.stat(CHANGES).getCversion(),
        "cversion counts creates and deletes");
    Check.equal(CHANGES + "/isr_change_" + String.format("%010d", TOPICS),
        broker.create(CHANGES + "/isr_change_", "",
            CreateMode.PERSISTENT_SEQUENTIAL), "numbers are never used again");
    broker.zk.delete(CHANGES + String.format("/isr_change_%010d", TOPICS), 0);
    follower.stop();
  }

  private void deletions(Session admin, Session controller) throws Exception {
    Follower follower = new Follower(controller, DELETIONS);
    for (int i = 0; i < TOPICS; i++) {
      String path = DELETIONS + "/t" + i;
      window.enter();
      admin.zk.create(path, null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT,
          (rc, p, context, created) -> done(rc, "create " + p), null);
    }
    Set<String> seen = new TreeSet<>();
    while (seen.size() < TOPICS) {
      for (String topic : follower.next()) {
        if (seen.add(topic)) {
          deleteTopic(controller, topic);
        }
      }
    }
    window.finish();
    follower.stop();
    Check.equal(TOPICS, seen.size(), "all deletions seen");
  }

  private void deleteTopic(Session controller, String name)
      throws InterruptedException {
    String topic = "/brokers/topics/" + name;
    fenced(controller, Op.delete(topic + "/partitions/0/state", -1));
    fenced(controller, Op.delete(topic + "/partitions/0", -1));
    fenced(controller, Op.delete(topic + "/partitions", -1));
    fenced(controller, Op.delete(topic, -1));
    fenced(controller, Op.delete("/config/topics/" + name, -1));
    fenced(controller, Op.delete(DELETIONS + "/" + name, -1));
  }

  private void fenced(Session session, Op op) throws InterruptedException {
    window.enter();
    MultiCallback callback = (rc, path, context, results) ->
        done(rc, op.getPath() + " " + Check.codes(results));
    session.zk.multi(List.of(Op.check(EPOCH, 0), op), callback, null);
  }

  private static Op create(String path) {
    return Op.create(path, Check.bytes("{}"), Ids.OPEN_ACL_UNSAFE,
        CreateMode.PERSISTENT);
  }

  private void done(int rc, String what) {
    window.leave(rc == 0, what + ": rc " + rc);
  }

  /** Lists the children of a node whenever its child watch fires. */
  private static final class Follower implements Watcher {
    private final Session session;
    private final String path;
    private final BlockingQueue<List<String>> lists =
        new LinkedBlockingQueue<>();
    private volatile boolean stopped;

    Follower(Session session, String path) {
      this.session = session;
      this.path = path;
      list();
    }

    @Override
    public void process(WatchedEvent event) {
      if (event.getType() == Event.EventType.NodeChildrenChanged && !stopped) {
        list();
      }
    }

    List<String> next() throws InterruptedException {
      List<String> list =
          lists.poll(Check.DEADLINE_MS, TimeUnit.MILLISECONDS);
      Check.require(list != null, "the child watch on " + path + " fires");
      return list;
    }

    void stop() {
      stopped = true;
    }

    private void list() {
      session.zk.getChildren(path, this,
          (rc, p, context, children, stat) ->
              lists.add(new ArrayList<>(children)), null);
    }
  }
}
