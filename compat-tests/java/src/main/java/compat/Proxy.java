package compat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A TCP proxy in front of the server that can cut connections, refuse new
 * ones and hold replies back.  Thread-safe.
 */
final class Proxy implements AutoCloseable {
  private final InetSocketAddress target;
  private final ServerSocket listener;
  private final List<Socket> open = new ArrayList<>();
  private final AtomicInteger notifications = new AtomicInteger();
  private boolean refusing;
  private boolean holding;
  private int accepted;

  Proxy(String server) throws IOException {
    int colon = server.lastIndexOf(':');
    target = new InetSocketAddress(server.substring(0, colon),
        Integer.parseInt(server.substring(colon + 1)));
    listener = new ServerSocket(0, 1024, InetAddress.getLoopbackAddress());
    start("proxy-accept", this::accept);
  }

  String address() {
    return "127.0.0.1:" + listener.getLocalPort();
  }

  /** Closes all connections; new ones pass. */
  synchronized void cut() {
    for (Socket socket : open) {
      close(socket);
    }
    open.clear();
    notifyAll();
  }

  /** Closes all connections, and new ones at once, until {@link #heal}. */
  synchronized void refuse() {
    refusing = true;
    cut();
  }

  /** Keeps what the server sends until {@link #heal}; a cut loses it. */
  synchronized void holdReplies() {
    holding = true;
  }

  /** Cuts all connections, so that held replies are lost, and heals. */
  synchronized void loseReplies() {
    cut();
    heal();
  }

  synchronized void heal() {
    refusing = false;
    holding = false;
    notifyAll();
  }

  /** Connections that were passed on so far. */
  synchronized int accepted() {
    return accepted;
  }

  /** Watch events that the server sent so far, over all connections. */
  int notifications() {
    return notifications.get();
  }

  @Override
  public void close() throws IOException {
    listener.close();
    cut();
  }

  private void accept() {
    while (!listener.isClosed()) {
      try {
        Socket client = listener.accept();
        Socket server = register(client);
        if (server != null) {
          start("proxy-up", () -> pump(client, server, null));
          start("proxy-down",
              () -> pump(server, client, new FrameReader(notifications)));
        }
      } catch (IOException e) {
        // The listener was closed, or the server refused; the client sees it.
      }
    }
  }

  private Socket register(Socket client) throws IOException {
    Socket server = new Socket();
    try {
      synchronized (this) {
        if (refusing) {
          throw new IOException("refusing");
        }
        server.connect(target);
        server.setTcpNoDelay(true);
        client.setTcpNoDelay(true);
        open.add(client);
        open.add(server);
        accepted++;
        return server;
      }
    } catch (IOException e) {
      close(client);
      close(server);
      return null;
    }
  }

  private void pump(Socket from, Socket to, FrameReader reader) {
    byte[] buffer = new byte[65536];
    try {
      for (int n = from.getInputStream().read(buffer); n >= 0;
          n = from.getInputStream().read(buffer)) {
        if (reader != null) {
          reader.read(buffer, n);
          waitWhileHolding(from);
        }
        to.getOutputStream().write(buffer, 0, n);
      }
    } catch (IOException | InterruptedException e) {
      // Either side has gone: close both.
    }
    close(from);
    close(to);
    synchronized (this) {
      open.remove(from);
      open.remove(to);
    }
  }

  private synchronized void waitWhileHolding(Socket from)
      throws InterruptedException, IOException {
    while (holding && !from.isClosed()) {
      wait();
    }
    if (from.isClosed()) {
      throw new IOException("cut");
    }
  }

  private static void close(Socket socket) {
    try {
      socket.close();
    } catch (IOException e) {
      // It is gone either way.
    }
  }

  private static void start(String name, Runnable body) {
    Thread thread = new Thread(body, name);
    thread.setDaemon(true);
    thread.start();
  }

  /** Counts the watch events (xid -1) in the server's frames. */
  private static final class FrameReader {
    private final AtomicInteger notifications;
    private boolean connected;
    private int inFrame;
    private int length;
    private int xid;

    FrameReader(AtomicInteger notifications) {
      this.notifications = notifications;
    }

    void read(byte[] bytes, int n) {
      for (int i = 0; i < n; i++) {
        int b = bytes[i] & 0xff;
        if (inFrame < 4) {
          length = length << 8 | b;
        } else if (inFrame < 8) {
          xid = xid << 8 | b;
        }
        inFrame++;
        if (inFrame == 8 && connected && xid == -1) {
          notifications.incrementAndGet();
        }
        if (inFrame >= 4 && inFrame == length + 4) {
          inFrame = 0;
          length = 0;
          connected = true;  // The first frame is the ConnectResponse.
        }
      }
    }
  }
}
