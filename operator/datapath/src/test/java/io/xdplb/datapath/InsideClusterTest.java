// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static io.xdplb.datapath.DsrCluster.POD_PORT;
import static io.xdplb.datapath.DsrCluster.PORT;
import static io.xdplb.datapath.DsrCluster.VIP4;
import static io.xdplb.datapath.DsrCluster.VIP6;
import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.VipKey;
import io.xdplb.datapath.DsrCluster.Pod;
import io.xdplb.testing.kernel.Clients;
import io.xdplb.testing.kernel.ClusterNode;
import io.xdplb.testing.kernel.ClusterPlan;
import io.xdplb.testing.kernel.EchoServer;
import io.xdplb.testing.kernel.Host;
import io.xdplb.testing.kernel.ManyConnections;
import io.xdplb.testing.kernel.RequiresBpf;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Clients inside the cluster: a pod, whose node hides it behind its own address, and a node itself.
 * Rows 55, 56 and 57. All ways that client, edge and endpoint can be on one, two or three nodes.
 */
@RequiresBpf
class InsideClusterTest {
  private static final Duration TIMEOUT = Duration.ofSeconds(2);

  private static final int BULK_PORT = 8081;
  private static final int BYTES = 1 << 20;

  /** One where routes lead to pods, and one with an overlay. */
  private static final List<DsrCluster> CLUSTERS = new ArrayList<>();

  private static final List<EchoServer> SERVERS = new ArrayList<>();

  private DsrCluster cluster;

  @BeforeAll
  static void create() {
    ClusterPlan plan = ClusterPlan.plain().withNodes(1, 2, 0);
    for (ClusterPlan each : List.of(plan, plan.withOverlay())) {
      DsrCluster cluster = new DsrCluster(each, 2);
      CLUSTERS.add(cluster);
      cluster.pods().forEach(pod -> SERVERS.add(EchoServer.start(pod.host(), POD_PORT)));
    }
  }

  @AfterAll
  static void close() {
    SERVERS.forEach(EchoServer::close);
    CLUSTERS.forEach(DsrCluster::close);
  }

  static Stream<Arguments> ways() {
    List<Arguments> ways = new ArrayList<>();
    for (boolean overlay : new boolean[] {false, true}) {
      for (String vip : List.of(VIP4, VIP6)) {
        for (String edge : List.of("edge1", "node1", "node2")) {
          for (String endpoint : List.of("node1-pod1", "node1-pod2", "node2-pod1")) {
            ways.add(Arguments.of(overlay, vip, edge, endpoint));
          }
        }
      }
    }
    return ways.stream();
  }

  @ParameterizedTest
  @MethodSource("ways")
  void row55_row56_row57_podReachesTheVip(
      boolean overlay, String vip, String edge, String endpoint) {
    cluster = CLUSTERS.get(overlay ? 1 : 0);
    reaches(cluster.pods().get(0).host(), vip, edge, endpoint);
  }

  @ParameterizedTest
  @MethodSource("ways")
  void row55_row56_nodeReachesTheVip(boolean overlay, String vip, String edge, String endpoint) {
    cluster = CLUSTERS.get(overlay ? 1 : 0);
    reaches(cluster.pods().get(0).node().host(), vip, edge, endpoint);
  }

  /** Also what is larger than the tunnel takes, and what leaves the endpoint in large packets. */
  @ParameterizedTest
  @MethodSource("ways")
  void row55_row56_row57_podTransfersMegabytes(
      boolean overlay, String vip, String edge, String endpoint) {
    cluster = CLUSTERS.get(overlay ? 1 : 0);
    Host client = cluster.pods().get(0).host();
    cluster.nodes().sendVipsTo(edge(edge));
    Pod pod = pod(endpoint);
    BackendKey key = new BackendKey(pod.key(isIpv4(vip)).address(), BULK_PORT);
    Backend backend = new Backend(key, 1, 0, DsrCluster.dsr(pod, isIpv4(vip)));
    cluster.program(
        DsrCluster.vip(new VipKey(Ip.parse(vip), Protocol.TCP, BULK_PORT), List.of(backend)));
    try (BulkServer server = BulkServer.start(pod.host(), BULK_PORT)) {
      String expected = BulkServer.hash(BYTES);
      assertThat(BulkServer.download(client, vip, BULK_PORT, BYTES, TIMEOUT)).isEqualTo(expected);
      assertThat(BulkServer.upload(client, vip, BULK_PORT, BYTES, TIMEOUT))
          .as("%s", cluster)
          .isEqualTo(expected);
      assertThat(server).isNotNull();
    }
  }

  private static boolean isIpv4(String vip) {
    return vip.equals(VIP4);
  }

  private Pod pod(String name) {
    return cluster.pods().stream()
        .filter(pod -> pod.host().name().equals(name))
        .findFirst()
        .orElseThrow();
  }

  private void reaches(Host client, String vip, String edge, String endpoint) {
    cluster.nodes().sendVipsTo(edge(edge));
    for (Protocol protocol : Protocol.values()) {
      cluster.program(DsrCluster.vip(vip, protocol, Map.of(pod(endpoint), 1), isIpv4(vip), 0));
    }
    try (ManyConnections connections =
        ManyConnections.open(List.of(client), vip, PORT, 4, TIMEOUT)) {
      assertThat(connections.check()).as("%s", cluster).isEmpty();
      assertThat(connections.perServer()).containsOnlyKeys(endpoint);
    }
    for (int i = 0; i < 3; i++) {
      assertThat(Clients.udp(client.netns(), vip, PORT, "hello", TIMEOUT))
          .as("%s", cluster)
          .startsWith(endpoint)
          .endsWith("hello");
    }
  }

  private ClusterNode edge(String name) {
    return cluster.nodes().edges().stream()
        .filter(node -> node.name().equals(name))
        .findFirst()
        .orElseThrow();
  }
}
