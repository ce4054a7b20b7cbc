// SPDX-License-Identifier: Apache-2.0
package io.xdplb.announce;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.testing.bgp.RouteMonitor;
import io.xdplb.testing.bgp.Router;
import io.xdplb.testing.kernel.ClusterNode;
import io.xdplb.testing.kernel.Host;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.awaitility.core.ThrowingRunnable;

/**
 * Machines that announce by BGP to two routers, each with a BIRD, BFD and ECMP by addresses and
 * ports. The client and the servers use the first one.
 */
final class AnnouncingRouters extends AnnouncingMachines {

  /** The AS of the machines, and that of both routers. */
  private static final int ASN = 64500;

  private static final int ROUTERS_ASN = 64501;
  private static final String PASSWORD = "of the routers";
  private static final String POLICY = "policy.yaml";
  private static final Duration DEADLINE = Duration.ofSeconds(20);
  private static final int MOST_FLOWS = 100;

  /** So many packets that BFD and BGP do not send half as many meanwhile. */
  private static final int FLOW = 100;

  private final Path folders;
  private final List<String> vips;
  private final List<Router> routers = new ArrayList<>();
  private final RouteMonitor monitor;

  /**
   * Makes it, without xdplb running.
   *
   * @param folder empty; manifests will be there
   * @param folders where folders of routers can be made
   */
  AnnouncingRouters(Path folder, Path folders, int nodes, List<String> vips) {
    super(folder, nodes, vips);
    this.folders = folders;
    this.vips = vips;
    cluster().sendVipsTo(List.of());
    List<Host> hosts = List.of(cluster().router(), cluster().addSecondRouter());
    write(
        "password.yaml",
        """
        apiVersion: v1
        kind: Secret
        metadata: {name: bgp}
        stringData: {password: %s}
        """
            .formatted(PASSWORD));
    for (Host host : hosts) {
      routers.add(router(host, ROUTERS_ASN, PASSWORD));
      writePeer(host.name(), host, ROUTERS_ASN, "bgp");
    }
    monitor = opened(new RouteMonitor(routers.get(0).netns()));
  }

  /** A router that speaks with each machine. */
  private Router router(Host host, int asn, String password) {
    return opened(
        Router.start(
            host.netns(),
            host.ipv4(),
            newFolder(host.name()),
            nodes().stream()
                .map(
                    node ->
                        Router.session(
                            node.name(),
                            "neighbor %s as %d".formatted(node.host().ipv4(), ASN),
                            asn,
                            "password \"%s\"; bfd on;".formatted(password)))
                .toArray(String[]::new)));
  }

  private Path newFolder(String name) {
    try {
      return Files.createDirectory(folders.resolve(name));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void writePeer(String name, Host router, int asn, String secret) {
    write(
        "peer-" + name + ".yaml",
        """
        apiVersion: xdplb.io/v1alpha1
        kind: BGPPeer
        metadata: {name: %s}
        spec:
          address: %s
          asn: %d
          localASN: %d
          connectRetryTime: 1s
          passwordSecretRef: {name: %s}
        """
            .formatted(name, router.ipv4(), asn, ASN, secret));
  }

  /** Adds a router of another AS or another password than its BGPPeer says. */
  void addStranger(String name, int asn, String password) {
    Host host = cluster().addServer();
    router(host, asn, password);
    writePeer(name, host, ROUTERS_ASN, "bgp");
  }

  /** Removes a BGPPeer. */
  void removePeer(String name) {
    delete("peer-" + name + ".yaml");
  }

  /** Adds the policy that has them announce. */
  void announce() {
    write(
        POLICY,
        """
        apiVersion: xdplb.io/v1alpha1
        kind: AnnouncementPolicy
        metadata: {name: routers}
        spec:
          bgp: {}
        """);
  }

  /** Removes it. */
  void announceNothing() {
    delete(POLICY);
  }

  /** Removes a file of the folder. */
  void delete(String file) {
    try {
      Files.delete(folder().resolve(file));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  List<String> options(ClusterNode node) {
    return List.of("--name", node.name());
  }

  /** The one that the client and the servers use, and the other one. */
  List<Router> routers() {
    return List.copyOf(routers);
  }

  /** Waits until both routers send each address by way of all machines where xdplb runs. */
  void awaitAnnounced() {
    List<ClusterNode> running = nodes().stream().filter(this::isRunning).toList();
    eventually(() -> vips.forEach(vip -> assertPaths(vip, running)));
  }

  /** That both routers send an address by way of these machines. */
  void assertPaths(String vip, List<ClusterNode> nodes) {
    for (Router router : routers) {
      assertThat(router.paths(vip))
          .containsExactlyInAnyOrderElementsOf(
              nodes.stream()
                  .map(node -> isIpv4(vip) ? node.host().ipv4() : node.host().ipv6())
                  .toList());
    }
  }

  static void eventually(ThrowingRunnable assertion) {
    Awaitility.await()
        .atMost(DEADLINE)
        .pollDelay(Duration.ZERO)
        .pollInterval(Duration.ofMillis(5))
        .untilAsserted(assertion);
  }

  /** How often the first router's kernel has got another route to one of the addresses so far. */
  int routes() {
    return vips.stream()
        .mapToInt(
            vip ->
                (int)
                    monitor.changes(vip).stream()
                        .filter(change -> !change.text().startsWith("Deleted"))
                        .count())
        .sum();
  }

  /**
   * A probe of an address whose packets the first router sends to this machine. Which one that is
   * cannot be told from its ports: where both ends of a cable are of one kernel, the router takes
   * the hash that the client's kernel has given the socket, a random one.
   */
  Probe probe(String vip, ClusterNode node) {
    for (int i = 0; i < MOST_FLOWS; i++) {
      Probe probe = Probe.start(client(), vip, PORT);
      long before = framesToOthers(node);
      probe.awaitSent(FLOW);
      if (framesToOthers(node) - before < FLOW / 2) {
        return probe;
      }
      try {
        probe.close();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
    throw new IllegalStateException(
        "none of %d flows to %s goes by way of %s".formatted(MOST_FLOWS, vip, node.name()));
  }

  private long framesToOthers(ClusterNode node) {
    return nodes().stream().filter(n -> n != node).mapToLong(cluster()::framesTo).sum();
  }

  /** SIGKILL to a machine's BIRD. */
  void killBird(ClusterNode node) {
    command(node).bird().orElseThrow().destroyForcibly();
  }

  /** Adds addresses, half of each family; sixteen of them a LoadBalancer. */
  void addBalancers(int count) {
    List<String> addresses =
        IntStream.range(0, count)
            .mapToObj(i -> i % 2 == 0 ? "203.0.113." + (100 + i / 2) : "2001:db8:0:2::" + (100 + i))
            .toList();
    write(
        "many.yaml",
        IntStream.iterate(0, i -> i < count, i -> i + 16)
            .mapToObj(i -> balancer(100 + i, addresses.subList(i, Math.min(i + 16, count))))
            .collect(Collectors.joining("---\n")));
  }

  /** Removes them. */
  void removeBalancers() {
    delete("many.yaml");
  }

  /** How many routes BIRD has in both routers' kernels, each counted once for each machine. */
  long paths() {
    return routers.stream().mapToLong(r -> r.kernelPaths(4) + r.kernelPaths(6)).sum();
  }

  /**
   * Adds a LoadBalancer with an address of each family, to a Service with these backends; or
   * changes which those are.
   */
  void writeService(List<String> vips, List<Host> backends) {
    write(
        "service.yaml",
        """
        apiVersion: xdplb.io/v1alpha1
        kind: LoadBalancer
        metadata: {name: service}
        spec:
          addresses: {requested: [%s]}
          listeners:
          - {name: tcp, protocol: TCP, port: %d, backends: [{serviceRef: {name: echo, port: %d}}]}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: echo}
        spec: {ports: [{name: tcp, protocol: TCP, port: %d}]}
        """
            .formatted(
                vips.stream().map(vip -> '"' + vip + '"').collect(Collectors.joining(", ")),
                PORT,
                PORT,
                PORT));
    write(
        "endpoints.yaml",
        slice("IPv4", backends.stream().map(Host::ipv4).toList())
            + "---\n"
            + slice("IPv6", backends.stream().map(Host::ipv6).toList()));
  }

  private static String slice(String family, List<String> addresses) {
    return """
        apiVersion: discovery.k8s.io/v1
        kind: EndpointSlice
        metadata: {name: echo-%s, labels: {kubernetes.io/service-name: echo}}
        addressType: %s
        ports: [{name: tcp, protocol: TCP, port: %d}]
        endpoints: [%s]
        """
        .formatted(
            family.toLowerCase(java.util.Locale.ROOT),
            family,
            PORT,
            addresses.stream()
                .map(
                    address ->
                        "{addresses: [\"%s\"], conditions: {ready: true}}".formatted(address))
                .collect(Collectors.joining(", ")));
  }
}
