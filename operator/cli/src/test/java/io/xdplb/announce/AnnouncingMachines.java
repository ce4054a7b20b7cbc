// SPDX-License-Identifier: Apache-2.0
package io.xdplb.announce;

import io.xdplb.cli.Xdplb;
import io.xdplb.testing.kernel.ClusterNode;
import io.xdplb.testing.kernel.ClusterPlan;
import io.xdplb.testing.kernel.EchoServer;
import io.xdplb.testing.kernel.Host;
import io.xdplb.testing.kernel.NodeCluster;
import io.xdplb.testing.kernel.RunningProcess;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;

/**
 * Machines on a LAN that announce the same addresses, each with an xdplb of its own in a process of
 * its own, which all follow one folder; servers behind them that answer clients themselves; a
 * router, and a client behind it.
 */
abstract class AnnouncingMachines implements AutoCloseable {

  static final String VIP4 = "203.0.113.10";
  static final String VIP6 = "2001:db8:0:2::10";
  static final int PORT = 7;

  private static final int SERVERS = 2;

  private final Deque<AutoCloseable> open = new ArrayDeque<>();
  private final Path folder;
  private final List<String> vips;
  private final NodeCluster cluster;
  private final List<Host> servers = new ArrayList<>();
  private final Map<ClusterNode, Xdplb> commands = new HashMap<>();
  private final Map<ClusterNode, RunningProcess> processes = new ConcurrentHashMap<>();

  /**
   * Makes it, without xdplb running.
   *
   * @param folder empty; manifests will be there
   * @param nodes how many machines announce
   * @param vips all the addresses
   */
  AnnouncingMachines(Path folder, int nodes, List<String> vips) {
    this.folder = folder;
    this.vips = vips;
    cluster = opened(NodeCluster.create(ClusterPlan.plain().withNodes(nodes, 0, 0)));
    cluster.floodNothingToNodes();
    for (int i = 0; i < SERVERS; i++) {
      Host server = cluster.addServer();
      servers.add(server);
      server.netns().sysctl("net.ipv4.conf.all.arp_ignore", "1");
      server.netns().sysctl("net.ipv4.conf.all.arp_announce", "2");
      server
          .netns()
          .ip(
              vips.stream()
                  .map(
                      vip ->
                          (isIpv4(vip) ? "addr add %s/32 dev lo" : "addr add %s/128 dev lo nodad")
                              .formatted(vip))
                  .toArray(String[]::new));
      opened(EchoServer.start(server, server.ipv4(), PORT));
      for (String vip : vips.subList(0, Math.min(2, vips.size()))) {
        opened(EchoServer.start(server, vip, PORT));
      }
    }
    for (int i = 0; i < vips.size(); i += 16) {
      write("web%d.yaml".formatted(i), balancer(i, vips.subList(i, Math.min(i + 16, vips.size()))));
    }
  }

  /** Where the manifests are. */
  final Path folder() {
    return folder;
  }

  static boolean isIpv4(String address) {
    return address.indexOf(':') < 0;
  }

  /** Has it closed with the rest, before what was opened earlier. */
  final <T extends AutoCloseable> T opened(T closeable) {
    open.push(closeable);
    return closeable;
  }

  /** Writes a file of the folder in one step. */
  final void write(String file, String text) {
    try {
      Path temporary = folder.resolve("." + file + ".new");
      Files.writeString(temporary, text);
      Files.move(temporary, folder.resolve(file), StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A LoadBalancer of these addresses, named {@code echo} and its number. */
  final String balancer(int number, List<String> vips) {
    return """
        apiVersion: xdplb.io/v1alpha1
        kind: LoadBalancer
        metadata: {name: echo%d}
        spec:
          addresses:
            requested: [%s]
          forwarding: {mode: DSR}
          listeners:
        %s
        """
        .formatted(
            number,
            vips.stream().map(vip -> '"' + vip + '"').collect(Collectors.joining(", ")),
            List.of("TCP", "UDP").stream()
                .map(
                    protocol ->
                        """
                          - name: %s
                            protocol: %s
                            port: %d
                            backends:
                            - static: {addresses: [%s], port: %d, encapsulation: L2}
                        """
                            .formatted(
                                protocol.toLowerCase(java.util.Locale.ROOT),
                                protocol,
                                PORT,
                                servers.stream()
                                    .flatMap(s -> List.of(s.ipv4(), s.ipv6()).stream())
                                    .map(address -> '"' + address + '"')
                                    .collect(Collectors.joining(", ")),
                                PORT))
                .collect(Collectors.joining()));
  }

  /** The LoadBalancer of the first addresses, named {@code echo0}. */
  String balancer() {
    return balancer(0, vips.subList(0, Math.min(16, vips.size())));
  }

  List<ClusterNode> nodes() {
    return cluster.edges();
  }

  Host client() {
    return cluster.client();
  }

  Host router() {
    return cluster.router();
  }

  /** A server, which also answers at its own address: no load balancer is on the way there. */
  Host server() {
    return servers.get(0);
  }

  NodeCluster cluster() {
    return cluster;
  }

  /** Starts xdplb on a machine, and waits until it follows the folder. */
  void start(ClusterNode node) {
    processes.put(node, command(node).standalone(folder, options(node).toArray(String[]::new)));
  }

  /** Starts xdplb on all machines, and waits until each follows the folder. */
  void startAll() {
    nodes().forEach(this::command);
    nodes().parallelStream().forEach(this::start);
  }

  /** What the machine's xdplb is started with. */
  abstract List<String> options(ClusterNode node);

  /** The machine's xdplb. */
  final Xdplb command(ClusterNode node) {
    return commands.computeIfAbsent(node, n -> opened(new Xdplb(n.netns())));
  }

  /** Ends the process politely. */
  void stop(ClusterNode node) {
    processes.remove(node).close();
  }

  boolean isRunning(ClusterNode node) {
    return processes.containsKey(node) && processes.get(node).isAlive();
  }

  /** What each machine that runs is. */
  final Map<ClusterNode, RunningProcess> processes() {
    return Map.copyOf(processes);
  }

  RunningProcess process(ClusterNode node) {
    return processes.get(node);
  }

  @Override
  public void close() {
    try {
      while (!open.isEmpty()) {
        open.pop().close();
      }
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }
}
