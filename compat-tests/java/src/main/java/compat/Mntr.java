package compat;

import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** The four-letter word mntr. */
final class Mntr {
  private Mntr() {}

  static Map<String, String> read(String server) throws IOException {
    int colon = server.lastIndexOf(':');
    String text;
    try (Socket socket = new Socket(server.substring(0, colon),
        Integer.parseInt(server.substring(colon + 1)))) {
      socket.getOutputStream()
          .write("mntr".getBytes(StandardCharsets.US_ASCII));
      text = new String(socket.getInputStream().readAllBytes(),
          StandardCharsets.UTF_8);
    }
    Map<String, String> values = new HashMap<>();
    for (String line : text.split("\n")) {
      int tab = line.indexOf('\t');
      Check.require(tab > 0, "mntr line has a tab: " + line);
      values.put(line.substring(0, tab), line.substring(tab + 1));
    }
    return values;
  }

  /** Asks again until the number of {@code key} is at most {@code limit}. */
  static void awaitAtMost(String server, String key, long limit)
      throws Exception {
    CountDownLatch never = new CountDownLatch(1);
    long end = System.nanoTime() + Check.DEADLINE_MS * 1_000_000;
    long last = number(read(server), key);
    while (last > limit) {
      Check.require(System.nanoTime() < end,
          "mntr " + key + " falls to " + limit + ", it stays at " + last);
      never.await(50, TimeUnit.MILLISECONDS);
      last = number(read(server), key);
    }
  }

  static long number(Map<String, String> values, String key) {
    Check.require(values.containsKey(key), "mntr tells " + key);
    return Long.parseLong(values.get(key));
  }
}
