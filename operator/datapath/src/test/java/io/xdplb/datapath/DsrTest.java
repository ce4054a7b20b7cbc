// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static io.xdplb.datapath.DsrCluster.POD_PORT;
import static io.xdplb.datapath.DsrCluster.PORT;
import static io.xdplb.datapath.DsrCluster.VIP4;
import static io.xdplb.datapath.DsrCluster.VIP6;
import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.core.model.Ip;
import io.xdplb.datapath.DatapathConfig.AttachPreference;
import io.xdplb.datapath.DsrCluster.Pod;
import io.xdplb.testing.kernel.Clients;
import io.xdplb.testing.kernel.ClusterPlan;
import io.xdplb.testing.kernel.EchoServer;
import io.xdplb.testing.kernel.ManyConnections;
import io.xdplb.testing.kernel.RequiresBpf;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * DSR to pods with real connections, on nodes that look like a Kubernetes cluster's: masquerading,
 * connection tracking that drops what it does not know, strict reverse path filters.
 */
@RequiresBpf
class DsrTest {
  private static final Duration TIMEOUT = Duration.ofSeconds(5);
  private static final int BYTES = 4 << 20;

  /** Rows 29, 48, 50 and 59: all four combinations of families, endpoints here and elsewhere. */
  @ParameterizedTest
  @CsvSource({
    "true, true, false",
    "true, false, false",
    "false, true, false",
    "false, false, false",
    "true, true, true",
    "false, false, true"
  })
  void row48_row50_row59_podsSeeTheClientAndAnswerAsTheVip(
      boolean ipv4, boolean outerIpv4, boolean overlay) {
    ClusterPlan plan = ClusterPlan.plain().withNodes(1, 1, 1);
    try (DsrCluster cluster = new DsrCluster(overlay ? plan.withOverlay() : plan, 1)) {
      String vip = ipv4 ? VIP4 : VIP6;
      for (Protocol protocol : Protocol.values()) {
        cluster.program(DsrCluster.vip(vip, protocol, cluster.pods(), outerIpv4));
      }
      List<EchoServer> servers = new ArrayList<>();
      for (Pod pod : cluster.pods()) {
        servers.add(EchoServer.start(pod.host(), POD_PORT));
      }
      var clients = cluster.nodes().clients();
      try (ManyConnections connections = ManyConnections.open(clients, vip, PORT, 40, TIMEOUT)) {
        assertThat(connections.check()).as("%s", cluster).isEmpty();
        assertThat(connections.perServer()).as("%s", cluster).hasSize(cluster.pods().size());
        assertThat(connections.seenFrom().stream().map(Ip::parse))
            .containsExactly(Ip.parse(ipv4 ? clients.get(0).ipv4() : clients.get(0).ipv6()));
      }
      for (int i = 0; i < 10; i++) {
        assertThat(Clients.udp(clients.get(0).netns(), vip, PORT, "hello", TIMEOUT))
            .as("%s", cluster)
            .endsWith("hello");
      }
      servers.forEach(EchoServer::close);
    }
  }

  /** Row 54: where a driver has no native mode, with segments that the kernel has joined. */
  @ParameterizedTest
  @CsvSource({"true, true", "true, false", "false, true", "false, false"})
  void row54_genericModeCarriesConnectionsAndDatagrams(boolean ipv4, boolean outerIpv4) {
    ClusterPlan plan = ClusterPlan.plain().withNodes(1, 1, 1);
    try (DsrCluster cluster = new DsrCluster(plan, 1, 1 << 16, AttachPreference.GENERIC)) {
      String vip = ipv4 ? VIP4 : VIP6;
      for (Protocol protocol : Protocol.values()) {
        cluster.program(DsrCluster.vip(vip, protocol, cluster.pods(), outerIpv4));
      }
      List<EchoServer> servers = new ArrayList<>();
      for (Pod pod : cluster.pods()) {
        servers.add(EchoServer.start(pod.host(), POD_PORT));
      }
      var clients = cluster.nodes().clients();
      try (ManyConnections connections = ManyConnections.open(clients, vip, PORT, 40, TIMEOUT)) {
        assertThat(connections.check()).as("%s", cluster).isEmpty();
        assertThat(connections.perServer()).as("%s", cluster).hasSize(cluster.pods().size());
      }
      for (int i = 0; i < 10; i++) {
        assertThat(Clients.udp(clients.get(0).netns(), vip, PORT, "hello", TIMEOUT))
            .as("%s", cluster)
            .endsWith("hello");
      }
      servers.forEach(EchoServer::close);
      List<BulkServer> bulk = new ArrayList<>();
      for (Pod pod : cluster.pods()) {
        bulk.add(BulkServer.start(pod.host(), POD_PORT));
      }
      for (int i = 0; i < 4; i++) { // both pods
        assertThat(BulkServer.upload(clients.get(0), vip, PORT, BYTES, TIMEOUT))
            .as("%s", cluster)
            .isEqualTo(BulkServer.hash(BYTES));
        assertThat(BulkServer.download(clients.get(0), vip, PORT, BYTES, TIMEOUT))
            .as("%s", cluster)
            .isEqualTo(BulkServer.hash(BYTES));
      }
      bulk.forEach(BulkServer::close);
    }
  }
}
