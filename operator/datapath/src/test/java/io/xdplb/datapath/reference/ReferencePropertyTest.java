// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath.reference;

import io.xdplb.libbpf.BpfObject;
import io.xdplb.testing.kernel.RequiresBpf;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

@RequiresBpf
class ReferencePropertyTest {
  private static final long SEED = Long.getLong("xdplb.seed", System.nanoTime());
  private static final int PACKETS = Integer.getInteger("xdplb.packets", 1_000_000);
  private static final int ROUNDS = Integer.getInteger("xdplb.rounds", 40);

  @Test
  void anyPacketFaresAsTheModelSays() {
    Map<String, Integer> seen = new TreeMap<>();
    long start = System.nanoTime();
    System.out.printf("seed %d%n", SEED);
    Random random = new Random(SEED);
    try (ReferenceLab lab = new ReferenceLab()) {
      lab.netns()
          .call(
              () -> {
                try (BpfObject object = lab.load();
                    KernelTables kernel = new KernelTables(object)) {
                  for (int round = 0; round < ROUNDS; round++) {
                    new Round(lab, object, kernel, random.nextLong(), seen).run(PACKETS / ROUNDS);
                  }
                }
                return null;
              });
    }
    System.out.printf(
        "%d packets in %d ms: %s%n",
        PACKETS, TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start), seen);
  }
}
