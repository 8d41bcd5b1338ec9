package compat;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.locks.InterProcessMultiLock;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.locks.Lease;
import org.apache.zookeeper.CreateMode;

/**
 * Curator's locks: each recipe's guarantee, with connections cut in between,
 * its parent swept afterwards, and protected names found again.
 */
final class CuratorLocks {
  private static final int CLIENTS = 4;
  private static final int ROUNDS = 8;

  /** What each of several clients does, ROUNDS times. */
  private interface Work {
    void run(CuratorFramework client, int round) throws Exception;
  }

  private final String server;
  private final AtomicInteger inside = new AtomicInteger();
  private final AtomicInteger insideMax = new AtomicInteger();

  CuratorLocks(String server) {
    this.server = server;
  }

  void mutex() throws Exception {
    fromAllClients((client, round) -> {
      InterProcessMutex mutex = new InterProcessMutex(client, "/lock/mutex");
      mutex.acquire();
      enter();
      mutex.acquire();
      Check.require(mutex.isOwnedByCurrentThread(), "the mutex is owned");
      mutex.release();
      leave();
      mutex.release();
    });
    Check.equal(1, insideMax.get(), "mutex: one holder at a time");
    try (CuratorFramework first = Curators.start(server);
         CuratorFramework second = Curators.start(server)) {
      InterProcessMutex held = new InterProcessMutex(first, "/lock/timed");
      InterProcessMutex tried = new InterProcessMutex(second, "/lock/timed");
      held.acquire();
      Check.that(!tried.acquire(300, TimeUnit.MILLISECONDS),
          "a held mutex is not acquired within a time");
      Check.equal(1, held.getParticipantNodes().size(),
          "who gave up has left no node");
      held.release();
      Check.that(tried.acquire(Check.DEADLINE_MS, TimeUnit.MILLISECONDS),
          "a free one is");
      tried.release();
      InterProcessMultiLock both = new InterProcessMultiLock(first,
          List.of("/lock/m1", "/lock/m2"));
      both.acquire();
      Check.that(!new InterProcessMutex(second, "/lock/m2")
          .acquire(200, TimeUnit.MILLISECONDS), "a multi lock holds its parts");
      both.release();
    }
    swept("/lock/mutex");
  }

  void readWriteLock() throws Exception {
    AtomicInteger readers = new AtomicInteger();
    AtomicInteger writers = new AtomicInteger();
    fromAllClients((client, round) -> {
      InterProcessReadWriteLock lock =
          new InterProcessReadWriteLock(client, "/lock/rw");
      if (round % 3 == 0) {
        lock.writeLock().acquire();
        Check.require(writers.incrementAndGet() == 1 && readers.get() == 0,
            "a writer is alone");
        lock.readLock().acquire();  // A writer may read as well.
        writers.decrementAndGet();
        lock.readLock().release();
        lock.writeLock().release();
      } else {
        lock.readLock().acquire();
        readers.incrementAndGet();
        Check.require(writers.get() == 0, "no writer beside readers");
        readers.decrementAndGet();
        lock.readLock().release();
      }
    });
    Check.ok("read-write lock: writers alone");
    readersShare();
    swept("/lock/rw");
  }

  /** All readers are inside at once, and a writer waits for the last. */
  private void readersShare() throws Exception {
    List<CuratorFramework> clients = new ArrayList<>();
    List<InterProcessMutex> readLocks = new ArrayList<>();
    for (int i = 0; i < CLIENTS; i++) {
      CuratorFramework client = Curators.start(server);
      clients.add(client);
      InterProcessMutex lock =
          new InterProcessReadWriteLock(client, "/lock/rw").readLock();
      Check.require(lock.acquire(Check.DEADLINE_MS, TimeUnit.MILLISECONDS),
          "reader " + i + " enters beside the others");
      readLocks.add(lock);
    }
    Check.ok("readers are inside together");
    CuratorFramework client = Curators.start(server);
    clients.add(client);
    InterProcessMutex writeLock =
        new InterProcessReadWriteLock(client, "/lock/rw").writeLock();
    Check.that(!writeLock.acquire(200, TimeUnit.MILLISECONDS),
        "a writer does not enter beside readers");
    for (InterProcessMutex lock : readLocks) {
      lock.release();
    }
    Check.that(writeLock.acquire(Check.DEADLINE_MS, TimeUnit.MILLISECONDS),
        "it enters after them");
    writeLock.release();
    clients.forEach(CuratorFramework::close);
  }

  void semaphore() throws Exception {
    int leases = 2;
    fromAllClients((client, round) -> {
      InterProcessSemaphoreV2 semaphore =
          new InterProcessSemaphoreV2(client, "/lock/semaphore", leases);
      Lease lease = semaphore.acquire();
      enter();
      leave();
      semaphore.returnLease(lease);
    });
    Check.that(insideMax.get() <= leases, "semaphore: at most " + leases
        + " inside, " + insideMax.get() + " seen");
    try (CuratorFramework client = Curators.start(server)) {
      InterProcessSemaphoreV2 semaphore =
          new InterProcessSemaphoreV2(client, "/lock/semaphore", leases);
      Collection<Lease> all = semaphore.acquire(leases);
      Check.equal(leases, all.size(), "all leases at once");
      Check.equal(null, semaphore.acquire(200, TimeUnit.MILLISECONDS),
          "there is none left");
      semaphore.returnAll(all);
      Lease again =
          semaphore.acquire(Check.DEADLINE_MS, TimeUnit.MILLISECONDS);
      Check.that(again != null, "a returned lease is free");
      semaphore.returnLease(again);
    }
    swept("/lock/semaphore/leases");
  }

  /**
   * A create in protected mode commits and its reply is lost: Curator finds
   * the node by its name and does not make a second one.
   */
  void protectedNames() throws Exception {
    try (Proxy proxy = new Proxy(server);
         Session observer = new Session(server);
         CuratorFramework client = Curators.start(proxy.address())) {
      for (CreateMode mode : List.of(CreateMode.EPHEMERAL_SEQUENTIAL,
          CreateMode.PERSISTENT_SEQUENTIAL, CreateMode.EPHEMERAL,
          CreateMode.PERSISTENT)) {
        String parent = "/protected-" + mode;
        observer.create(parent, "");
        observer.zk.getChildren(parent, true);
        proxy.holdReplies();
        ExecutorService thread = Executors.newSingleThreadExecutor();
        Future<String> created = thread.submit(() -> client.create()
            .withProtection().withMode(mode).forPath(parent + "/x-"));
        Check.equal("NodeChildrenChanged " + parent, observer.watcher.next(),
            mode + ": the create is committed");
        proxy.loseReplies();
        String path = created.get(Check.DEADLINE_MS, TimeUnit.MILLISECONDS);
        thread.shutdown();
        Check.equal(List.of(path.substring(parent.length() + 1)),
            observer.zk.getChildren(parent, false),
            mode + ": its node is found again and is the only one");
      }
    }
  }

  /** Several clients work at once, and each is cut off between its rounds. */
  private void fromAllClients(Work work) throws Exception {
    insideMax.set(0);
    ExecutorService pool = Executors.newFixedThreadPool(CLIENTS);
    CountDownLatch started = new CountDownLatch(CLIENTS);
    List<Future<?>> all = new ArrayList<>();
    for (int i = 0; i < CLIENTS; i++) {
      int number = i;
      all.add(pool.submit(() -> {
        try (Proxy proxy = new Proxy(server);
             CuratorFramework client = Curators.start(proxy.address())) {
          started.countDown();
          started.await();
          for (int round = 0; round < ROUNDS; round++) {
            work.run(client, round);
            if (round % CLIENTS == number) {
              proxy.cut();
            }
          }
        }
        return null;
      }));
    }
    for (Future<?> one : all) {
      one.get(2 * Check.DEADLINE_MS, TimeUnit.MILLISECONDS);
    }
    pool.shutdown();
  }

  private void enter() {
    insideMax.accumulateAndGet(inside.incrementAndGet(), Math::max);
  }

  private void leave() {
    inside.decrementAndGet();
  }

  /** The parent is a container, so that the server deletes it when empty. */
  private void swept(String path) throws Exception {
    try (Session session = new Session(server)) {
      if (session.zk.exists(path, true) != null) {
        String event = session.watcher.next();
        while (!event.equals("NodeDeleted " + path)) {
          session.zk.exists(path, true);
          event = session.watcher.next();
        }
      }
      Check.ok(path + " is swept");
    }
  }
}
