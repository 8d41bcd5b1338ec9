package compat;

import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.retry.RetryForever;

/** Makes Curator clients. */
final class Curators {
  private static final int CONNECT_MS = 15_000;
  private static final int RETRY_MS = 50;

  private Curators() {}

  static CuratorFrameworkFactory.Builder builder(String connect) {
    return CuratorFrameworkFactory.builder().connectString(connect)
        .sessionTimeoutMs(Session.LONG_MS).connectionTimeoutMs(CONNECT_MS)
        .retryPolicy(new RetryForever(RETRY_MS));
  }

  /** A started client that is connected. */
  static CuratorFramework start(String connect) throws Exception {
    return start(builder(connect));
  }

  static CuratorFramework start(String connect, int sessionMs)
      throws Exception {
    return start(builder(connect).sessionTimeoutMs(sessionMs));
  }

  static CuratorFramework start(CuratorFrameworkFactory.Builder builder)
      throws Exception {
    CuratorFramework client = builder.build();
    client.start();
    Check.require(client.blockUntilConnected(
        (int) Check.DEADLINE_MS, TimeUnit.MILLISECONDS), "Curator connects");
    return client;
  }
}
