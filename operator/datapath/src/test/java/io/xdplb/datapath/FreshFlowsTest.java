// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.datapath.PacketLab.Translation;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.packet.Frame;
import java.nio.ByteBuffer;
import java.util.Random;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Row 35: who gives way when the tables of flows are full of openings that nobody answers. */
@RequiresBpf
class FreshFlowsTest {
  private static final int FLOWS = 1 << 12;
  private static final int CLIENTS = 300;
  private static final int IN_BETWEEN = 100;
  private static final long SEED = Long.getLong("xdplb.seed", System.nanoTime());

  @RegisterExtension static final PacketLab LAB = new PacketLab(PacketLab.NAT_PORTS, FLOWS);

  private final Random random = new Random(SEED);

  /** A client that is about to answer goes on, while SYNs by the hundred come in between. */
  @ParameterizedTest
  @EnumSource(names = {"TCP4", "TCP6"})
  void row35_oldestUnansweredOpeningsGiveWayAndTheLatestDoNot(Kind kind) {
    LAB.program(kind.vipOf(1, 1));
    byte[] syn = kind.opening(101, 4000).bytes();
    flood(kind, syn, 10 * FLOWS);
    for (int i = 0; i < CLIENTS; i++) {
      int port = 2000 + i;
      Translation to = LAB.forwards(kind, kind.opening(1 + i % 100, port));
      flood(kind, syn, IN_BETWEEN);
      Frame answer = kind.answer(to.backend(), to.backendPort(), to.natPort());
      LAB.returns(kind, answer.flags(Frame.SYN | Frame.ACK), kind.client(1 + i % 100), port);
      assertThat(LAB.forwards(kind, kind.data(1 + i % 100, port)))
          .as("client %d, seed %d", i, SEED)
          .isEqualTo(to);
    }
  }

  private void flood(Kind kind, byte[] syn, int count) {
    ByteBuffer frame = ByteBuffer.wrap(syn);
    for (int i = 0; i < count; i++) {
      frame.putInt(kind.ipv6 ? 14 + 20 : 14 + 12, 0x0a000000 | random.nextInt(1 << 24));
      frame.putShort(14 + (kind.ipv6 ? 40 : 20), (short) (1024 + random.nextInt(64000)));
      LAB.run(syn);
    }
  }
}
