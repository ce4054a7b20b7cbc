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
import io.xdplb.testing.kernel.Host;
import io.xdplb.testing.kernel.Netns;
import io.xdplb.testing.kernel.RequiresBpf;
import java.time.Duration;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Row 60: what a pod answers in packets far larger than the wire takes is right when it arrives.
 */
@RequiresBpf
class SegmentationOffloadTest {
  private static final int BYTES = 20 << 20;
  private static final Duration TIMEOUT = Duration.ofSeconds(5);
  private static final Pattern COUNTED = Pattern.compile("counter packets (\\d+) ");

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void row60_largePacketsOfPodsAreTranslatedAndEverySegmentsChecksumIsRight(boolean overlay) {
    ClusterPlan plan = ClusterPlan.plain().withNodes(1, 0, 1);
    try (DsrCluster cluster = new DsrCluster(overlay ? plan.withOverlay() : plan, 1)) {
      Pod pod = cluster.pods().get(0);
      Host client = cluster.nodes().client();
      Netns node = pod.node().netns();
      // behind routing, before the way out: what the program on the way out gets
      node.run("nft", "add chain inet node out { type filter hook postrouting priority 200; }");
      node.run("nft", "add rule inet node out meta length > 1500 counter");
      try (BulkServer server = BulkServer.start(pod.host(), POD_PORT)) {
        for (String vip : List.of(VIP4, VIP6)) {
          cluster.program(DsrCluster.vip(vip, Protocol.TCP, cluster.pods(), true));
          long large = large(node);
          long wrong = wrongChecksums(client.netns());
          assertThat(BulkServer.download(client, vip, PORT, BYTES, TIMEOUT))
              .as("%s", cluster)
              .isEqualTo(BulkServer.hash(BYTES));
          assertThat(large(node) - large).as("large packets of %s", vip).isGreaterThan(100);
          assertThat(wrongChecksums(client.netns())).isEqualTo(wrong);
        }
        assertThat(server).isNotNull();
      }
    }
  }

  private static long large(Netns node) {
    Matcher counter = COUNTED.matcher(node.run("nft", "list", "chain", "inet", "node", "out"));
    assertThat(counter.find()).isTrue();
    return Long.parseLong(counter.group(1));
  }

  private static long wrongChecksums(Netns client) {
    String[] words = client.run("nstat", "-az", "TcpInCsumErrors").strip().split("\\s+");
    int at = List.of(words).indexOf("TcpInCsumErrors");
    assertThat(at).as("%s", List.of(words)).isPositive();
    return Long.parseLong(words[at + 1]);
  }
}
