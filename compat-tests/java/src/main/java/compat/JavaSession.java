package compat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooKeeper;

/** Sessions: time-outs, re-attaching by id and password, expiry, the end. */
final class JavaSession implements Scenario {
  @Override
  public void run(String server, String[] args) throws Exception {
    try (Session admin = new Session(server)) {
      timeouts(server);
      reattach(server, admin);
      wrongPassword(server, admin);
      expiry(server, admin);
      survivesCuts(server, admin);
      closeEndsAll(server, admin);
    }
  }

  /** The test server's tick is 500 ms, and its maximum 120 s. */
  private void timeouts(String server) throws Exception {
    int[][] cases = {{900, 1_000}, {1_000, 1_000}, {7_777, 7_777},
        {120_000, 120_000}, {500_000, 120_000}};
    for (int[] one : cases) {
      try (Session session = new Session(server, one[0])) {
        Check.equal(one[1], session.zk.getSessionTimeout(),
            "time-out negotiated for " + one[0] + " ms");
        Check.that(session.id() != 0, "a session id");
        Check.equal(16, session.zk.getSessionPasswd().length,
            "length of the password");
      }
    }
  }

  /** Another client takes the session over; the first is cut off. */
  private void reattach(String server, Session admin) throws Exception {
    Proxy proxy = new Proxy(server);
    Session first = new Session(proxy.address());
    first.create("/re", "mine", CreateMode.EPHEMERAL);
    long id = first.id();
    byte[] password = first.zk.getSessionPasswd();
    first.watcher.clearStates();
    proxy.refuse();
    first.watcher.await(KeeperState.Disconnected);

    Session second = new Session(server, id, password);
    second.watcher.await(KeeperState.SyncConnected);
    Check.equal(id, second.id(), "the session is attached again");
    Check.that(Arrays.equals(password, second.zk.getSessionPasswd()),
        "its password stays");
    Check.equal(id, second.stat("/re").getEphemeralOwner(),
        "its ephemeral is there");
    Check.equal(List.of("/re"), second.zk.getEphemerals(),
        "and is its own");
    second.create("/re2", "", CreateMode.EPHEMERAL);
    admin.zk.exists("/re", true);
    second.close();
    Check.equal("NodeDeleted /re", admin.watcher.next(),
        "closed by the second client, the session ends");
    Check.that(!admin.exists("/re2"), "with all its ephemerals");
    proxy.heal();
    first.watcher.await(KeeperState.Expired);
    Check.ok("the first client learns that the session is over");
    first.close();
    proxy.close();
  }

  private void wrongPassword(String server, Session admin) throws Exception {
    try (Session owner = new Session(server)) {
      owner.create("/wp", "", CreateMode.EPHEMERAL);
      byte[] wrong = owner.zk.getSessionPasswd().clone();
      wrong[0] ^= 1;
      Session thief = new Session(server, owner.id(), wrong);
      thief.watcher.await(KeeperState.Expired);
      Check.ok("a wrong password is refused as an expired session");
      thief.close();
      Session unknown = new Session(server, 0x12345678L, new byte[16]);
      unknown.watcher.await(KeeperState.Expired);
      Check.ok("an unknown session is refused as expired");
      unknown.close();
      Check.that(admin.exists("/wp"), "the owner's ephemeral stays");
      callAgainUntilConnected(owner);
    }
    Check.that(!admin.exists("/wp"), "until it closes");
  }

  /** The thief may have cut the owner's connection: it connects again. */
  private static void callAgainUntilConnected(Session owner)
      throws Exception {
    while (true) {
      try {
        Check.equal("", owner.get("/wp"), "the owner's session is alive");
        return;
      } catch (KeeperException.ConnectionLossException e) {
        owner.watcher.await(KeeperState.SyncConnected);
      }
    }
  }

  private void expiry(String server, Session admin) throws Exception {
    try (Proxy proxy = new Proxy(server);
         Session session = new Session(proxy.address(), Session.SHORT_MS)) {
      session.create("/x1", "", CreateMode.EPHEMERAL);
      session.create("/x2", "", CreateMode.EPHEMERAL);
      session.create("/kept", "");
      admin.zk.exists("/x1", true);
      proxy.refuse();
      Check.equal("NodeDeleted /x1", admin.watcher.next(),
          "a silent session expires");
      Check.that(!admin.exists("/x2"), "its ephemerals go at once");
      Check.that(
          admin.stat("/").getPzxid() > admin.stat("/kept").getCzxid(),
          "which counts as a change of the parent's children");
      Check.that(admin.exists("/kept"), "persistent nodes stay");
      proxy.heal();
      session.watcher.await(KeeperState.Expired);
      Check.equal(ZooKeeper.States.CLOSED, session.zk.getState(),
          "the client's state after Expired");
      Check.fails(Code.SESSIONEXPIRED, () -> session.get("/kept"),
          "its calls fail");
    }
    // An idle client pings, so that a short session lives on: it is there
    // when a silent one of the same length has gone.
    try (Session idle = new Session(server, Session.SHORT_MS);
         Proxy proxy = new Proxy(server);
         Session silent = new Session(proxy.address(), Session.SHORT_MS)) {
      idle.create("/idle", "", CreateMode.EPHEMERAL);
      silent.create("/silent", "", CreateMode.EPHEMERAL);
      admin.zk.exists("/silent", true);
      proxy.holdReplies();
      proxy.refuse();
      Check.equal("NodeDeleted /silent", admin.watcher.next(),
          "the silent one expires");
      Check.that(admin.exists("/idle"), "the idle one lives");
    }
  }

  private void survivesCuts(String server, Session admin) throws Exception {
    try (Proxy proxy = new Proxy(server);
         Session session = new Session(proxy.address())) {
      long id = session.id();
      session.create("/cuts", "0", CreateMode.EPHEMERAL);
      admin.create("/watched", "");
      for (int i = 0; i < 3; i++) {
        session.zk.getData("/cuts", true, null);
        session.zk.getChildren("/watched", true);
        session.zk.exists("/watched/w" + i, true);
        session.watcher.clearStates();
        proxy.refuse();
        session.watcher.await(KeeperState.Disconnected);
        Check.fails(Code.CONNECTIONLOSS, () -> session.get("/cuts"),
            "cut " + i + ": a call while cut off");
        admin.zk.setData("/cuts", Check.bytes("" + i), -1);
        admin.create("/watched/w" + i, "");
        proxy.heal();
        session.watcher.await(KeeperState.SyncConnected);
        List<String> events = new ArrayList<>(session.events());
        Collections.sort(events);
        Check.equal(List.of("NodeChildrenChanged /watched",
            "NodeCreated /watched/w" + i, "NodeDataChanged /cuts"), events,
            "cut " + i + ": what was missed is told after it, once");
        Check.equal("" + i, session.get("/cuts"), "cut " + i + ": data");
        Check.equal(id, session.id(), "cut " + i + ": same session");
      }
    }
  }

  private void closeEndsAll(String server, Session admin) throws Exception {
    Session session = new Session(server);
    for (int i = 0; i < 100; i++) {
      session.create("/end" + i, "", CreateMode.EPHEMERAL);
    }
    session.zk.exists("/end0", true);
    long id = session.id();
    byte[] password = session.zk.getSessionPasswd();
    session.close();
    Check.that(!admin.exists("/end0") && !admin.exists("/end99"),
        "after close() returns, the ephemerals are gone");
    Session late = new Session(server, id, password);
    late.watcher.await(KeeperState.Expired);
    Check.ok("a closed session cannot be attached again");
    late.close();
  }
}
