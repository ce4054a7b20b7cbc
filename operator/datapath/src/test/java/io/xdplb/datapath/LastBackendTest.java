// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static io.xdplb.datapath.DsrCluster.POD_PORT;
import static io.xdplb.datapath.DsrCluster.PORT;
import static io.xdplb.datapath.DsrCluster.VIP4;
import static io.xdplb.datapath.DsrCluster.VIP6;
import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.datapath.DsrCluster.Pod;
import io.xdplb.testing.kernel.ClusterPlan;
import io.xdplb.testing.kernel.EchoServer;
import io.xdplb.testing.kernel.ManyConnections;
import io.xdplb.testing.kernel.ManyConnections.Broken;
import io.xdplb.testing.kernel.RequiresBpf;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * When the last backend drains, no new connection is taken and none of the old ones ends: of the
 * one that was the last, and of those that had left before. One edge, one node that is both.
 */
@RequiresBpf
class LastBackendTest {
  private static final int CONNECTIONS = 300;
  private static final Duration TIMEOUT = Duration.ofSeconds(10);

  private static final List<EchoServer> SERVERS = new ArrayList<>();
  private static DsrCluster cluster;

  @BeforeAll
  static void create() {
    cluster = new DsrCluster(ClusterPlan.plain().withNodes(1, 1, 1), 2, 1 << 12);
    cluster.pods().forEach(pod -> SERVERS.add(EchoServer.start(pod.host(), POD_PORT)));
  }

  @AfterAll
  static void close() {
    SERVERS.forEach(EchoServer::close);
    cluster.close();
  }

  @AfterEach
  void forget() {
    cluster.removeVips();
  }

  @ParameterizedTest
  @ValueSource(strings = {VIP4, VIP6})
  void row32_connectionsOfDrainingPodsGoOnWhenNobodyTakesNewOnes(String vip) {
    Map<Pod, Integer> weights = new LinkedHashMap<>();
    cluster.pods().forEach(pod -> weights.put(pod, 1));
    program(vip, weights);
    try (ManyConnections connections =
        ManyConnections.open(cluster.nodes().clients(), vip, PORT, CONNECTIONS, TIMEOUT)) {
      assertThat(connections.broken()).as("%s", cluster).isEmpty();
      for (Pod pod : cluster.pods()) { // one after the other
        weights.put(pod, 0);
        program(vip, weights);
        assertThat(connections.check()).as("%s", cluster).isEmpty();
      }
      assertThat(connections.perServer()).hasSize(cluster.pods().size());

      program(vip, Map.of()); // they have left the table as well, and have their time to drain
      assertThat(connections.check()).as("%s", cluster).isEmpty();

      assertThat(connections.openMore(3))
          .as("%s", cluster)
          .hasSize(3)
          .extracting(Broken::reason)
          .allMatch(reason -> reason.contains("refused"));
      connections.forgetBroken();

      weights.replaceAll((pod, weight) -> 1);
      program(vip, weights);
      assertThat(connections.openMore(20)).as("%s", cluster).isEmpty();
      assertThat(connections.check()).as("%s", cluster).isEmpty();
    }
  }

  private static void program(String vip, Map<Pod, Integer> weights) {
    cluster.program(DsrCluster.vip(vip, Protocol.TCP, weights, true));
  }
}
