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
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;

/**
 * Machines on a LAN that announce the same addresses, each with an xdplb of its own in a process of
 * its own; servers behind them that answer clients themselves; a router that asks on the LAN who
 * has an address; a client behind the router.
 */
final class AnnouncingLan implements AutoCloseable {

  static final String VIP4 = "203.0.113.10";
  static final String VIP6 = "2001:db8:0:2::10";
  static final int PORT = 7;

  private static final Duration DEADLINE = Duration.ofSeconds(20);
  private static final int SERVERS = 2;

  private final Deque<AutoCloseable> open = new ArrayDeque<>();
  private final Path folder;
  private final List<String> vips;
  private final NodeCluster cluster;
  private final List<Host> servers = new ArrayList<>();
  private final Map<ClusterNode, Xdplb> commands = new HashMap<>();
  private final Map<ClusterNode, RunningProcess> processes = new HashMap<>();

  /**
   * Makes it, without xdplb running.
   *
   * @param folder empty; manifests and key will be there
   * @param nodes how many machines announce
   * @param vips all the addresses
   */
  AnnouncingLan(Path folder, int nodes, List<String> vips) {
    this.folder = folder;
    this.vips = vips;
    cluster = opened(NodeCluster.create(ClusterPlan.plain().withNodes(nodes, 0, 0)));
    cluster.resolveVipsOnLan();
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
    write("key", "000102030405060708090a0b0c0d0e0f");
    if (nodes > 1) {
      write("membership.yaml", membership(1, true, nodes()));
    }
    for (int i = 0; i < vips.size(); i += 16) {
      write("web%d.yaml".formatted(i), balancer(i, vips.subList(i, Math.min(i + 16, vips.size()))));
    }
  }

  static boolean isIpv4(String address) {
    return address.indexOf(':') < 0;
  }

  private <T extends AutoCloseable> T opened(T closeable) {
    open.push(closeable);
    return closeable;
  }

  private void write(String file, String text) {
    try {
      Path temporary = folder.resolve("." + file + ".new");
      Files.writeString(temporary, text);
      Files.move(
          temporary, folder.resolve(file), java.nio.file.StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static String policy() {
    return """
        apiVersion: xdplb.io/v1alpha1
        kind: AnnouncementPolicy
        metadata: {name: lan}
        spec:
          l2: {}
        """;
  }

  private static String membership(int epoch, boolean changed, List<ClusterNode> nodes) {
    return """
        apiVersion: xdplb.io/v1alpha1
        kind: Membership
        metadata: {name: xdplb}
        spec:
          epoch: %d
          changed: %s
          witness: false
          members:
        %s
        """
        .formatted(
            epoch,
            changed,
            IntStream.range(0, nodes.size())
                .mapToObj(
                    i ->
                        "  - {slot: %d, node: %s, address: \"%s\"}"
                            .formatted(i, nodes.get(i).name(), nodes.get(i).host().ipv4()))
                .collect(Collectors.joining("\n")));
  }

  private String balancer(int number, List<String> vips) {
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

  /** Waits until each machine that runs has all that the others say. */
  void awaitInStep() {
    processes.values().forEach(p -> Xdplb.awaitLine(p, "in step with the other members"));
  }

  /** The LoadBalancer of the first addresses, named {@code echo0}. */
  String balancer() {
    return balancer(0, vips.subList(0, Math.min(16, vips.size())));
  }

  /** Adds the policy that has them announce. */
  void announce() {
    write("lan.yaml", policy());
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
    Xdplb command = commands.computeIfAbsent(node, n -> opened(new Xdplb(n.netns())));
    processes.put(
        node,
        command.standalone(
            folder, "--name", node.name(), "--announce-key", folder.resolve("key").toString()));
  }

  /** Ends the process politely. */
  void stop(ClusterNode node) {
    processes.remove(node).close();
  }

  boolean isRunning(ClusterNode node) {
    return processes.containsKey(node) && processes.get(node).isAlive();
  }

  RunningProcess process(ClusterNode node) {
    return processes.get(node);
  }

  /** Waits until each of these addresses has an owner. */
  void awaitOwned(List<String> vips) {
    Awaitility.await("owners of " + vips.size() + " addresses")
        .atMost(DEADLINE)
        .pollInterval(Duration.ofMillis(20))
        .until(() -> owners().keySet().containsAll(vips));
  }

  /** Who has which address, by what the machines have logged last. */
  Map<String, ClusterNode> owners() {
    Map<String, ClusterNode> owners = new HashMap<>();
    processes.forEach(
        (node, process) -> owned(process).forEach(address -> owners.put(address, node)));
    return owners;
  }

  private static Set<String> owned(RunningProcess process) {
    Set<String> owned = new HashSet<>();
    process
        .output()
        .lines()
        .forEach(
            line -> {
              int at = line.indexOf(" is answered for by this node");
              int end = line.indexOf(" is no longer answered for by this node");
              if (at > 0) {
                owned.add(lastWord(line.substring(0, at)));
              } else if (end > 0) {
                owned.remove(lastWord(line.substring(0, end)));
              }
            });
    return owned;
  }

  private static String lastWord(String text) {
    return text.substring(text.lastIndexOf(' ') + 1);
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
