package compat;

import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Bounds the requests in flight, and keeps the first one that was answered
 * otherwise than expected.  Thread-safe.
 */
final class Window {
  private final int size;
  private final Semaphore free;
  private final AtomicReference<String> failure = new AtomicReference<>();

  Window(int size) {
    this.size = size;
    this.free = new Semaphore(size);
  }

  /** Waits for room for one more request. */
  void enter() throws InterruptedException {
    Check.require(free.tryAcquire(Check.DEADLINE_MS, TimeUnit.MILLISECONDS),
        "a request in flight is answered");
  }

  /** Call from the reply's callback. */
  void leave(boolean expected, String what) {
    if (!expected) {
      failure.compareAndSet(null, what);
    }
    free.release();
  }

  /** Waits until all are answered; requires all answers to be expected. */
  void finish() throws InterruptedException {
    Check.require(
        free.tryAcquire(size, Check.DEADLINE_MS, TimeUnit.MILLISECONDS),
        "all requests in flight are answered");
    free.release(size);
    Check.require(failure.get() == null, "reply to " + failure.get());
  }
}
