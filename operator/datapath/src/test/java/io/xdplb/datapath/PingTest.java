// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static io.xdplb.datapath.DsrCluster.POD_PORT;
import static io.xdplb.datapath.DsrCluster.PORT;
import static io.xdplb.datapath.DsrCluster.VIP4;
import static io.xdplb.datapath.DsrCluster.VIP6;
import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.testing.kernel.ClusterPlan;
import io.xdplb.testing.kernel.EchoServer;
import io.xdplb.testing.kernel.RequiresBpf;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What people try first when something does not work: ping and traceroute to the VIP. */
@RequiresBpf
class PingTest {
  private static DsrCluster cluster;
  private static EchoServer server;

  @BeforeAll
  static void create() {
    cluster = new DsrCluster(ClusterPlan.plain().withNodes(2, 0, 1), 1);
    server = EchoServer.start(cluster.pods().get(0).host(), POD_PORT);
    for (String vip : List.of(VIP4, VIP6)) {
      cluster.program(DsrCluster.vip(vip, Protocol.TCP, cluster.pods(), vip.equals(VIP4)));
    }
  }

  @AfterAll
  static void close() {
    server.close();
    cluster.close();
  }

  /** Row 13. */
  @ParameterizedTest
  @ValueSource(strings = {VIP4, VIP6})
  void row13_vipAnswersPingsOfAllSizes(String vip) {
    for (String bytes : List.of("0", "1", "56", "1001", "1400")) {
      assertThat(client("ping", "-n", "-c", "5", "-i", "0.002", "-W", "1", "-s", bytes, vip))
          .contains(" 5 received, 0% packet loss")
          .doesNotContain("wrong");
    }
  }

  /** By UDP, by echo requests, and by TCP to a port that is balanced. */
  @ParameterizedTest
  @CsvSource({
    "203.0.113.10, -U", "203.0.113.10, -I", "203.0.113.10, -T",
    "2001:db8:0:2::10, -U", "2001:db8:0:2::10, -I", "2001:db8:0:2::10, -T"
  })
  void tracerouteEndsAtTheVip(String vip, String method) {
    String hops =
        client("traceroute", method, "-p", "" + PORT, "-n", "-q", "1", "-w", "0.5", "-m", "6", vip);
    assertThat(hops.strip().lines().reduce((earlier, last) -> last).orElseThrow())
        .as("%s", hops)
        .contains(" " + vip + " ");
  }

  private static String client(String... command) {
    return cluster.nodes().client().netns().run(command);
  }
}
