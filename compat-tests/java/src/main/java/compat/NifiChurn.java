package compat;

import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.leader.LeaderSelector;
import org.apache.curator.framework.recipes.leader.LeaderSelectorListenerAdapter;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException.BadVersionException;
import org.apache.zookeeper.data.Stat;

/**
 * Tiny sessions, up to 1,000 connects a second: connect, one versioned set, an
 * ephemeral, close.  A leader selector runs beside them.  Argument: how many.
 *
 * A Java client costs too much processor time to reach that rate everywhere,
 * so that as many bare handshakes follow.
 */
final class NifiChurn implements Scenario {
  private static final int PER_SECOND = 1_000;
  private static final int STATES = 50;
  private static final int THREADS = 200;

  @Override
  public void run(String server, String[] args) throws Exception {
    int sessions = Integer.parseInt(args[0]);
    try (Session admin = new Session(server)) {
      admin.createAll("/nifi/state");
      admin.createAll("/nifi/live");
      for (int i = 0; i < STATES; i++) {
        if (!admin.exists("/nifi/state/s" + i)) {
          admin.create("/nifi/state/s" + i, "0");
        }
      }
      int writtenBefore = written(admin);
      Map<String, String> before = Mntr.read(server);
      selectorBeside(server, () -> {
        churn("sessions", sessions, number -> tinySession(server, number));
        churn("handshakes", sessions, number -> handshake(server));
      });
      Check.equal(writtenBefore + sessions, written(admin),
          "each session's versioned set counts once");
      Check.equal(0, admin.zk.getAllChildrenNumber("/nifi/live"),
          "no ephemeral is left");
      noLeak(server, before);
    }
  }

  /** One session of the churn. */
  private interface Visit {
    void run(int number) throws Exception;
  }

  private static void churn(String what, int visits, Visit visit)
      throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(THREADS);
    ScheduledExecutorService pace =
        Executors.newSingleThreadScheduledExecutor();
    Semaphore due = new Semaphore(0);
    pace.scheduleAtFixedRate(() -> due.release(PER_SECOND / 100), 0, 10,
        TimeUnit.MILLISECONDS);
    long start = System.nanoTime();
    List<Future<?>> all = new ArrayList<>();
    for (int i = 0; i < visits; i++) {
      int number = i;
      all.add(pool.submit(() -> {
        due.acquire();
        visit.run(number);
        return null;
      }));
    }
    for (Future<?> one : all) {
      one.get(10 * Check.DEADLINE_MS, TimeUnit.MILLISECONDS);
    }
    long ms = Math.max(1, (System.nanoTime() - start) / 1_000_000);
    pace.shutdownNow();
    pool.shutdownNow();
    Check.ok(visits + " " + what + ", none refused, " + 1000L * visits / ms
        + " a second");
  }

  /** Connects with a new session and closes it, in bare frames. */
  private static void handshake(String server) throws IOException {
    int colon = server.lastIndexOf(':');
    try (Socket socket = new Socket(server.substring(0, colon),
        Integer.parseInt(server.substring(colon + 1)))) {
      socket.setSoTimeout((int) Check.DEADLINE_MS);
      DataOutputStream out = new DataOutputStream(
          new BufferedOutputStream(socket.getOutputStream()));
      DataInputStream in = new DataInputStream(socket.getInputStream());
      out.writeInt(45);
      out.writeInt(0);  // Protocol version.
      out.writeLong(0);  // Last zxid seen.
      out.writeInt(Session.LONG_MS);
      out.writeLong(0);  // A new session.
      out.writeInt(16);
      out.write(new byte[17]);  // Password, and not read-only.
      out.flush();
      byte[] response = new byte[in.readInt()];
      in.readFully(response);
      Check.require(response.length == 37, "a full ConnectResponse");
      Check.require(ByteBuffer.wrap(response).getLong(8) != 0, "a session");
      out.writeInt(8);
      out.writeInt(1);  // Xid.
      out.writeInt(-11);  // Close the session.
      out.flush();
      byte[] reply = new byte[in.readInt()];
      in.readFully(reply);
      Check.require(reply.length == 16, "a bare reply header");
      Check.require(ByteBuffer.wrap(reply).getInt(12) == 0, "no error");
      Check.require(in.read() == -1, "the server closes");
    }
  }

  private static void tinySession(String server, int number)
      throws Exception {
    try (Session session = new Session(server)) {
      String path = "/nifi/state/s" + number % STATES;
      session.create("/nifi/live/n" + number, "", CreateMode.EPHEMERAL);
      while (true) {
        Stat stat = new Stat();
        session.zk.getData(path, false, stat);
        try {
          session.zk.setData(path, Check.bytes("" + number),
              stat.getVersion());
          break;
        } catch (BadVersionException e) {
          // Another session was faster: read again.
        }
      }
    }
  }

  private static int written(Session admin) throws Exception {
    int sum = 0;
    for (int i = 0; i < STATES; i++) {
      sum += admin.stat("/nifi/state/s" + i).getVersion();
    }
    return sum;
  }

  /** Three candidates lead in turn, one at a time, while {@code work} runs. */
  private static void selectorBeside(String server, Check.Action work)
      throws Exception {
    AtomicInteger leaders = new AtomicInteger();
    AtomicInteger terms = new AtomicInteger();
    AtomicInteger overlaps = new AtomicInteger();
    List<AutoCloseable> open = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      CuratorFramework client = Curators.start(server);
      LeaderSelector selector = new LeaderSelector(client, "/nifi/leader",
          new LeaderSelectorListenerAdapter() {
            @Override
            public void takeLeadership(CuratorFramework unused) {
              if (leaders.incrementAndGet() > 1) {
                overlaps.incrementAndGet();
              }
              terms.incrementAndGet();
              leaders.decrementAndGet();
            }
          });
      selector.autoRequeue();
      selector.start();
      open.add(0, client);
      open.add(0, selector);
    }
    work.run();
    for (AutoCloseable one : open) {
      one.close();
    }
    Check.equal(0, overlaps.get(), "never two leaders");
    Check.that(terms.get() > 0, "leaders were elected: " + terms.get());
  }

  /** Waits until connections, sessions and ephemerals are as before. */
  private static void noLeak(String server, Map<String, String> before)
      throws Exception {
    for (String key : List.of("zk_num_alive_connections",
        "zk_ephemerals_count", "zk_watch_count", "zk_global_sessions")) {
      long limit = Mntr.number(before, key);
      Mntr.awaitAtMost(server, key, limit);
      Check.ok(key + " is at most " + limit + ", as before");
    }
  }
}
