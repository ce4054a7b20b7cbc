// SPDX-License-Identifier: Apache-2.0
package io.xdplb.announce;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.cli.Xdplb;
import io.xdplb.core.model.Ip;
import io.xdplb.lan.LanFrames.Claim;
import io.xdplb.lan.LanSocket;
import io.xdplb.testing.kernel.ClusterNode;
import io.xdplb.testing.kernel.RequiresBpf;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A thousand addresses on three machines, of which one is lost. */
@RequiresBpf
class ManyAddressesTest {

  private static final Logger log = LoggerFactory.getLogger(ManyAddressesTest.class);
  private static final int IPV4 = 200;
  private static final int IPV6 = 800;
  private static final Duration SECOND = Duration.ofSeconds(1);

  @TempDir Path folder;

  @Test
  void aLostMachinesShareIsTakenOverWithinASecond() {
    List<String> vips = new ArrayList<>();
    for (int i = 1; i <= IPV4; i++) {
      vips.add("203.0.113." + i);
    }
    for (int i = 1; i <= IPV6; i++) {
      vips.add("2001:db8:0:2::" + Integer.toHexString(i));
    }
    try (AnnouncingLan lan = new AnnouncingLan(folder, 3, vips)) {
      lan.nodes().forEach(lan::start);
      Awaitility.await("all is programmed everywhere")
          .atMost(Xdplb.DEADLINE)
          .until(() -> lan.nodes().stream().allMatch(node -> isProgrammed(lan, node, vips.size())));
      lan.awaitInStep();
      lan.announce();
      lan.awaitOwned(vips);
      sleep(Duration.ofSeconds(4)); // after the bursts
      Map<String, ClusterNode> before = lan.owners();
      Map<String, Long> shares =
          before.values().stream()
              .collect(
                  Collectors.groupingBy(ClusterNode::name, TreeMap::new, Collectors.counting()));
      log.info("shares: {}", shares);
      assertThat(shares.values()).allSatisfy(share -> assertThat(share).isBetween(250L, 420L));

      ClusterNode lost = lan.nodes().get(0);
      String lostMac = lost.netns().mac("eth0");
      Set<Ip> share =
          before.entrySet().stream()
              .filter(entry -> entry.getValue() == lost)
              .map(entry -> Ip.parse(entry.getKey()))
              .collect(Collectors.toSet());
      Map<Ip, Duration> taken = new HashMap<>();
      try (LanSocket ears = lan.router().netns().call(LanSocket::open)) {
        ears.heard();
        long start = System.nanoTime();
        lan.cluster().mute(lost, true);
        while (taken.size() < share.size() && System.nanoTime() - start < 5_000_000_000L) {
          for (Claim claim : ears.heard()) {
            if (share.contains(claim.address()) && !mac(claim).equals(lostMac)) {
              taken.putIfAbsent(claim.address(), Duration.ofNanos(System.nanoTime() - start));
            }
          }
          LockSupport.parkNanos(1_000_000);
        }
      }
      Duration last = taken.values().stream().max(Duration::compareTo).orElse(Duration.ZERO);
      log.info(
          "{} addresses of a lost machine were taken over, the last one announced after {} ms",
          taken.size(),
          last.toMillis());
      assertThat(taken).hasSameSizeAs(share);
      assertThat(last).isLessThan(SECOND);
      Map<String, ClusterNode> after = lan.owners();
      before.forEach(
          (address, owner) -> {
            if (owner != lost) {
              assertThat(after.get(address)).as(address).isEqualTo(owner);
            }
          });
    }
  }

  private static boolean isProgrammed(AnnouncingLan lan, ClusterNode node, int vips) {
    return lan.process(node).output().lines().filter(line -> line.endsWith("(programmed)")).count()
        >= 2L * vips;
  }

  private static String mac(Claim claim) {
    return HexFormat.ofDelimiter(":").formatHex(claim.mac());
  }

  private static void sleep(Duration time) {
    try {
      Thread.sleep(time.toMillis());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
