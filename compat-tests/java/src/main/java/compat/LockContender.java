package compat;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.zookeeper.data.Stat;

/**
 * One process that takes a Curator mutex again and again and uses a resource
 * under it; {@link LockElection} starts several.  Arguments: its name, and the
 * port of the resource.  Runs until it is killed or the resource has gone.
 */
final class LockContender implements Scenario {
  /** A mutex that tells its node. */
  private static final class NamedMutex extends InterProcessMutex {
    NamedMutex(CuratorFramework client) {
      super(client, LockElection.LOCK);
    }

    String path() {
      return getLockPath();
    }
  }

  @Override
  public void run(String server, String[] args) throws Exception {
    String name = args[0];
    CuratorFramework client = Curators.start(server, Session.SHORT_MS);
    NamedMutex mutex = new NamedMutex(client);
    try (Socket socket = new Socket("127.0.0.1", Integer.parseInt(args[1]))) {
      PrintStream out = new PrintStream(socket.getOutputStream(), true,
          StandardCharsets.UTF_8);
      BufferedReader in = new BufferedReader(new InputStreamReader(
          socket.getInputStream(), StandardCharsets.UTF_8));
      while (true) {
        mutex.acquire();
        String path = mutex.path();
        Stat stat = client.checkExists().forPath(path);
        long id = client.getZookeeperClient().getZooKeeper().getSessionId();
        // Otherwise the session ended between the two calls.
        if (stat != null && stat.getEphemeralOwner() == id) {
          out.println("enter " + name + " " + stat.getCzxid() + " " + path);
          if (in.readLine() == null) {
            return;
          }
          out.println("write " + name + " " + stat.getCzxid() + " " + path);
          if (in.readLine() == null) {
            return;
          }
          out.println("leave " + name + " " + stat.getCzxid() + " " + path);
        }
        mutex.release();
      }
    }
  }
}
