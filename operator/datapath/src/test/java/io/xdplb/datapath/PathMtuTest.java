// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static io.xdplb.datapath.DsrCluster.POD_PORT;
import static io.xdplb.datapath.DsrCluster.PORT;
import static io.xdplb.datapath.DsrCluster.VIP4;
import static io.xdplb.datapath.DsrCluster.VIP6;
import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.datapath.DsrCluster.Pod;
import io.xdplb.testing.kernel.ClusterNode;
import io.xdplb.testing.kernel.ClusterPlan;
import io.xdplb.testing.kernel.Host;
import io.xdplb.testing.kernel.RequiresBpf;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.time.Duration;
import java.util.List;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Both ends of a connection through DSR learn what fits: through a tunnel, and through a client's
 * path.
 */
@RequiresBpf
class PathMtuTest {
  private static final Duration TIMEOUT = Duration.ofSeconds(5);
  private static final int BYTES = 2 << 20;
  private static final int LAN_MTU = 1500;
  private static final int SMALL_MTU = 1400;
  private static final int TUNNEL_IPV4 = 40;
  private static final int TUNNEL_IPV6 = 60;

  private static DsrCluster cluster;
  private static Pod pod;
  private static Host client;

  @BeforeAll
  static void create() {
    cluster = new DsrCluster(ClusterPlan.plain().withNodes(2, 0, 1).withClientPathMtu(LAN_MTU), 1);
    pod = cluster.pods().get(0);
    client = cluster.nodes().client();
  }

  @AfterAll
  static void close() {
    cluster.close();
  }

  @AfterEach
  void forget() {
    cluster.removeVips();
    cluster.nodes().clientPathMtu(LAN_MTU);
    cluster.nodes().sendVipsTo(cluster.nodes().edges().toArray(ClusterNode[]::new));
    forgetRoutes();
  }

  /** Rows 14 and 15: the router's message comes in by an edge that never saw the connection. */
  @ParameterizedTest
  @CsvSource({
    "203.0.113.10, true",
    "203.0.113.10, false",
    "2001:db8:0:2::10, true",
    "2001:db8:0:2::10, false"
  })
  void row14_row15_podsLearnTheMtuOfTheClientsPathByWhateverEdge(String vip, boolean outerIpv4) {
    cluster.program(DsrCluster.vip(vip, Protocol.TCP, cluster.pods(), outerIpv4));
    cluster.nodes().clientPathMtu(SMALL_MTU);
    cluster.nodes().sendVipsTo(cluster.nodes().edges().get(0));
    try (BulkServer server = BulkServer.start(pod.host(), POD_PORT)) {
      String hash =
          BulkServer.download(
              client,
              vip,
              PORT,
              BYTES,
              TIMEOUT,
              () -> cluster.nodes().sendVipsTo(cluster.nodes().edges().get(1)));
      assertThat(hash).as("%s", cluster).isEqualTo(BulkServer.hash(BYTES));
      assertThat(
              pod.host().netns().ip("route get " + (isIpv4(vip) ? client.ipv4() : client.ipv6())))
          .contains(" mtu " + SMALL_MTU);
      assertThat(server).isNotNull();
    }
  }

  /**
   * Rows 20 and 22: what the client sends fits, because the pod announces less than it could take.
   */
  @ParameterizedTest
  @ValueSource(strings = {VIP4, VIP6})
  void row22_uploadsFitIntoTheTunnelBecauseTheMssIsLowered(String vip) {
    for (boolean outerIpv4 : new boolean[] {true, false}) {
      cluster.program(DsrCluster.vip(vip, Protocol.TCP, cluster.pods(), outerIpv4));
      long tooBig = tooBig();
      try (BulkServer server = BulkServer.start(pod.host(), POD_PORT)) {
        assertThat(BulkServer.upload(client, vip, PORT, BYTES, TIMEOUT))
            .as("%s", cluster)
            .isEqualTo(BulkServer.hash(BYTES));
        assertThat(tooBig()).as("segments that did not fit").isEqualTo(tooBig);
        assertThat(server).isNotNull();
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {VIP4, VIP6})
  void row20_datagramThatIsTooBigForTheTunnelIsAnsweredWithWhatFits(String vip) throws Exception {
    int headers = isIpv4(vip) ? 28 : 48;
    for (boolean outerIpv4 : new boolean[] {false, true}) {
      int fits = LAN_MTU - (outerIpv4 ? TUNNEL_IPV4 : TUNNEL_IPV6);
      forgetRoutes();
      cluster.program(DsrCluster.vip(vip, Protocol.UDP, cluster.pods(), outerIpv4));
      try (DatagramSocket server = pod.host().netns().call(() -> new DatagramSocket(POD_PORT));
          MtuSocket socket = MtuSocket.open(client, vip, PORT)) {
        assertThat(socket.mtu()).isEqualTo(LAN_MTU);
        assertThat(socket.send(fits - headers + 1)).isZero(); // nobody knows yet
        Awaitility.await("the client is told")
            .atMost(TIMEOUT)
            .pollInterval(Duration.ofMillis(10))
            .until(() -> socket.mtu() == fits);
        assertThat(socket.error()).isEqualTo(MtuSocket.EMSGSIZE);
        assertThat(socket.send(fits - headers + 1)).isEqualTo(MtuSocket.EMSGSIZE);
        assertThat(socket.send(fits - headers)).isZero();
        server.setSoTimeout((int) TIMEOUT.toMillis());
        DatagramPacket received = new DatagramPacket(new byte[LAN_MTU], LAN_MTU);
        server.receive(received);
        assertThat(received.getLength()).isEqualTo(fits - headers);
      }
    }
  }

  private static long tooBig() {
    return cluster.nodes().edges().stream()
        .mapToLong(edge -> cluster.drops(edge, DropReason.TOO_BIG))
        .sum();
  }

  private static boolean isIpv4(String address) {
    return address.equals(VIP4);
  }

  private static void forgetRoutes() {
    for (Host host : List.of(client, pod.host())) {
      host.netns().run("ip", "-4", "route", "flush", "cache");
      host.netns().run("ip", "-6", "route", "flush", "cache");
    }
  }
}
