// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.datapath.PacketLab.Translation;
import io.xdplb.libbpf.XdpAction;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.packet.Frame;
import java.nio.ByteBuffer;
import java.util.Random;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A flood of openings that nobody answers, against a flow table that it could fill many times. */
@RequiresBpf
class SynFloodTest {
  private static final int FLOWS = 1 << 12;
  private static final int ESTABLISHED = 1_000;
  private static final int FLOOD = 300_000;

  @RegisterExtension static final PacketLab LAB = new PacketLab(PacketLab.NAT_PORTS, FLOWS);

  @ParameterizedTest
  @EnumSource(names = {"TCP4", "TCP6"})
  void row35_establishedFlowsKeepBackendAndPortInASynFlood(Kind kind) {
    LAB.program(kind.vipOf(1, 1));
    Translation[] established = new Translation[ESTABLISHED];
    for (int i = 0; i < ESTABLISHED; i++) {
      established[i] = LAB.establish(kind, 1 + i % 100, 2000 + i);
    }
    long seed = System.nanoTime();
    Random random = new Random(seed);
    byte[] syn = kind.opening(101, 4000).bytes();
    ByteBuffer frame = ByteBuffer.wrap(syn);
    int refused = 0;
    int newcomer = 0;
    for (int i = 0; i < FLOOD; i++) {
      frame.putInt(kind.ipv6 ? 14 + 20 : 14 + 12, 0x0a000000 | random.nextInt(1 << 24));
      frame.putShort(14 + (kind.ipv6 ? 40 : 20), (short) (1024 + random.nextInt(64000)));
      XdpAction verdict = LAB.run(syn).action();
      assertThat(verdict).isIn(XdpAction.TX, XdpAction.DROP);
      refused += verdict == XdpAction.DROP ? 1 : 0;
      if (i % 1000 == 999) { // a client who means it, in the middle of the flood
        LAB.establish(kind, 102, 10000 + newcomer++);
      }
    }
    System.out.printf(
        "%s: of %d SYNs (seed %d) %d were refused, %d clients got through%n",
        kind, FLOOD, seed, refused, newcomer);
    for (int i = 0; i < ESTABLISHED; i++) {
      assertThat(LAB.forwards(kind, kind.data(1 + i % 100, 2000 + i)))
          .as("flow %d of seed %d", i, seed)
          .isEqualTo(established[i]);
      Frame answer =
          kind.answer(
              established[i].backend(), established[i].backendPort(), established[i].natPort());
      LAB.returns(kind, answer, kind.client(1 + i % 100), 2000 + i);
    }
  }
}
