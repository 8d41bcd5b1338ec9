package compat;

import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.curator.ensemble.fixed.FixedEnsembleProvider;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.zookeeper.KeeperException.Code;

/**
 * Curator's EnsembleTracker at its defaults reads /zookeeper/config, watches
 * it, and rewrites the connection string from it.
 */
final class CuratorTracker implements Scenario {
  private static final String CONFIG = "/zookeeper/config";

  /** Keeps each connection string that the tracker sets. */
  private static final class Recorder extends FixedEnsembleProvider {
    private final BlockingQueue<String> set = new LinkedBlockingQueue<>();

    Recorder(String connect) {
      super(connect, true);
    }

    @Override
    public void setConnectionString(String connect) {
      super.setConnectionString(connect);
      set.add(connect);
    }
  }

  @Override
  public void run(String server, String[] args) throws Exception {
    try (Proxy proxy = new Proxy(server);
         Session root = new Session(server)) {
      Recorder recorder = new Recorder(proxy.address());
      LinkedBlockingQueue<ConnectionState> states =
          new LinkedBlockingQueue<>();
      CuratorFrameworkFactory.Builder builder = Curators.builder("unused")
          .ensembleProvider(recorder);
      try (CuratorFramework client = Curators.start(builder)) {
        client.getConnectionStateListenable()
            .addListener((c, state) -> states.add(state));
        Check.equal("", Check.text(client.getConfig().forEnsemble()),
            "the config of a standalone server is empty");
        reconnect(proxy, states);
        client.create().forPath("/after-cut");
        Check.equal(null, recorder.set.poll(),
            "empty config: the connection string is left alone");
        configIsFollowed(proxy, root, recorder, states);
        Check.equal(proxy.address(), recorder.getConnectionString(),
            "the connection string in the end");
        client.create().forPath("/works");
      }
    }
  }

  private static void configIsFollowed(Proxy proxy, Session root,
      Recorder recorder, LinkedBlockingQueue<ConnectionState> states)
      throws Exception {
    Check.fails(Code.NOAUTH, () -> root.zk.setData(CONFIG, null, -1),
        "not everybody may set the config");
    root.zk.addAuthInfo("digest", Check.bytes("super:secret"));
    String port = proxy.address().substring("127.0.0.1:".length());
    for (String client : new String[] {proxy.address(), port,
        "0.0.0.0:" + port}) {
      root.zk.setData(CONFIG, Check.bytes(
          "server.1=127.0.0.1:1:2:participant;" + client + "\nversion=0"), -1);
      Check.equal(proxy.address(), next(recorder),
          "its watch brings the config with client address " + client);
    }
    reconnect(proxy, states);
    Check.equal(proxy.address(), next(recorder), "read again after a cut");
    root.zk.setData(CONFIG, Check.bytes("server.1=nonsense"), -1);
    reconnect(proxy, states);
    root.zk.setData(CONFIG, new byte[0], -1);
    reconnect(proxy, states);
    root.zk.setData(CONFIG, Check.bytes("server.1=127.0.0.1:1:2:participant;"
        + proxy.address() + "\nversion=0"), -1);
    Check.equal(proxy.address(), next(recorder),
        "malformed and empty config change nothing in between");
  }

  private static String next(Recorder recorder) throws InterruptedException {
    String set = recorder.set.poll(Check.DEADLINE_MS, TimeUnit.MILLISECONDS);
    recorder.set.clear();
    return set;
  }

  private static void reconnect(Proxy proxy,
      LinkedBlockingQueue<ConnectionState> states)
      throws InterruptedException {
    states.clear();
    proxy.cut();
    ConnectionState state;
    do {
      state = states.poll(Check.DEADLINE_MS, TimeUnit.MILLISECONDS);
      Check.require(state != null, "Curator reconnects");
    } while (state != ConnectionState.RECONNECTED);
  }
}
