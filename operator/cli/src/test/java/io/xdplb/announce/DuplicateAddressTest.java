// SPDX-License-Identifier: Apache-2.0
package io.xdplb.announce;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.cli.Xdplb;
import io.xdplb.testing.kernel.ClusterNode;
import io.xdplb.testing.kernel.Host;
import io.xdplb.testing.kernel.RequiresBpf;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Somebody else on the LAN has the address already. */
@RequiresBpf
class DuplicateAddressTest {

  private static final List<String> VIPS = List.of(AnnouncingLan.VIP4, AnnouncingLan.VIP6);

  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(strings = {AnnouncingLan.VIP4, AnnouncingLan.VIP6})
  void itIsNotAnnouncedUntilTheOtherOneIsGone(String taken) {
    try (AnnouncingLan lan = new AnnouncingLan(folder, 1, VIPS)) {
      Host other = lan.cluster().addServer();
      String prefix = taken + (AnnouncingLan.isIpv4(taken) ? "/32" : "/128 nodad");
      other.netns().ip("addr add %s dev eth0".formatted(prefix));
      lan.announce();
      ClusterNode node = lan.nodes().get(0);
      lan.start(node);
      String free = VIPS.stream().filter(vip -> !vip.equals(taken)).findFirst().orElseThrow();
      lan.awaitOwned(List.of(free));
      Xdplb.awaitLine(
          lan.process(node),
          "%s says on eth0 that it has %s".formatted(other.netns().mac("eth0"), taken));
      assertThat(lan.owners()).containsOnlyKeys(free);

      other.netns().ip("addr del %s dev eth0".formatted(prefix.replace(" nodad", "")));
      lan.awaitOwned(VIPS);
    }
  }
}
