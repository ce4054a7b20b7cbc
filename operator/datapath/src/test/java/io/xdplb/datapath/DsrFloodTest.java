// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static io.xdplb.datapath.DsrCluster.POD_PORT;
import static io.xdplb.datapath.DsrCluster.PORT;
import static io.xdplb.datapath.DsrCluster.VIP4;
import static io.xdplb.datapath.DsrCluster.VIP6;
import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.testing.kernel.ClusterNode;
import io.xdplb.testing.kernel.ClusterPlan;
import io.xdplb.testing.kernel.EchoServer;
import io.xdplb.testing.kernel.Host;
import io.xdplb.testing.kernel.ManyConnections;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.packet.Frame;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Row 35: a flood of SYNs from spoofed sources, as fast as this machine can, through an edge to
 * real servers. The endpoints' node has a table of flows that the flood could fill many times.
 */
@RequiresBpf
class DsrFloodTest {
  private static final int FLOWS = 1 << 12;
  private static final int ESTABLISHED = 1_000;
  private static final int SOURCES = 1 << 16;
  private static final Duration TIMEOUT = Duration.ofSeconds(20);
  private static final long ENOUGH = 20L * FLOWS;
  private static final long SEED = Long.getLong("xdplb.seed", System.nanoTime());

  private static final List<EchoServer> SERVERS = new ArrayList<>();
  private static DsrCluster cluster;

  @BeforeAll
  static void create() {
    cluster = new DsrCluster(ClusterPlan.plain().withNodes(1, 0, 1), 4, FLOWS);
    cluster.pods().forEach(pod -> SERVERS.add(EchoServer.start(pod.host(), POD_PORT)));
    // where the spoofed sources are
    cluster.nodes().router().netns().ip("route add blackhole 10.0.0.0/8");
    cluster.nodes().router().netns().ip("route add blackhole 2001:db8:ff00::/40");
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
  void row35_establishedConnectionsKeepTheirPodsInASynFlood(String vip) {
    cluster.program(DsrCluster.vip(vip, Protocol.TCP, cluster.pods(), true));
    ClusterNode edge = cluster.nodes().edges().get(0);
    ClusterNode worker = cluster.nodes().workers().get(0);
    try (ManyConnections connections =
        ManyConnections.open(cluster.nodes().clients(), vip, PORT, ESTABLISHED, TIMEOUT)) {
      assertThat(connections.check()).as("%s", cluster).isEmpty();
      Map<String, Integer> before = connections.perServer();
      try (Flood flood = Flood.start(cluster.nodes().router(), syns(vip, edge.host()))) {
        long start = System.nanoTime();
        while (flood.sent() < ENOUGH) {
          assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(TIMEOUT);
          LockSupport.parkNanos(10_000_000);
        }
        double seconds = (System.nanoTime() - start) / 1e9;
        System.out.printf(
            "%s: %.0f SYNs a second for %.1f s; flows at the node %s, at the edge %s%n",
            vip, flood.sent() / seconds, seconds, cluster.flows(worker), cluster.flows(edge));
      }
      // afterwards: what the machine itself could not carry meanwhile is sent again by TCP
      assertThat(connections.check()).as("seed %d\n%s", SEED, cluster).isEmpty();
      assertThat(connections.perServer()).isEqualTo(before);
      assertThat(cluster.flows(worker).hosted()).isBetween((long) ESTABLISHED, (long) FLOWS);
      assertThat(cluster.flows(edge)).isEqualTo(new FlowCounts(0, 0, 0, 0));
    }
  }

  /** The table is an index of two entries a flow, and none of its buckets may overflow so early. */
  @Test
  void halfOfTheFlowTableCanBeEstablishedConnections() {
    cluster.program(DsrCluster.vip(VIP4, Protocol.TCP, cluster.pods(), true));
    try (ManyConnections connections =
        ManyConnections.open(cluster.nodes().clients(), VIP4, PORT, FLOWS / 2, TIMEOUT)) {
      assertThat(connections.check()).as("%s", cluster).isEmpty();
      ClusterNode worker = cluster.nodes().workers().get(0);
      assertThat(cluster.drops(worker, DropReason.FLOW_TABLE_FULL)).as("%s", cluster).isZero();
    }
  }

  private static List<byte[]> syns(String vip, Host edge) {
    Random random = new Random(SEED);
    List<byte[]> frames = new ArrayList<>();
    Frame syn =
        Frame.tcp(vip.equals(VIP4) ? "10.0.0.1" : "2001:db8:ff00::1", 1, vip, PORT)
            .flags(Frame.SYN)
            .macs("02:00:00:00:00:0a", edge.netns().mac(edge.device()));
    for (int i = 0; i < SOURCES; i++) {
      String source =
          vip.equals(VIP4)
              ? "10.%d.%d.%d"
                  .formatted(random.nextInt(256), random.nextInt(256), random.nextInt(256))
              : "2001:db8:ff%02x:%x::1".formatted(random.nextInt(256), random.nextInt(65536));
      frames.add(syn.from(source, 1024 + random.nextInt(64000)).bytes());
    }
    return frames;
  }
}
