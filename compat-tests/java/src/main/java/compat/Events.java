package compat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;

/** A watcher that keeps what it is told, node and session events apart. */
final class Events implements Watcher {
  private final BlockingQueue<WatchedEvent> nodes = new LinkedBlockingQueue<>();
  private final BlockingQueue<Event.KeeperState> states =
      new LinkedBlockingQueue<>();

  @Override
  public void process(WatchedEvent event) {
    if (event.getType() == Event.EventType.None) {
      states.add(event.getState());
    } else {
      nodes.add(event);
    }
  }

  /** Waits for the next node event. */
  WatchedEvent nextEvent() throws InterruptedException {
    WatchedEvent event = nodes.poll(Check.DEADLINE_MS, TimeUnit.MILLISECONDS);
    Check.require(event != null, "a watch event arrives");
    return event;
  }

  /** Waits for the next node event and returns it as "type path". */
  String next() throws InterruptedException {
    return name(nextEvent());
  }

  /** Takes what has arrived; see {@link Session#events} for all there is. */
  List<String> drain() {
    List<String> names = new ArrayList<>();
    for (WatchedEvent event : drainEvents()) {
      names.add(name(event));
    }
    return names;
  }

  List<WatchedEvent> drainEvents() {
    List<WatchedEvent> taken = new ArrayList<>();
    nodes.drainTo(taken);
    return taken;
  }

  /** Waits until the session reports {@code wanted}, skipping other states. */
  void await(Event.KeeperState wanted) throws InterruptedException {
    long end = System.nanoTime() + Check.DEADLINE_MS * 1_000_000;
    while (true) {
      Event.KeeperState state =
          states.poll(end - System.nanoTime(), TimeUnit.NANOSECONDS);
      Check.require(state != null, "the session becomes " + wanted);
      if (state == wanted) {
        return;
      }
    }
  }

  /** Forgets session states reported so far. */
  void clearStates() {
    states.clear();
  }

  static String name(WatchedEvent event) {
    return event.getType() + " " + event.getPath();
  }
}
