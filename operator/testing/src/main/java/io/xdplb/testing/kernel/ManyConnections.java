// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.kernel;

import com.sun.management.UnixOperatingSystemMXBean;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.net.InetSocketAddress;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * TCP connections by the ten thousand to {@link EchoServer}s, which are asked when the test says
 * so; {@link Connections} are few that talk by themselves. A connection is broken if it was not
 * opened or not answered in time, if the answer is wrong or another server's than its first one, or
 * if it ended; a broken one stays broken. Not for several threads at a time.
 */
public final class ManyConnections implements AutoCloseable {

  /** How many are asked at a time: so few that no queue on the way overflows. */
  private static final int AT_A_TIME = 128;

  private static final int SPARE_DESCRIPTORS = 100;

  /**
   * A connection that broke.
   *
   * @param client its own end, {@code address:port}
   * @param server who answered it before; null if nobody has
   */
  public record Broken(String client, String server, String reason) {}

  private final List<Host> clients;
  private final InetSocketAddress address;
  private final long timeoutNanos;
  private final Selector selector;
  private final List<EchoConnection> connections = new ArrayList<>();
  private final Set<EchoConnection> busy = new LinkedHashSet<>(); // who began first is first
  private int round;

  private ManyConnections(List<Host> clients, InetSocketAddress address, Duration timeout)
      throws IOException {
    this.clients = List.copyOf(clients);
    this.address = address;
    timeoutNanos = timeout.toNanos();
    selector = Selector.open();
  }

  /**
   * Opens connections and asks once on each of them; look at {@link #broken} for those that failed.
   *
   * @param clients who opens them, in turns
   * @param timeout how long opening and answering may take
   * @throws IllegalStateException if this process may not open as many files
   */
  public static ManyConnections open(
      List<Host> clients, String address, int port, int count, Duration timeout) {
    try {
      var all = new ManyConnections(clients, new InetSocketAddress(address, port), timeout);
      try {
        all.openMore(count);
        return all;
      } catch (RuntimeException e) {
        all.close();
        throw e;
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Opens some more, and asks once on each of those; answers all that are broken. */
  public List<Broken> openMore(int count) {
    mayOpen(count);
    List<EchoConnection> opened = new ArrayList<>();
    for (int i = 0; i < clients.size(); i++) {
      Host client = clients.get(i);
      int share = (count + i) / clients.size();
      client
          .netns()
          .call(
              () -> {
                for (int j = 0; j < share; j++) {
                  opened.add(new EchoConnection(SocketChannel.open(), client.name()));
                }
                return null;
              });
    }
    connections.addAll(opened);
    ask(opened);
    return broken();
  }

  /** Asks once on every unbroken connection; answers all that are broken, now or before. */
  public List<Broken> check() {
    ask(connections);
    return broken();
  }

  /** All that ever broke and were not forgotten. */
  public List<Broken> broken() {
    return connections.stream().filter(c -> !c.alive()).map(EchoConnection::broken).toList();
  }

  /** Leaves out from now on what is broken; answers what that is. */
  public List<Broken> forgetBroken() {
    List<Broken> broken = broken();
    connections.removeIf(connection -> !connection.alive());
    return broken;
  }

  /** How many unbroken connections each server has, by its name. */
  public Map<String, Integer> perServer() {
    Map<String, Integer> servers = new TreeMap<>();
    connections.stream()
        .filter(EchoConnection::alive)
        .forEach(connection -> servers.merge(connection.server(), 1, Integer::sum));
    return servers;
  }

  /** The addresses, without ports, that the servers saw the unbroken connections come from. */
  public Set<String> seenFrom() {
    Set<String> addresses = new TreeSet<>();
    connections.stream().filter(EchoConnection::alive).forEach(c -> addresses.add(c.seenFrom()));
    return addresses;
  }

  /** Closes all of them. */
  @Override
  public void close() {
    try {
      for (EchoConnection connection : connections) {
        connection.close();
      }
      selector.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void ask(Collection<EchoConnection> those) {
    round++;
    Deque<EchoConnection> waiting = new ArrayDeque<>(those);
    try {
      while (!waiting.isEmpty() || !busy.isEmpty()) {
        while (!waiting.isEmpty() && busy.size() < AT_A_TIME) {
          begin(waiting.poll());
        }
        giveUpLate();
        selector.select(this::ready, busy.isEmpty() ? 1 : 10);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void begin(EchoConnection connection) {
    if (connection.alive()) {
      busy.add(connection);
      connection.begin(selector, address, "round-" + round);
      done(connection);
    }
  }

  private void ready(SelectionKey key) {
    EchoConnection connection = (EchoConnection) key.attachment();
    connection.ready(key);
    done(connection);
  }

  private void done(EchoConnection connection) {
    if (!connection.waits()) {
      busy.remove(connection);
    }
  }

  private void giveUpLate() {
    long now = System.nanoTime();
    while (!busy.isEmpty()) {
      EchoConnection oldest = busy.iterator().next();
      if (now - oldest.begun() < timeoutNanos) {
        return;
      }
      oldest.fail("no answer in time");
      busy.remove(oldest);
    }
  }

  private static void mayOpen(int count) {
    if (ManagementFactory.getOperatingSystemMXBean() instanceof UnixOperatingSystemMXBean system) {
      long most = system.getMaxFileDescriptorCount();
      long now = system.getOpenFileDescriptorCount();
      if (now + count + SPARE_DESCRIPTORS > most) {
        throw new IllegalStateException(
            "cannot open %d connections: this process has %d of %d files open; raise the hard limit (ulimit -Hn)"
                .formatted(count, now, most));
      }
    }
  }
}
