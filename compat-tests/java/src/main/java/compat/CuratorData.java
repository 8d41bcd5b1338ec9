package compat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.atomic.AtomicValue;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.cache.ChildData;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.queue.DistributedPriorityQueue;
import org.apache.curator.framework.recipes.queue.DistributedQueue;
import org.apache.curator.framework.recipes.queue.QueueBuilder;
import org.apache.curator.framework.recipes.queue.QueueConsumer;
import org.apache.curator.framework.recipes.queue.QueueSerializer;
import org.apache.curator.framework.recipes.queue.SimpleDistributedQueue;
import org.apache.curator.framework.recipes.shared.SharedCount;
import org.apache.curator.framework.recipes.shared.SharedCountListener;
import org.apache.curator.framework.recipes.shared.SharedCountReader;
import org.apache.curator.framework.recipes.shared.VersionedValue;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.retry.RetryForever;

/** Curator's queues, counters and caches. */
final class CuratorData {
  private static final int ITEMS = 60;

  private final String server;

  CuratorData(String server) {
    this.server = server;
  }

  void queues() throws Exception {
    simpleQueue();
    consumedQueue();
    priorityQueue();
  }

  private void simpleQueue() throws Exception {
    try (CuratorFramework producer = Curators.start(server);
         CuratorFramework taker = Curators.start(server)) {
      SimpleDistributedQueue in =
          new SimpleDistributedQueue(producer, "/queue/simple");
      SimpleDistributedQueue out =
          new SimpleDistributedQueue(taker, "/queue/simple");
      ExecutorService thread = Executors.newSingleThreadExecutor();
      Future<List<String>> taken = thread.submit(() -> {
        List<String> items = new ArrayList<>();
        for (int i = 0; i < ITEMS; i++) {
          items.add(Check.text(out.take()));
        }
        return items;
      });
      List<String> offered = new ArrayList<>();
      for (int i = 0; i < ITEMS; i++) {
        Check.require(in.offer(Check.bytes("item" + i)), "offer");
        offered.add("item" + i);
      }
      Check.equal(offered,
          taken.get(Check.DEADLINE_MS, TimeUnit.MILLISECONDS),
          "simple queue: each item once, in order");
      Check.equal(null, out.poll(), "then it is empty");
      thread.shutdown();
    }
  }

  /**
   * Curator's queue with a consumer that is cut off now and then.  Without a
   * lock an item whose delete is on its way in a cut is lost by design, so
   * that cuts come when all is consumed.
   */
  private void consumedQueue() throws Exception {
    BlockingQueue<String> consumed = new LinkedBlockingQueue<>();
    try (Proxy proxy = new Proxy(server);
         CuratorFramework producer = Curators.start(server);
         CuratorFramework taker = Curators.start(proxy.address());
         DistributedQueue<String> in = QueueBuilder
             .builder(producer, null, TEXT, "/queue/consumed").buildQueue();
         DistributedQueue<String> out = QueueBuilder
             .builder(taker, consumer(consumed), TEXT, "/queue/consumed")
             .buildQueue()) {
      in.start();
      out.start();
      Set<String> missing = new TreeSet<>();
      for (int i = 0; i < ITEMS; i++) {
        in.put("item" + i);
        missing.add("item" + i);
        if (i % 20 == 19) {
          consumeAll(missing, consumed);
          proxy.cut();
        }
      }
      Check.ok("queue with a consumer: all items, over cuts");
    }
  }

  private static void consumeAll(Set<String> missing,
      BlockingQueue<String> consumed) throws InterruptedException {
    while (!missing.isEmpty()) {
      String item = consumed.poll(Check.DEADLINE_MS, TimeUnit.MILLISECONDS);
      Check.require(item != null, "items " + missing + " are consumed");
      Check.require(missing.remove(item), item + " is consumed once");
    }
  }

  private void priorityQueue() throws Exception {
    BlockingQueue<String> consumed = new LinkedBlockingQueue<>();
    try (CuratorFramework client = Curators.start(server);
         DistributedPriorityQueue<String> in = QueueBuilder
             .builder(client, null, TEXT, "/queue/priority")
             .buildPriorityQueue(0)) {
      in.start();
      List<Integer> priorities = new ArrayList<>();
      for (int i = 0; i < 20; i++) {
        priorities.add(i);
      }
      Collections.shuffle(priorities, new Random(1));
      for (int priority : priorities) {
        in.put("p" + priority, priority);
      }
      Check.require(in.flushPuts(10, TimeUnit.SECONDS), "puts are done");
      try (DistributedPriorityQueue<String> out = QueueBuilder
          .builder(client, consumer(consumed), TEXT, "/queue/priority")
          .buildPriorityQueue(0)) {
        out.start();
        List<String> got = new ArrayList<>();
        List<String> expected = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
          got.add(consumed.poll(Check.DEADLINE_MS, TimeUnit.MILLISECONDS));
          expected.add("p" + i);
        }
        Check.equal(expected, got, "priority queue: by priority");
      }
    }
  }

  void counters() throws Exception {
    int clients = 4;
    int rounds = 20;
    ExecutorService pool = Executors.newFixedThreadPool(clients);
    List<Future<?>> all = new ArrayList<>();
    for (int i = 0; i < clients; i++) {
      all.add(pool.submit(() -> {
        count(rounds);
        return null;
      }));
    }
    for (Future<?> one : all) {
      one.get(2 * Check.DEADLINE_MS, TimeUnit.MILLISECONDS);
    }
    pool.shutdown();
    try (CuratorFramework client = Curators.start(server)) {
      Check.equal((long) clients * rounds, new DistributedAtomicLong(client,
          "/count/atomic", new RetryForever(1)).get().postValue(),
          "atomic long: no increment lost or done twice");
      try (SharedCount shared = new SharedCount(client, "/count/shared", 0)) {
        shared.start();
        Check.equal(clients * rounds, shared.getCount(), "shared count");
      }
    }
    listenToCount();
  }

  /** Counts up two counters, and cuts its connection between two steps. */
  private void count(int rounds) throws Exception {
    try (Proxy proxy = new Proxy(server);
         CuratorFramework client = Curators.start(proxy.address());
         SharedCount shared = new SharedCount(client, "/count/shared", 0)) {
      shared.start();
      DistributedAtomicLong atomic = new DistributedAtomicLong(client,
          "/count/atomic", new RetryForever(1));
      for (int i = 0; i < rounds; i++) {
        AtomicValue<Long> value = atomic.increment();
        Check.require(value.succeeded()
            && value.postValue() == value.preValue() + 1, "increment");
        VersionedValue<Integer> seen = shared.getVersionedValue();
        while (!shared.trySetCount(seen, seen.getValue() + 1)) {
          seen = shared.getVersionedValue();
        }
        if (i % 7 == 5) {
          proxy.cut();
        }
      }
    }
  }

  private void listenToCount() throws Exception {
    BlockingQueue<Integer> seen = new LinkedBlockingQueue<>();
    try (CuratorFramework first = Curators.start(server);
         CuratorFramework second = Curators.start(server);
         SharedCount writer = new SharedCount(first, "/count/heard", 7);
         SharedCount reader = new SharedCount(second, "/count/heard", 7)) {
      writer.start();
      reader.start();
      reader.addListener(new SharedCountListener() {
        @Override
        public void countHasChanged(SharedCountReader count, int value) {
          seen.add(value);
        }

        @Override
        public void stateChanged(CuratorFramework c, ConnectionState state) {}
      });
      Check.equal(7, reader.getCount(), "the seed value");
      for (int i = 100; i < 105; i++) {
        writer.setCount(i);
        Check.equal(i, seen.poll(Check.DEADLINE_MS, TimeUnit.MILLISECONDS),
            "a listener hears the count");
      }
    }
  }

  void caches() throws Exception {
    Signal signal = new Signal();
    try (Proxy proxy = new Proxy(server);
         CuratorFramework writer = Curators.start(server);
         CuratorFramework reader = Curators.start(proxy.address());
         CuratorCache cache = CuratorCache.build(reader, "/cache");
         CuratorCache single = CuratorCache.build(reader, "/cache",
             CuratorCache.Options.SINGLE_NODE_CACHE)) {
      cache.listenable().addListener((type, old, data) -> signal.changed());
      single.listenable().addListener((type, old, data) -> signal.changed());
      writer.create().forPath("/cache", Check.bytes("root"));
      writer.create().forPath("/cache/before", Check.bytes("1"));
      cache.start();
      single.start();
      Map<String, String> tree = new TreeMap<>();
      tree.put("/cache", "root");
      tree.put("/cache/before", "1");
      same(signal, cache, tree, "cache: what was there");
      Random random = new Random(3);
      for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 50; i++) {
          change(writer, random, tree);
        }
        same(signal, cache, tree, "cache: followed, round " + round);
        if (round < 3) {
          proxy.refuse();
          for (int i = 0; i < 30; i++) {
            change(writer, random, tree);
          }
          proxy.heal();
          same(signal, cache, tree, "cache: caught up after a cut");
        }
      }
      Check.equal(1L, single.stream().count(), "a cache of a single node");
      writer.delete().deletingChildrenIfNeeded().forPath("/cache");
      same(signal, cache, Map.of(), "cache: empty when all is deleted");
      signal.await(() -> single.size() == 0, "and the single one too");
    }
    oldCaches(signal);
  }

  private static void change(CuratorFramework writer, Random random,
      Map<String, String> tree) throws Exception {
    String path = "/cache/n" + random.nextInt(10);
    if (random.nextBoolean()) {
      path += "/c" + random.nextInt(5);
    }
    String prefix = path + "/";
    if (tree.containsKey(path) && random.nextInt(3) == 0) {
      writer.delete().deletingChildrenIfNeeded().forPath(path);
      String deleted = path;
      tree.keySet().removeIf(p -> p.equals(deleted) || p.startsWith(prefix));
    } else {
      String data = "d" + random.nextInt();
      writer.create().orSetData().creatingParentsIfNeeded()
          .forPath(path, Check.bytes(data));
      String parent = path.substring(0, path.lastIndexOf('/'));
      tree.computeIfAbsent(parent, p -> ANY);
      tree.put(path, data);
    }
  }

  /** Curator gives a parent that it makes data of its own choice. */
  private static final String ANY = "*";

  private static void same(Signal signal, CuratorCache cache,
      Map<String, String> tree, String what) throws Exception {
    signal.await(() -> {
      Map<String, String> seen = new TreeMap<>();
      cache.stream().forEach(node ->
          seen.put(node.getPath(), Check.text(node.getData())));
      return seen.keySet().equals(tree.keySet())
          && tree.entrySet().stream().allMatch(entry ->
              entry.getValue().equals(ANY)
                  || entry.getValue().equals(seen.get(entry.getKey())));
    }, what);
  }

  /** The caches of older Curator versions, which use one-shot watches. */
  @SuppressWarnings("deprecation")
  private void oldCaches(Signal signal) throws Exception {
    try (Proxy proxy = new Proxy(server);
         CuratorFramework writer = Curators.start(server);
         CuratorFramework reader = Curators.start(proxy.address());
         var children = new org.apache.curator.framework.recipes.cache
             .PathChildrenCache(reader, "/old", true);
         var tree = new org.apache.curator.framework.recipes.cache
             .TreeCache(reader, "/old");
         var node = new org.apache.curator.framework.recipes.cache
             .NodeCache(reader, "/old/n3")) {
      writer.create().forPath("/old");
      children.getListenable().addListener((c, event) -> signal.changed());
      tree.getListenable().addListener((c, event) -> signal.changed());
      node.getListenable().addListener(signal::changed);
      children.start(org.apache.curator.framework.recipes.cache
          .PathChildrenCache.StartMode.BUILD_INITIAL_CACHE);
      tree.start();
      node.start();
      for (int round = 0; round < 3; round++) {
        String data = "round" + round;
        proxy.refuse();
        for (int i = 0; i < 5; i++) {
          writer.create().orSetData().forPath("/old/n" + i,
              Check.bytes(data));
        }
        proxy.heal();
        signal.await(() -> children.getCurrentData().size() == 5
            && children.getCurrentData().stream().allMatch(
                child -> Arrays.equals(child.getData(), Check.bytes(data))),
            "children cache after a cut, round " + round);
        signal.await(() -> has(tree.getCurrentData("/old/n4"), data)
            && tree.getCurrentChildren("/old").size() == 5,
            "tree cache after a cut, round " + round);
        signal.await(() -> has(node.getCurrentData(), data),
            "node cache after a cut, round " + round);
      }
      writer.delete().deletingChildrenIfNeeded().forPath("/old");
      // The cache of children may make its parent anew, as a container.
      signal.await(() -> children.getCurrentData().isEmpty()
          && isEmpty(tree.getCurrentChildren("/old"))
          && node.getCurrentData() == null, "all empty in the end");
    }
  }

  /** Of a node that is not there too. */
  private static boolean isEmpty(Map<String, ChildData> children) {
    return children == null || children.isEmpty();
  }

  private static boolean has(ChildData node, String data) {
    return node != null && data.equals(Check.text(node.getData()));
  }

  private static QueueConsumer<String> consumer(BlockingQueue<String> to) {
    return new QueueConsumer<>() {
      @Override
      public void consumeMessage(String message) {
        to.add(message);
      }

      @Override
      public void stateChanged(CuratorFramework c, ConnectionState state) {}
    };
  }

  private static final QueueSerializer<String> TEXT =
      new QueueSerializer<>() {
        @Override
        public byte[] serialize(String item) {
          return Check.bytes(item);
        }

        @Override
        public String deserialize(byte[] bytes) {
          return Check.text(bytes);
        }
      };
}
