// SPDX-License-Identifier: Apache-2.0
package io.xdplb.e2e;

import static io.xdplb.e2e.Manifests.PORT;
import static io.xdplb.e2e.Manifests.balancer;
import static io.xdplb.e2e.Manifests.group;
import static io.xdplb.e2e.Manifests.service;
import static io.xdplb.e2e.Manifests.slices;
import static io.xdplb.e2e.Manifests.slicesOf;
import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.VipKey;
import io.xdplb.datapath.BackendStatus;
import io.xdplb.datapath.VipStatus;
import io.xdplb.e2e.Manifests.Endpoint;
import io.xdplb.testing.kernel.EchoServer;
import io.xdplb.testing.kernel.Host;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** A user and an endpoint controller change what there is, with connections under way. */
class ScalingTest extends ClusterTestCase {

  private static final String VIP4 = "203.0.113.20";
  private static final String VIP6 = "2001:db8:0:2::20";
  private static final List<String> VIPS = List.of(VIP4, VIP6);

  /** Enough that a server with a third of the ring is missed once in 100,000 times. */
  private static final int SAMPLE = 30;

  private static final int OTHER_PORT = 8;

  ScalingTest() {
    super(3);
  }

  @Override
  void startServers() {
    cluster.lan().backends().forEach(host -> cluster.opened(EchoServer.start(host, PORT)));
  }

  @Test
  void aNewEndpointGetsNewConnectionsADrainingOneKeepsItsOwnARemovedOneLosesThem() {
    cluster.apply(
        service("echo")
            + slices("echo", hosts(2))
            + balancer("echo", VIPS, PORT, group("echo", 1)));
    cluster.awaitReady("echo");
    LiveConnections live = opened(LiveConnections.open(client(), VIPS, PORT, 40));
    Map<String, Integer> before = live.perServer();
    assertThat(before).containsOnlyKeys("http1", "http2");

    cluster.applyQuickly(slices("echo", hosts(3)));
    cluster.until("http3 is used", () -> newConnections().contains("http3"));
    live.mustAllGoOn();

    Host first = hosts(3).get(0);
    List<Endpoint> rest = hosts(3).subList(1, 3).stream().map(Endpoint::ready).toList();
    cluster.applyQuickly(
        slicesOf("echo", List.of(Endpoint.draining(first), rest.get(0), rest.get(1))));
    cluster.until("http1 is drained", () -> !newConnections().contains("http1"));
    cluster.awaitReady("echo");
    live.mustAllGoOn();
    assertThat(live.perServer()).isEqualTo(before);
    assertThat(newConnections()).containsExactly("http2", "http3");

    cluster.applyQuickly(slicesOf("echo", rest));
    cluster.until("http1 has left the kernel", () -> !backends().contains(first.ipv4()));
    cluster.until("http1's connections are cut", () -> !live.perServer().containsKey("http1"));
    live.mustGoOn(Map.of("http2", before.get("http2")));
    assertThat(live.broken()).hasSize(before.get("http1"));
  }

  @Test
  void editedWeightsMoveNewConnectionsAndLeaveOldOnes() {
    Host left = hosts(2).get(0);
    Host right = hosts(2).get(1);
    cluster.apply(
        service("left")
            + service("right")
            + slices("left", List.of(left))
            + slices("right", List.of(right))
            + balancer("echo", VIPS, PORT, group("left", 1), group("right", 1)));
    cluster.awaitReady("echo");
    assertThat(share(left)).isBetween(0.48, 0.52);
    LiveConnections live = opened(LiveConnections.open(client(), VIPS, PORT, 40));

    cluster.apply(balancer("echo", VIPS, PORT, group("left", 3), group("right", 1)));
    cluster.until("three to one", () -> share(left) > 0.73 && share(left) < 0.77);
    Map<String, Integer> answers = Echo.servers(client(), VIP4, PORT, 200);
    // Binomial, n = 200, p = 0.75: outside of this less than once in 10,000 runs.
    assertThat(answers.get("http1")).as("of 200 new connections").isBetween(124, 174);

    cluster.apply(balancer("echo", VIPS, PORT, group("left", 0), group("right", 1)));
    cluster.until("left is out", () -> newConnections().equals(Set.of("http2")));
    cluster.awaitReady("echo");
    live.mustAllGoOn();
  }

  @Test
  void anEditedPortMovesTheListener() {
    cluster.apply(
        service("echo")
            + slices("echo", hosts(2))
            + balancer("echo", VIPS, PORT, group("echo", 1)));
    cluster.awaitReady("echo");
    cluster.apply(balancer("echo", VIPS, OTHER_PORT, group("echo", 1)));
    cluster.awaitReady("echo");
    for (String vip : VIPS) {
      assertThat(answer(vip, OTHER_PORT)).startsWith("http");
      assertThat(answer(vip, PORT)).as("the port that was given up").isEqualTo("nobody");
    }
    assertThat(cluster.vips()).extracting(vip -> vip.key().port()).containsOnly(OTHER_PORT);
  }

  @Test
  void aDeletedLoadBalancerGivesItsAddressBack() {
    // The machine itself has the address: what XDP passes is answered by the machine.
    cluster
        .lan()
        .balancer()
        .netns()
        .ip("addr add " + VIP4 + "/32 dev lo", "addr add " + VIP6 + "/128 dev lo nodad");
    opened(EchoServer.start(cluster.lan().balancer(), PORT));
    opened(
        () ->
            cluster
                .lan()
                .balancer()
                .netns()
                .ip("addr del " + VIP4 + "/32 dev lo", "addr del " + VIP6 + "/128 dev lo"));
    VIPS.forEach(vip -> assertThat(answer(vip, PORT)).as("before").isEqualTo("lb"));
    cluster.apply(
        service("echo")
            + slices("echo", hosts(2))
            + balancer("echo", VIPS, PORT, group("echo", 1)));
    cluster.awaitReady("echo");
    VIPS.forEach(vip -> assertThat(answer(vip, PORT)).as("while it is there").startsWith("http"));
    assertThat(cluster.nodeState().orElseThrow().tables()).isOne();

    cluster.kubectl("delete", "loadbalancer", "echo").outOrFail();
    for (String vip : VIPS) {
      cluster.until("the machine answers " + vip, () -> answer(vip, PORT).equals("lb"));
    }
    cluster.until("the table has gone", () -> cluster.tables().isEmpty());
    assertThat(cluster.vips()).isEmpty();
    cluster.until(
        "the node reports no table and no hash of one",
        () ->
            cluster
                .nodeState()
                .map(s -> (s.tables() == null || s.tables() == 0) && s.bucketHashes() == null)
                .orElseThrow());
    assertThat(cluster.nodeState().orElseThrow().interfaces().get(0).attached())
        .as("the program stays for the next one")
        .isTrue();
  }

  private String answer(String vip, int port) {
    return Echo.server(client(), vip, port, Duration.ofMillis(500)).orElse("nobody");
  }

  /** Who answers new connections, over all VIPs. */
  private Set<String> newConnections() {
    Set<String> servers = new TreeSet<>();
    VIPS.forEach(vip -> servers.addAll(Echo.servers(client(), vip, PORT, SAMPLE).keySet()));
    return servers;
  }

  /** A server's share of the ring of the TCP VIP of IPv4. */
  private double share(Host host) {
    VipStatus vip =
        cluster.vips().stream()
            .filter(v -> v.key().equals(new VipKey(Ip.parse(VIP4), Protocol.TCP, PORT)))
            .findFirst()
            .orElseThrow();
    return vip.backends().stream()
        .filter(backend -> address(backend).equals(host.ipv4()))
        .mapToDouble(backend -> (double) backend.ringSlots() / vip.ringSize())
        .sum();
  }

  /** The addresses of all backends in the kernel. */
  private Set<String> backends() {
    Set<String> addresses = new TreeSet<>();
    cluster.vips().forEach(vip -> vip.backends().forEach(b -> addresses.add(address(b))));
    return addresses;
  }

  private static String address(BackendStatus backend) {
    return backend.key().address().toString();
  }
}
