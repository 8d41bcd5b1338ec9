"""kazoo's recipes, with connections cut in between.

Clients connect through the proxy, those that only look on directly.  The
waiting sides of kazoo's barriers do not survive a lost connection (they lose
their watch), so theirs are not cut.
"""

import datetime
import queue
import threading
import time

import pytest
from kazoo import exceptions
from kazoo.recipe.cache import TreeCache, TreeEvent
from kazoo.recipe.lease import MultiNonBlockingLease, NonBlockingLease
from kazoo.recipe.partitioner import PartitionState

import servers

WAIT_SECONDS = 20


class Task(threading.Thread):
    """Runs a function; `result` waits for it and raises what it raised."""

    def __init__(self, function, *args):
        super().__init__(daemon=True)
        self.function, self.args = function, args
        self.value = self.error = None
        self.start()

    def run(self):
        try:
            self.value = self.function(*self.args)
        except BaseException as error:  # Handed to whoever asks for it.
            self.error = error

    def result(self, seconds=WAIT_SECONDS):
        self.join(seconds)
        assert not self.is_alive(), f"{self.function} goes on"
        if self.error:
            raise self.error
        return self.value


def cut_and_wait(proxy, clients):
    """Cuts the clients' connections and waits until they are back."""
    before = proxy.accepted
    proxy.cut()
    servers.wait_until(
        lambda: (proxy.accepted >= before + len(clients)
                 and all(c.connected for c in clients)),
        what="the clients are back")


def wait_children(zk, path, count):
    servers.wait_until(
        lambda: zk.exists(path) and len(zk.get_children(path)) == count,
        what=f"{count} children below {path}")


# ---- Locks ----


def test_lock_is_exclusive_under_cuts(kazoo, proxy):
    """Five contenders pass a lock round while connections are cut."""
    clients = [kazoo(via=proxy) for _ in range(5)]
    inside, passes = [], []

    def contend(client, name):
        for _ in range(6):
            with client.Lock("/lock", name):
                inside.append(name)
                assert inside == [name], "two holders"
                client.retry(client.exists, "/lock")
                inside.remove(name)
                passes.append(name)

    tasks = [Task(contend, client, f"c{i}")
             for i, client in enumerate(clients)]
    for done in (5, 12, 20):
        servers.wait_until(lambda: len(passes) >= done, what="progress")
        proxy.cut()
    for task in tasks:
        task.result(60)
    assert len(passes) == 30
    wait_children(clients[0], "/lock", 0)


def test_lock_wakes_one_waiter_per_release(kazoo, server):
    """No herd: every waiter watches its predecessor alone."""
    clients = [kazoo() for _ in range(6)]
    locks = [client.Lock("/lock", f"c{i}")
             for i, client in enumerate(clients)]
    locks[0].acquire()
    tasks = []
    for i, lock in enumerate(locks[1:], 1):
        tasks.append(Task(lock.acquire))
        wait_children(clients[0], "/lock", i + 1)

    def watchers():
        lines = servers.four_letter_word(server.port, "wchp").splitlines()
        paths = [s for s in lines if s.startswith("/lock/")]
        sessions = [s for s in lines if s.startswith("\t0x")]
        return len(paths), len(sessions)

    for waiting in range(5, 0, -1):
        servers.wait_until(lambda: watchers() == (waiting, waiting),
                           what=f"{waiting} waiters with a watch each")
        locks[5 - waiting].release()
        tasks[5 - waiting].result()
    assert locks[0].contenders() == ["c5"]


def test_lock_times_out_and_can_be_cancelled(kazoo, proxy):
    holder, waiter = kazoo(via=proxy), kazoo(via=proxy)
    lock = holder.Lock("/lock", "holder")
    assert lock.acquire()
    assert not waiter.Lock("/lock").acquire(blocking=False)
    with pytest.raises(exceptions.LockTimeout):
        waiter.Lock("/lock").acquire(timeout=0.2)
    waiting = waiter.Lock("/lock", "waiter")
    task = Task(waiting.acquire)
    servers.wait_until(lambda: lock.contenders() == ["holder", "waiter"],
                       what="the waiter is in line")
    waiting.cancel()
    with pytest.raises(exceptions.CancelledError):
        task.result()
    lock.release()
    wait_children(holder, "/lock", 0)


def test_lock_passes_on_when_the_holder_expires(kazoo, proxy):
    holder, waiter = kazoo(via=proxy, timeout=4), kazoo()
    assert holder.Lock("/lock", "holder").acquire()
    task = Task(waiter.Lock("/lock", "waiter").acquire)
    wait_children(waiter, "/lock", 2)
    began = time.monotonic()
    proxy.stall()
    assert task.result() is True
    # Never before its session could have expired: the last ping was at most
    # a third of the time-out ago.
    assert time.monotonic() - began >= 4 * 2 / 3 - 0.5
    proxy.flow()


def test_read_and_write_locks(kazoo, proxy):
    readers = [kazoo(via=proxy) for _ in range(2)]
    writer = kazoo(via=proxy)
    read_locks = [r.ReadLock("/rw", f"r{i}") for i, r in enumerate(readers)]
    write_lock = writer.WriteLock("/rw", "w")
    for lock in read_locks:
        assert lock.acquire(timeout=WAIT_SECONDS)
    task = Task(write_lock.acquire)
    wait_children(writer, "/rw", 3)
    cut_and_wait(proxy, [*readers, writer])
    assert not readers[0].ReadLock("/rw", "late").acquire(blocking=False)
    for lock in read_locks:
        assert task.is_alive()
        lock.release()
    assert task.result() is True
    assert not readers[0].ReadLock("/rw").acquire(blocking=False)
    write_lock.release()
    assert readers[0].ReadLock("/rw").acquire(timeout=WAIT_SECONDS)


def test_semaphore(kazoo, proxy):
    clients = [kazoo(via=proxy) for _ in range(4)]
    inside, most = set(), []
    guard = threading.Lock()

    def work(client, name):
        for _ in range(4):
            with client.Semaphore("/sem", name, max_leases=2):
                with guard:
                    inside.add(name)
                    most.append(len(inside))
                client.retry(client.exists, "/sem")
                with guard:
                    inside.remove(name)

    tasks = [Task(work, c, f"c{i}") for i, c in enumerate(clients)]
    servers.wait_until(lambda: len(most) >= 5, what="progress")
    proxy.cut()
    for task in tasks:
        task.result(60)
    assert len(most) == 16 and max(most) <= 2
    semaphore = clients[0].Semaphore("/sem", "x", max_leases=2)
    assert semaphore.acquire() and semaphore.lease_holders() == ["x"]
    with pytest.raises(ValueError):
        clients[1].Semaphore("/sem", max_leases=3).acquire()


def test_election(kazoo, proxy):
    clients = [kazoo(via=proxy) for _ in range(3)]
    leaders = queue.Queue()
    leading = []

    def lead(name, done):
        leading.append(name)
        assert leading == [name], "two leaders"
        leaders.put((name, done))
        assert done.wait(WAIT_SECONDS)
        leading.remove(name)

    elections = [c.Election("/election", f"c{i}")
                 for i, c in enumerate(clients)]
    tasks = [Task(e.run, lead, f"c{i}", threading.Event())
             for i, e in enumerate(elections)]
    seen = []
    for left in (3, 2, 1):
        name, done = leaders.get(timeout=WAIT_SECONDS)
        seen.append(name)
        servers.wait_until(lambda: len(elections[0].contenders()) == left,
                           what=f"{left} contenders")
        assert elections[0].contenders()[0] == name
        cut_and_wait(proxy, clients)
        assert leaders.empty()
        done.set()
    for task in tasks:
        task.result()
    assert sorted(seen) == ["c0", "c1", "c2"]


# ---- Barriers ----


def test_barrier(kazoo, proxy):
    maker, waiter = kazoo(via=proxy), kazoo()
    barrier = maker.Barrier("/barrier")
    assert waiter.Barrier("/barrier").wait(0.1)
    barrier.create()
    assert not waiter.Barrier("/barrier").wait(0.1)
    task = Task(waiter.Barrier("/barrier").wait)
    cut_and_wait(proxy, [maker])
    assert barrier.remove()
    assert task.result() is True
    assert not barrier.remove()


def test_double_barrier(kazoo, proxy):
    clients = [kazoo(via=proxy) for _ in range(3)]
    entered, left = [], []

    def work(client, name, go):
        barrier = client.DoubleBarrier("/double", 3, name)
        barrier.enter()
        entered.append(name)
        assert go.wait(WAIT_SECONDS)
        barrier.leave()
        left.append(name)

    goes = [threading.Event() for _ in clients]
    tasks = [Task(work, c, f"c{i}", goes[i])
             for i, c in enumerate(clients[:2])]
    wait_children(clients[2], "/double", 2)
    assert entered == []
    tasks.append(Task(work, clients[2], "c2", goes[2]))
    servers.wait_until(lambda: len(entered) == 3, what="all are in")
    goes[0].set()
    goes[1].set()
    # One of them is told to leave later: nobody is out before.
    servers.wait_until(
        lambda: "c0" not in clients[2].get_children("/double")
        or "c1" not in clients[2].get_children("/double"),
        what="one of them waits to leave")
    assert left == []
    goes[2].set()
    for task in tasks:
        task.result()
    assert sorted(left) == ["c0", "c1", "c2"]


# ---- Counters and queues ----


def test_counter_counts_exactly(kazoo, proxy):
    clients = [kazoo(via=proxy) for _ in range(4)]

    def work(client):
        counter = client.Counter("/counter")
        for _ in range(25):
            counter += 1

    tasks = [Task(work, client) for client in clients]
    for task in tasks:
        task.result(60)
    counter = clients[0].Counter("/counter")
    assert counter.value == 100
    cut_and_wait(proxy, clients)
    counter -= 30
    assert (counter.pre_value, counter.post_value) == (100, 70)
    floats = clients[1].Counter("/floats", default=0.0)
    floats += 1.5
    assert floats.value == 1.5


def test_queue_gives_each_item_once(kazoo, proxy):
    producer, *consumers = [kazoo(via=proxy) for _ in range(4)]
    items = producer.Queue("/queue")
    for i in range(30):
        items.put(b"item-%d" % i, priority=100 - i % 3)
    assert len(items) == 30
    cut_and_wait(proxy, [producer, *consumers])

    def consume(client):
        mine = []
        while (item := client.Queue("/queue").get()) is not None:
            mine.append(item)
        return mine

    tasks = [Task(consume, client) for client in consumers]
    got = [item for task in tasks for item in task.result()]
    assert sorted(got) == sorted(b"item-%d" % i for i in range(30))
    items.put(b"later", priority=50)
    items.put(b"sooner", priority=10)
    assert [items.get(), items.get(), items.get()] == [
        b"sooner", b"later", None]


def test_locking_queue(kazoo, proxy):
    producer, first, second = [kazoo(via=proxy) for _ in range(3)]
    producer.LockingQueue("/locking").put_all([b"a", b"b"])
    one, two = (c.LockingQueue("/locking") for c in (first, second))
    assert one.get(WAIT_SECONDS) == b"a"
    assert two.get(WAIT_SECONDS) == b"b"
    assert one.holds_lock() and two.holds_lock()
    cut_and_wait(proxy, [producer, first, second])
    assert one.consume()
    assert two.release()
    assert one.get(WAIT_SECONDS) == b"b"  # Back in the queue.
    task = Task(two.get)
    producer.LockingQueue("/locking").put(b"c")
    assert task.result() == b"c"
    assert one.consume() and two.consume()
    assert len(one) == 0


# ---- Membership ----


@pytest.mark.parametrize("recipe", ["Party", "ShallowParty"])
def test_party(kazoo, proxy, recipe):
    clients = [kazoo(via=proxy) for _ in range(3)]
    looker = kazoo()
    parties = [getattr(c, recipe)("/party", f"c{i}")
               for i, c in enumerate(clients)]
    for party in parties:
        party.join()
    seen = getattr(looker, recipe)("/party", "looker")
    assert sorted(seen) == ["c0", "c1", "c2"] and len(seen) == 3
    cut_and_wait(proxy, clients)
    assert sorted(seen) == ["c0", "c1", "c2"]
    parties[0].leave()
    assert sorted(seen) == ["c1", "c2"]
    clients[1].stop()
    assert list(seen) == ["c2"]


def test_set_partitioner(kazoo):
    everything = tuple(range(12))
    clients = [kazoo() for _ in range(3)]

    def settle(parts):
        """Drives the partitioners until all have their share."""
        def step():
            for part in parts:
                assert not part.failed
                if part.release:
                    part.release_set()
                elif part.allocating:
                    part.wait_for_acquire(0.2)
            shares = [set(p) for p in parts
                      if p.state == PartitionState.ACQUIRED]
            return (len(shares) == len(parts)
                    and sum(map(len, shares)) == len(everything)
                    and set().union(*shares) == set(everything) and shares)
        return servers.wait_until(step, 60, "the set is divided")

    parts = [c.SetPartitioner("/parts", set=everything, identifier=f"c{i}",
                              time_boundary=0.5)
             for i, c in enumerate(clients[:2])]
    assert sorted(map(len, settle(parts))) == [6, 6]
    parts.append(clients[2].SetPartitioner(
        "/parts", set=everything, identifier="c2", time_boundary=0.5))
    assert sorted(map(len, settle(parts))) == [4, 4, 4]
    parts.pop(0).finish()
    clients[0].stop()
    assert sorted(map(len, settle(parts))) == [6, 6]
    for part in parts:
        part.finish()


# ---- Cache and leases ----


def test_tree_cache_follows_the_tree(kazoo, proxy):
    zk, other = kazoo(via=proxy), kazoo()
    other.ensure_path("/tree/a/b")
    events = queue.Queue()
    cache = TreeCache(zk, "/tree")
    cache.listen(events.put)
    cache.start()

    def holds(expected):
        servers.wait_until(
            lambda: {p: cache.get_data(p).data if cache.get_data(p) else None
                     for p in expected} == expected,
            what=f"the cache holds {expected}")

    holds({"/tree": b"", "/tree/a": b"", "/tree/a/b": b"", "/tree/c": None})
    other.create("/tree/c", b"1")
    other.set("/tree/a", b"2")
    holds({"/tree/c": b"1", "/tree/a": b"2"})
    cut_and_wait(proxy, [zk])
    other.set("/tree/c", b"3")
    other.delete("/tree/a/b")
    holds({"/tree/c": b"3", "/tree/a/b": None})
    assert cache.get_children("/tree") == {"a", "c"}
    # Listeners hear of a change after the cache shows it.
    missing = {TreeEvent.NODE_ADDED, TreeEvent.NODE_UPDATED,
               TreeEvent.NODE_REMOVED, TreeEvent.INITIALIZED}
    while missing:
        missing.discard(events.get(timeout=10).event_type)
    cache.close()


def test_leases(kazoo, proxy):
    first, second = kazoo(via=proxy), kazoo(via=proxy)
    now = datetime.datetime(2020, 1, 1)
    minute = datetime.timedelta(minutes=1)

    def lease(client, name, at):
        return bool(NonBlockingLease(client, "/lease", minute,
                                     identifier=name, utcnow=lambda: at))

    assert lease(first, "first", now)
    assert not lease(second, "second", now + minute / 2)
    cut_and_wait(proxy, [first, second])
    assert lease(first, "first", now + minute / 2)  # Renewed.
    assert not lease(second, "second", now + minute)
    assert lease(second, "second", now + 2 * minute)

    def multi(name):
        return bool(MultiNonBlockingLease(
            first, 2, "/leases", minute, identifier=name,
            utcnow=lambda: now))

    assert [multi(n) for n in ("a", "b", "c", "a")] == [
        True, True, False, True]
