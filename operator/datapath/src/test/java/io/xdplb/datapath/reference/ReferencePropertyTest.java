// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath.reference;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.datapath.DropReason;
import io.xdplb.libbpf.BpfObject;
import io.xdplb.libbpf.XdpAction;
import io.xdplb.testing.kernel.RequiresBpf;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/**
 * What holds for any packet whatsoever: the program that ships does with it what {@link
 * ReferenceDatapath} and {@link ReferenceEgress} say, to the last byte, counts what they count and
 * remembers what they remember. Every round has another table, which changes under way.
 *
 * <p>{@code -Dxdplb.seed=…} repeats a run, {@code -Dxdplb.packets=…} makes it shorter or longer.
 */
@RequiresBpf
class ReferencePropertyTest {
  private static final long SEED = Long.getLong("xdplb.seed", System.nanoTime());
  private static final int PACKETS = Integer.getInteger("xdplb.packets", 1_000_000);
  private static final int PACKETS_A_ROUND = 20_000;

  /**
   * What takes a full table, a flood, or a machine in another state, which tests of its own have.
   */
  private static final Set<DropReason> NOT_HERE =
      EnumSet.of(
          DropReason.NAT_EXHAUSTED,
          DropReason.FLOW_TABLE_FULL,
          DropReason.FORWARDING_DISABLED,
          DropReason.NO_HEADROOM,
          DropReason.RATE_LIMITED);

  private final Map<String, Integer> seen = new TreeMap<>();

  @Test
  void everyPacketFaresAsTheModelSays() {
    System.out.printf("seed %d%n", SEED);
    long start = System.nanoTime();
    AssertionError[] failure = {null};
    try (ReferenceLab lab = new ReferenceLab()) {
      lab.netns()
          .call(
              () -> {
                try {
                  rounds(lab);
                } catch (AssertionError e) {
                  failure[0] = e;
                }
                return null;
              });
    }
    if (failure[0] != null) {
      throw failure[0];
    }
    System.out.printf(
        "%d packets in %d ms: %s%n",
        PACKETS, TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start), seen);
    if (PACKETS >= 10 * PACKETS_A_ROUND) {
      everythingWasSeen();
    }
  }

  private void rounds(ReferenceLab lab) {
    Random random = new Random(SEED);
    try (BpfObject object = lab.load();
        KernelTables kernel = new KernelTables(object)) {
      int left = PACKETS;
      for (int number = 1; left > 0; number++, left -= PACKETS_A_ROUND) {
        String name = "round %d of -Dxdplb.seed=%d".formatted(number, SEED);
        new Round(lab, object, kernel, name, random.nextLong(), seen)
            .run(Math.min(left, PACKETS_A_ROUND));
      }
    }
  }

  /** Nothing has quietly become something that no packet here gets to. */
  private void everythingWasSeen() {
    assertThat(seen)
        .containsKeys(
            XdpAction.PASS.name(),
            XdpAction.DROP.name(),
            XdpAction.TX.name(),
            XdpAction.REDIRECT.name(),
            "left",
            "led back",
            "left alone",
            "flows compared");
    assertThat(seen)
        .containsKeys(
            Arrays.stream(Announcing.Count.values()).map(Enum::name).toArray(String[]::new))
        .allSatisfy((what, times) -> assertThat(times).as(what).isPositive());
    EnumSet<DropReason> reasons = EnumSet.complementOf(EnumSet.copyOf(NOT_HERE));
    assertThat(seen).containsKeys(reasons.stream().map(Enum::name).toArray(String[]::new));
  }
}
