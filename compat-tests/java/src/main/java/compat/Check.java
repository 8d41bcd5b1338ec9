package compat;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.OpResult;
import org.apache.zookeeper.OpResult.ErrorResult;
import org.apache.zookeeper.data.ACL;

/**
 * Checks of a scenario.  One that holds prints a line, except {@link
 * #require}, which is for loops; one that does not hold ends the scenario.
 */
final class Check {
  /** How long anything that must happen may take. */
  static final long DEADLINE_MS = 60_000;

  /** A piece of a scenario that may throw. */
  interface Action {
    void run() throws Exception;
  }

  /** A check that does not hold. */
  static final class Failed extends RuntimeException {
    Failed(String message) {
      super(message);
    }

    Failed(String message, Throwable cause) {
      super(message, cause);
    }
  }

  private Check() {}

  static void ok(String what) {
    System.out.println("ok: " + what);
  }

  static void that(boolean condition, String what) {
    require(condition, what);
    ok(what);
  }

  static void require(boolean condition, String what) {
    if (!condition) {
      throw new Failed("does not hold: " + what);
    }
  }

  static void equal(Object expected, Object actual, String what) {
    if (!Objects.equals(expected, actual)) {
      throw new Failed(what + ": expected <" + shorten(expected) + ">, got <"
          + shorten(actual) + ">");
    }
    ok(what);
  }

  /** Requires {@code action} to fail with {@code code}; returns the failure. */
  static KeeperException fails(KeeperException.Code code, Action action,
      String what) throws Exception {
    try {
      action.run();
    } catch (KeeperException e) {
      equal(code, e.code(), what);
      return e;
    }
    throw new Failed(what + ": expected " + code + ", but it succeeded");
  }

  /** Requires a multi to fail, and returns the error code of each result. */
  static List<Integer> multiFails(Action action) throws Exception {
    try {
      action.run();
    } catch (KeeperException e) {
      require(e.getResults() != null, "a failed multi has results: " + e);
      return codes(e.getResults());
    }
    throw new Failed("the multi succeeded and should have failed");
  }

  static List<Integer> codes(List<OpResult> results) {
    List<Integer> codes = new ArrayList<>();
    for (OpResult result : results) {
      codes.add(result instanceof ErrorResult e ? e.getErr() : 0);
    }
    return codes;
  }

  /** A list as the client wants it: List.of refuses its question for null. */
  static List<ACL> acl(ACL... entries) {
    return Arrays.asList(entries);
  }

  static byte[] bytes(String text) {
    return text == null ? null : text.getBytes(StandardCharsets.UTF_8);
  }

  static String text(byte[] data) {
    return data == null ? null : new String(data, StandardCharsets.UTF_8);
  }

  private static String shorten(Object value) {
    String text = String.valueOf(value);
    return text.length() <= 2000 ? text : text.substring(0, 2000) + "...";
  }
}
