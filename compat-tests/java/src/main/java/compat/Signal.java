package compat;

import java.util.concurrent.Callable;

/** Lets a listener wake up whoever waits for a condition. */
final class Signal {
  /** Call after anything that may have changed a condition. */
  synchronized void changed() {
    notifyAll();
  }

  /** Waits until {@code condition} holds; it is looked at on each change. */
  synchronized void await(Callable<Boolean> condition, String what)
      throws Exception {
    long end = System.nanoTime() + Check.DEADLINE_MS * 1_000_000;
    while (!condition.call()) {
      long leftMs = (end - System.nanoTime()) / 1_000_000;
      Check.require(leftMs > 0, what);
      // Some recipes have no listener, so look again by itself as well.
      wait(Math.min(leftMs, 100));
    }
    Check.ok(what);
  }
}
