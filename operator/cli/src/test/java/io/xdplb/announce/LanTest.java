// SPDX-License-Identifier: Apache-2.0
package io.xdplb.announce;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.testing.kernel.ClusterNode;
import io.xdplb.testing.kernel.RequiresBpf;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Machines that announce by ARP and NDP, and what becomes of connections when one is lost. */
@RequiresBpf
class LanTest {

  private static final List<String> VIPS = List.of(AnnouncingLan.VIP4, AnnouncingLan.VIP6);

  @TempDir Path folder;

  @Test
  void oneMachineAloneAnnounces() throws Exception {
    try (AnnouncingLan lan = new AnnouncingLan(folder, 1, VIPS)) {
      lan.start(lan.nodes().get(0));
      lan.awaitOwned(VIPS);
      assertThat(lan.client().netns().run("ping", "-c", "1", "-W", "2", AnnouncingLan.VIP4))
          .contains("1 received");
    }
  }

  @Test
  void threeMachinesShare() throws Exception {
    try (AnnouncingLan lan = new AnnouncingLan(folder, 3, VIPS)) {
      for (ClusterNode node : lan.nodes()) {
        lan.start(node);
      }
      try {
        lan.awaitOwned(VIPS);
      } finally {
        for (ClusterNode node : lan.nodes()) {
          System.out.println(node.name() + "\n" + lan.process(node).output());
        }
      }
    }
  }
}
