package compat;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.barriers.DistributedBarrier;
import org.apache.curator.framework.recipes.barriers.DistributedDoubleBarrier;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.leader.LeaderLatchListener;
import org.apache.curator.framework.recipes.leader.LeaderSelector;
import org.apache.curator.framework.recipes.leader.LeaderSelectorListenerAdapter;
import org.apache.curator.framework.recipes.nodes.GroupMember;
import org.apache.curator.framework.recipes.nodes.PersistentNode;
import org.apache.zookeeper.CreateMode;

/** Curator's elections, barriers and memberships. */
final class CuratorLeaders {
  private static final int MEMBERS = 3;

  private final String server;

  CuratorLeaders(String server) {
    this.server = server;
  }

  /** One candidate with a connection of its own. */
  private final class Candidate implements AutoCloseable {
    private final Proxy proxy = new Proxy(server);
    private final CuratorFramework client =
        Curators.start(proxy.address(), Session.SHORT_MS);
    private final LeaderLatch latch;

    Candidate(int id, Signal signal) throws Exception {
      latch = new LeaderLatch(client, "/latch", "c" + id);
      latch.addListener(new LeaderLatchListener() {
        @Override
        public void isLeader() {
          signal.changed();
        }

        @Override
        public void notLeader() {
          signal.changed();
        }
      });
      latch.start();
    }

    @Override
    public void close() throws Exception {
      if (latch.getState() == LeaderLatch.State.STARTED) {
        latch.close();
      }
      client.close();
      proxy.close();
    }
  }

  void leaderLatch() throws Exception {
    Signal signal = new Signal();
    List<Candidate> all = new ArrayList<>();
    for (int i = 0; i < MEMBERS + 1; i++) {
      all.add(new Candidate(i, signal));
    }
    Candidate leader = awaitLeader(all, signal, "a first leader");
    signal.await(
        () -> leader.latch.getParticipants().size() == MEMBERS + 1,
        "all are participants");

    all.remove(leader);
    leader.close();
    Candidate second = awaitLeader(all, signal, "another when it closes");
    Check.that(second != leader, "who is not the first");

    // Cut off until its session has expired: it gives up before another leads.
    second.proxy.refuse();
    signal.await(() -> !second.latch.hasLeadership(),
        "who is cut off gives up");
    List<Candidate> rest = new ArrayList<>(all);
    rest.remove(second);
    Candidate third = awaitLeader(rest, signal, "another after the expiry");
    second.proxy.heal();
    signal.await(() -> third.latch.getParticipants().size() == all.size(),
        "who was cut off takes part again");
    Check.that(!second.latch.hasLeadership() && third.latch.hasLeadership(),
        "behind the others");

    // A short cut: the session lives, and its node with it.
    third.proxy.cut();
    awaitLeader(all, signal, "a leader after a short cut");
    for (Candidate candidate : all) {
      candidate.close();
    }
  }

  private static Candidate awaitLeader(List<Candidate> all, Signal signal,
      String what) throws Exception {
    List<Candidate> leaders = new ArrayList<>();
    signal.await(() -> {
      leaders.clear();
      all.stream().filter(c -> c.latch.hasLeadership()).forEach(leaders::add);
      Check.require(leaders.size() <= 1, "one leader at a time");
      return leaders.size() == 1;
    }, what);
    return leaders.get(0);
  }

  void leaderSelector() throws Exception {
    AtomicInteger leading = new AtomicInteger();
    AtomicInteger overlaps = new AtomicInteger();
    BlockingQueue<Integer> terms = new LinkedBlockingQueue<>();
    List<AutoCloseable> open = new ArrayList<>();
    List<Proxy> proxies = new ArrayList<>();
    for (int i = 0; i < MEMBERS; i++) {
      int id = i;
      Proxy proxy = new Proxy(server);
      CuratorFramework client =
          Curators.start(proxy.address(), Session.SHORT_MS);
      LeaderSelector selector = new LeaderSelector(client, "/selector",
          new LeaderSelectorListenerAdapter() {
            @Override
            public void takeLeadership(CuratorFramework unused) {
              if (leading.incrementAndGet() > 1) {
                overlaps.incrementAndGet();
              }
              terms.add(id);
              leading.decrementAndGet();
            }
          });
      selector.autoRequeue();
      selector.start();
      proxies.add(proxy);
      open.add(0, proxy);
      open.add(0, client);
      open.add(0, selector);
    }
    eachLeads(terms, "each leads in turn");
    for (Proxy proxy : proxies) {
      proxy.cut();
    }
    terms.clear();
    eachLeads(terms, "each leads again after cuts");
    proxies.get(0).refuse();
    for (int i = 0; i < 2 * MEMBERS; i++) {
      Check.require(terms.poll(Check.DEADLINE_MS, TimeUnit.MILLISECONDS)
          != null, "the others lead on without the first");
    }
    proxies.get(0).heal();
    terms.clear();
    eachLeads(terms, "each leads again after an outage of one");
    for (AutoCloseable one : open) {
      one.close();
    }
    Check.equal(0, overlaps.get(), "never two at a time");
  }

  private static void eachLeads(BlockingQueue<Integer> terms, String what)
      throws InterruptedException {
    Set<Integer> seen = new HashSet<>();
    long end = System.nanoTime() + Check.DEADLINE_MS * 1_000_000;
    while (seen.size() < MEMBERS) {
      Integer id = terms.poll(end - System.nanoTime(), TimeUnit.NANOSECONDS);
      Check.require(id != null, what + ", so far " + seen);
      seen.add(id);
    }
    Check.ok(what);
  }

  void barriers() throws Exception {
    List<CuratorFramework> clients = new ArrayList<>();
    for (int i = 0; i < MEMBERS; i++) {
      clients.add(Curators.start(server));
    }
    ExecutorService pool = Executors.newFixedThreadPool(MEMBERS);
    DistributedBarrier gate = new DistributedBarrier(clients.get(0), "/gate");
    gate.setBarrier();
    AtomicInteger passed = new AtomicInteger();
    List<Future<?>> waiting = new ArrayList<>();
    for (CuratorFramework client : clients) {
      Check.require(!new DistributedBarrier(client, "/gate")
          .waitOnBarrier(50, TimeUnit.MILLISECONDS), "the gate is shut");
      waiting.add(pool.submit(() -> {
        new DistributedBarrier(client, "/gate").waitOnBarrier();
        passed.incrementAndGet();
        return null;
      }));
    }
    Check.equal(0, passed.get(), "nobody passes a barrier that is set");
    gate.removeBarrier();
    for (Future<?> one : waiting) {
      one.get(Check.DEADLINE_MS, TimeUnit.MILLISECONDS);
    }
    Check.equal(MEMBERS, passed.get(), "all pass when it is removed");
    doubleBarrier(clients, pool);
    pool.shutdown();
    clients.forEach(CuratorFramework::close);
  }

  /** Nobody is through before all have entered, nor out before all leave. */
  private static void doubleBarrier(List<CuratorFramework> clients,
      ExecutorService pool) throws Exception {
    for (int round = 0; round < 5; round++) {
      AtomicInteger entering = new AtomicInteger();
      AtomicInteger leaving = new AtomicInteger();
      CountDownLatch quiet = new CountDownLatch(MEMBERS);
      List<Future<?>> all = new ArrayList<>();
      for (CuratorFramework client : clients) {
        all.add(pool.submit(() -> {
          DistributedDoubleBarrier barrier =
              new DistributedDoubleBarrier(client, "/double", MEMBERS);
          entering.incrementAndGet();
          Check.require(barrier.enter(Check.DEADLINE_MS,
              TimeUnit.MILLISECONDS), "enter");
          Check.require(entering.get() == MEMBERS, "all have entered");
          // An event of the entry that comes late wakes leave(), which takes
          // one remaining node of another member for the end.  Callbacks run
          // behind the events that came before them.
          client.checkExists().inBackground((c, event) -> quiet.countDown())
              .forPath("/double");
          Check.require(quiet.await(Check.DEADLINE_MS, TimeUnit.MILLISECONDS),
              "no event is under way");
          leaving.incrementAndGet();
          Check.require(barrier.leave(Check.DEADLINE_MS,
              TimeUnit.MILLISECONDS), "leave");
          Check.require(leaving.get() == MEMBERS, "all are leaving");
          return null;
        }));
      }
      for (Future<?> one : all) {
        one.get(2 * Check.DEADLINE_MS, TimeUnit.MILLISECONDS);
      }
    }
    Check.ok("double barrier: in together, out together, 5 times");
  }

  void groupMember() throws Exception {
    Signal signal = new Signal();
    List<Proxy> proxies = new ArrayList<>();
    List<CuratorFramework> clients = new ArrayList<>();
    List<GroupMember> members = new ArrayList<>();
    for (int i = 0; i < MEMBERS; i++) {
      Proxy proxy = new Proxy(server);
      CuratorFramework client =
          Curators.start(proxy.address(), Session.SHORT_MS);
      GroupMember member =
          new GroupMember(client, "/group", "m" + i, Check.bytes("data" + i));
      member.start();
      proxies.add(proxy);
      clients.add(client);
      members.add(member);
    }
    sees(signal, members, Set.of("m0", "m1", "m2"), "all see all");
    Check.equal("data1",
        Check.text(members.get(0).getCurrentMembers().get("m1")),
        "with their data");
    proxies.get(2).refuse();
    sees(signal, members.subList(0, 2), Set.of("m0", "m1"),
        "who is cut off for long is no member");
    proxies.get(2).heal();
    sees(signal, members, Set.of("m0", "m1", "m2"), "and is one again");
    members.get(1).close();
    sees(signal, List.of(members.get(0), members.get(2)),
        Set.of("m0", "m2"), "who closes is none");
    for (int i : List.of(0, 2)) {
      members.get(i).close();
    }
    persistentNode(clients.get(0), proxies.get(0), signal);
    for (int i = 0; i < MEMBERS; i++) {
      clients.get(i).close();
      proxies.get(i).close();
    }
  }

  private static void sees(Signal signal, List<GroupMember> members,
      Set<String> expected, String what) throws Exception {
    signal.await(() -> {
      for (GroupMember member : members) {
        Set<String> seen = ConcurrentHashMap.newKeySet();
        seen.addAll(member.getCurrentMembers().keySet());
        if (!new TreeSet<>(seen).equals(new TreeSet<>(expected))) {
          return false;
        }
      }
      return true;
    }, what);
  }

  /** An ephemeral that comes back when deleted, and after an expiry. */
  private void persistentNode(CuratorFramework client, Proxy proxy,
      Signal signal) throws Exception {
    try (Session admin = new Session(server);
         PersistentNode node = new PersistentNode(client,
             CreateMode.EPHEMERAL, false, "/kept", Check.bytes("x"))) {
      node.start();
      Check.that(node.waitForInitialCreate(Check.DEADLINE_MS,
          TimeUnit.MILLISECONDS), "persistent node created");
      long czxid = admin.stat("/kept").getCzxid();
      admin.zk.delete("/kept", -1);
      signal.await(() -> admin.exists("/kept")
          && admin.stat("/kept").getCzxid() > czxid,
          "it comes back when it is deleted");
      admin.zk.exists("/kept", true);
      long owner = admin.stat("/kept").getEphemeralOwner();
      proxy.refuse();
      Check.equal("NodeDeleted /kept", admin.watcher.next(),
          "it goes with its session");
      proxy.heal();
      signal.await(() -> admin.exists("/kept"), "and is back with the next");
      Check.that(admin.stat("/kept").getEphemeralOwner() != owner,
          "of another owner");
    }
  }
}
