// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.kernel;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.locks.LockSupport;

/**
 * Long-lived TCP connections to an {@link EchoServer} that keep talking from a thread of their own.
 * A connection is broken if an answer does not come in time, comes from another server than its
 * first one, or the connection ends; a broken one stays broken.
 */
public final class Connections implements AutoCloseable {

  private final List<Connection> connections;
  private final Duration timeout;
  private final Thread thread;
  private volatile boolean stopped;
  private volatile long rounds;

  private Connections(List<Connection> connections, Duration pause, Duration timeout) {
    this.connections = connections;
    this.timeout = timeout;
    this.thread = new Thread(() -> talk(pause), "connections");
    thread.setDaemon(true);
  }

  /**
   * Opens {@code count} connections, and asks on each of them once every {@code pause} or as fast
   * as answers come.
   *
   * @param timeout how long an answer may take
   * @throws IllegalStateException if one cannot be opened
   */
  public static Connections open(
      Netns netns, String address, int port, int count, Duration pause, Duration timeout) {
    List<Connection> opened = new ArrayList<>();
    try {
      netns.call(
          () -> {
            for (int i = 0; i < count; i++) {
              Socket socket = new Socket();
              opened.add(new Connection(socket));
              socket.connect(new InetSocketAddress(address, port), (int) timeout.toMillis());
              socket.setTcpNoDelay(true);
              socket.setSoTimeout((int) timeout.toMillis());
            }
            return null;
          });
    } catch (RuntimeException e) {
      opened.forEach(Connection::close);
      throw e;
    }
    Connections connections = new Connections(opened, pause, timeout);
    connections.thread.start();
    return connections;
  }

  /** How often every connection has asked so far. */
  public long rounds() {
    return rounds;
  }

  /**
   * Waits until every connection has asked, and had its answer, {@code more} times from now on.
   *
   * @throws IllegalStateException after ten times the time an answer may take
   */
  public void awaitRounds(int more) {
    long goal = rounds + more + 1; // the round under way began before this call
    long deadline = System.nanoTime() + timeout.toNanos() * 10;
    while (rounds < goal) {
      if (System.nanoTime() > deadline) {
        throw new IllegalStateException("only " + rounds + " of " + goal + " rounds in time");
      }
      LockSupport.parkNanos(1_000_000);
    }
  }

  /** Why each broken connection broke; empty if all is well. */
  public List<String> broken() {
    return connections.stream().map(c -> c.failure).filter(f -> f != null).toList();
  }

  /** How many unbroken connections each server has, by its name. */
  public Map<String, Integer> perServer() {
    Map<String, Integer> servers = new TreeMap<>();
    for (Connection connection : connections) {
      String server = connection.server;
      if (connection.failure == null && server != null) {
        servers.merge(server, 1, Integer::sum);
      }
    }
    return servers;
  }

  /** Closes the sockets and waits for the thread. */
  @Override
  public void close() {
    stopped = true;
    connections.forEach(Connection::close);
    LockSupport.unpark(thread);
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void talk(Duration pause) {
    while (!stopped) {
      long start = System.nanoTime();
      String question = "round-" + rounds;
      // All ask before the first answer is read, so that one late answer delays nobody else.
      connections.forEach(c -> c.attempt(() -> c.ask(question), stopped));
      connections.forEach(c -> c.attempt(() -> c.readAnswer(question), stopped));
      rounds++;
      long rest = pause.toNanos() - (System.nanoTime() - start);
      if (rest > 0 && !stopped) {
        LockSupport.parkNanos(rest);
      }
    }
  }

  private interface Step {
    void run() throws IOException;
  }

  private static final class Connection {
    private final Socket socket;
    private volatile String server;
    private volatile String failure;

    Connection(Socket socket) {
      this.socket = socket;
    }

    void attempt(Step step, boolean stopped) {
      if (failure != null || stopped) {
        return;
      }
      try {
        step.run();
      } catch (IOException e) {
        failure = socket.getLocalPort() + " to " + server + ": " + e;
      }
    }

    void ask(String question) throws IOException {
      socket.getOutputStream().write((question + "\n").getBytes(StandardCharsets.US_ASCII));
    }

    void readAnswer(String question) throws IOException {
      StringBuilder line = new StringBuilder();
      int b;
      while ((b = socket.getInputStream().read()) != '\n') {
        if (b < 0) {
          throw new IOException("the server closed the connection");
        }
        line.append((char) b);
      }
      String[] words = line.toString().split(" ");
      if (words.length != 3 || !words[2].equals(question)) {
        throw new IOException("asked \"" + question + "\", was answered \"" + line + "\"");
      }
      if (server != null && !server.equals(words[0])) {
        throw new IOException("now answered by " + words[0]);
      }
      server = words[0];
    }

    void close() {
      try {
        socket.close();
      } catch (IOException e) {
        throw new java.io.UncheckedIOException(e);
      }
    }
  }
}
