package compat;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;

/**
 * Processes contend for a Curator mutex and are killed, paused and cut off
 * while they hold it.  The resource that it protects checks that a new holder
 * comes in only when the old one's node is gone, and takes no write whose
 * fencing token (czxid) is older than one it has seen.
 */
final class LockElection implements Scenario {
  static final String LOCK = "/election/lock";
  private static final int CONTENDERS = 5;
  private static final int WAITERS = 12;

  /** What a contender says; {@code out} leads back to it. */
  private record Message(String kind, String name, long token, String path,
      PrintStream out) {}

  private final BlockingQueue<Message> messages = new LinkedBlockingQueue<>();
  private final Map<String, Process> processes = new HashMap<>();
  private final Map<String, Proxy> proxies = new HashMap<>();
  private final Set<String> fenced = new HashSet<>();
  private Session admin;
  private Message holder;
  private long newestToken;

  @Override
  public void run(String server, String[] args) throws Exception {
    noHerdOnRelease(server);
    noHerdOnElection(server);
    try (Session session = new Session(server);
         ServerSocket resource = new ServerSocket(0, 50,
             InetAddress.getLoopbackAddress())) {
      admin = session;
      daemon(() -> accept(resource));
      for (int i = 0; i < CONTENDERS; i++) {
        start(server, "c" + i, resource.getLocalPort());
      }
      contend();
    } finally {
      for (Process process : processes.values()) {
        process.destroyForcibly();
        process.waitFor();
      }
    }
  }

  private void contend() throws Exception {
    sections(30, "no fault");
    Check.equal(Set.of(), fenced, "no write was fenced off without a fault");
    for (int round = 0; round < 2; round++) {
      Message killed = next();
      processes.remove(killed.name).destroyForcibly().waitFor();
      sections(10, "holder killed");

      Message paused = next();
      signal(paused.name, "STOP");
      paused.out.println("go");
      sections(10, "holder paused");
      signal(paused.name, "CONT");
      isFencedOff(paused.name);

      Message cut = next();
      proxies.get(cut.name).refuse();
      sections(10, "holder cut off");
      cut.out.println("go");
      isFencedOff(cut.name);
      proxies.get(cut.name).heal();
      comesBack(cut.name);
    }
  }

  /** Lets {@code count} holders in and out. */
  private void sections(int count, String what) throws Exception {
    for (int i = 0; i < count; i++) {
      Message enter = next();
      enter.out.println("go");
    }
    Check.ok(what + ": " + count + " sections, one at a time");
  }

  /** The next message that asks to enter, checked; answers all others. */
  private Message next() throws Exception {
    while (true) {
      Message message =
          messages.poll(Check.DEADLINE_MS, TimeUnit.MILLISECONDS);
      Check.require(message != null, "somebody gets the lock");
      if (message.kind.equals("enter")) {
        enter(message);
        return message;
      }
      answer(message);
    }
  }

  private void enter(Message message) throws Exception {
    Check.require(message.token > newestToken, "the token grows: "
        + message.token + " after " + newestToken);
    Check.require(holder == null || !admin.exists(holder.path), message.name
        + " enters while the node of " + holder + " is there");
    newestToken = message.token;
    holder = message;
  }

  private void answer(Message message) {
    if (message.kind.equals("write")) {
      boolean current = message.token == newestToken;
      if (!current) {
        fenced.add(message.name);
      }
      message.out.println(current ? "ok" : "stale");
    } else if (holder != null && holder.token == message.token) {
      holder = null;
    }
  }

  /** The write of who lost the lock without noticing is refused. */
  private void isFencedOff(String name) throws Exception {
    while (!fenced.remove(name)) {
      sectionsUntilMessage();
    }
    Check.ok("the write of the old holder is fenced off");
  }

  private void comesBack(String name) throws Exception {
    Message enter;
    do {
      enter = next();
      enter.out.println("go");
    } while (!enter.name.equals(name));
    Check.ok("who was cut off gets the lock again");
  }

  private void sectionsUntilMessage() throws Exception {
    next().out.println("go");
  }

  private void start(String server, String name, int port) throws Exception {
    Proxy proxy = new Proxy(server);
    proxies.put(name, proxy);
    Process process = new ProcessBuilder(
        System.getProperty("java.home") + "/bin/java", "-Xmx128m",
        "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=off", "-cp",
        System.getProperty("java.class.path"), Main.class.getName(),
        "lock_contender", proxy.address(), name, String.valueOf(port))
        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
        .redirectError(ProcessBuilder.Redirect.DISCARD).start();
    processes.put(name, process);
    Runtime.getRuntime().addShutdownHook(
        new Thread(process::destroyForcibly));
  }

  private void signal(String name, String signal) throws Exception {
    Process kill = new ProcessBuilder("sh", "-c",
        "kill -" + signal + " " + processes.get(name).pid()).start();
    Check.require(kill.waitFor() == 0, signal + " sent to " + name);
    if (signal.equals("STOP")) {
      awaitStopped(processes.get(name).pid());
    }
  }

  /** One thread takes the signal and stops the others, when it gets to run. */
  private static void awaitStopped(long pid) throws Exception {
    long deadline = System.nanoTime() + Check.DEADLINE_MS * 1_000_000;
    while (!isStopped(pid)) {
      Check.require(System.nanoTime() < deadline, "the process stops");
      Thread.yield();
    }
  }

  private static boolean isStopped(long pid) throws IOException {
    File[] threads = new File("/proc/" + pid + "/task").listFiles();
    for (File thread : threads) {
      String stat = Files.readString(thread.toPath().resolve("stat"));
      if (stat.charAt(stat.lastIndexOf(')') + 2) != 'T') {
        return false;
      }
    }
    return true;
  }

  private void accept(ServerSocket resource) {
    try {
      while (true) {
        Socket socket = resource.accept();
        daemon(() -> listen(socket));
      }
    } catch (IOException e) {
      // The scenario is over.
    }
  }

  private void listen(Socket socket) {
    try (BufferedReader in = new BufferedReader(new InputStreamReader(
             socket.getInputStream(), StandardCharsets.UTF_8));
         PrintStream out = new PrintStream(socket.getOutputStream(), true,
             StandardCharsets.UTF_8)) {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        String[] words = line.split(" ");
        messages.add(new Message(words[0], words[1],
            Long.parseLong(words[2]), words[3], out));
      }
    } catch (IOException e) {
      // The contender was killed.
    }
  }

  private static void daemon(Runnable body) {
    Thread thread = new Thread(body);
    thread.setDaemon(true);
    thread.start();
  }

  /** Each release wakes up one waiter, the next in line. */
  private void noHerdOnRelease(String server) throws Exception {
    try (Proxy proxy = new Proxy(server)) {
      BlockingQueue<Integer> holders = new LinkedBlockingQueue<>();
      BlockingQueue<Boolean> releases = new LinkedBlockingQueue<>();
      List<CuratorFramework> clients = new ArrayList<>();
      for (int i = 0; i < WAITERS; i++) {
        int id = i;
        CuratorFramework client = Curators.start(proxy.address());
        clients.add(client);
        daemon(() -> holdOnce(client, id, holders, releases));
      }
      InterProcessMutex any = new InterProcessMutex(clients.get(0), "/herd");
      new Signal().await(() -> any.getParticipantNodes().size() == WAITERS,
          "all wait for one lock");
      Set<Integer> held = new HashSet<>();
      for (int i = 0; i < WAITERS; i++) {
        Integer id = holders.poll(Check.DEADLINE_MS, TimeUnit.MILLISECONDS);
        Check.require(id != null && held.add(id), "each holds it once");
        Check.require(proxy.notifications() <= i,
            i + " releases woke " + proxy.notifications() + " waiters");
        releases.add(true);
      }
      for (CuratorFramework client : clients) {
        client.close();
      }
      Check.that(proxy.notifications() > 0
          && proxy.notifications() <= WAITERS - 1, "no herd: "
          + (WAITERS - 1) + " hand-overs, " + proxy.notifications()
          + " watch events");
    }
  }

  private static void holdOnce(CuratorFramework client, int id,
      BlockingQueue<Integer> holders, BlockingQueue<Boolean> releases) {
    try {
      InterProcessMutex mutex = new InterProcessMutex(client, "/herd");
      mutex.acquire();
      holders.add(id);
      releases.take();
      mutex.release();
    } catch (Exception e) {
      // The scenario misses this holder and says so.
    }
  }

  /** Each leader that goes wakes up one candidate. */
  private void noHerdOnElection(String server) throws Exception {
    try (Proxy proxy = new Proxy(server)) {
      List<CuratorFramework> clients = new ArrayList<>();
      List<LeaderLatch> latches = new ArrayList<>();
      for (int i = 0; i < WAITERS; i++) {
        CuratorFramework client = Curators.start(proxy.address());
        LeaderLatch latch = new LeaderLatch(client, "/herd-latch", "l" + i);
        latch.start();
        clients.add(client);
        latches.add(latch);
      }
      Signal signal = new Signal();
      signal.await(() -> latches.get(0).getParticipants().size() == WAITERS,
          "all are candidates");
      for (int i = 0; i < WAITERS; i++) {
        signal.await(() -> leader(latches) != null, "leader " + i);
        Check.require(proxy.notifications() <= i,
            i + " changes woke " + proxy.notifications() + " candidates");
        LeaderLatch leader = leader(latches);
        latches.remove(leader);
        leader.close();
      }
      for (CuratorFramework client : clients) {
        client.close();
      }
      Check.that(proxy.notifications() <= WAITERS - 1, "no herd: "
          + (WAITERS - 1) + " new leaders, " + proxy.notifications()
          + " watch events");
    }
  }

  private static LeaderLatch leader(List<LeaderLatch> latches) {
    return latches.stream().filter(LeaderLatch::hasLeadership).findFirst()
        .orElse(null);
  }
}
