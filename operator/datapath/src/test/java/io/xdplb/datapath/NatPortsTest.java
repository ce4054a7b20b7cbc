// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.datapath.PacketLab.Translation;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.packet.Frame;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Source ports towards backends when there are only five, so that every client wants the same. */
@RequiresBpf
class NatPortsTest {
  private static final PortRange FIVE = new PortRange(10000, 10004);

  @RegisterExtension static final PacketLab LAB = new PacketLab(FIVE, 1 << 12);

  private static Map<Integer, Translation> fill(Kind kind) {
    Map<Integer, Translation> flows = new HashMap<>();
    for (int client = 1; client <= FIVE.size(); client++) {
      flows.put(client, LAB.establish(kind, client, 4000));
    }
    return flows;
  }

  @ParameterizedTest
  @EnumSource
  void row44_collidingClientsGetDistinctTuplesUntilTheRangeIsExhausted(Kind kind) {
    LAB.program(kind.vipOf(1));
    Map<Integer, Translation> flows = fill(kind);
    Set<Integer> ports = new HashSet<>();
    flows.values().forEach(to -> ports.add(to.natPort()));
    assertThat(ports).as("ports of %d clients", FIVE.size()).hasSize(FIVE.size());
    for (int client = 50; client < 60; client++) {
      LAB.drops(DropReason.NAT_EXHAUSTED, kind.opening(client, 4000));
    }
    flows.forEach(
        (client, to) -> {
          assertThat(LAB.forwards(kind, kind.data(client, 4000))).isEqualTo(to);
          Frame answer = kind.answer(to.backend(), to.backendPort(), to.natPort());
          LAB.returns(kind, answer, kind.client(client), 4000);
        });
    LAB.program(kind.vipOf(0, 1)); // another backend has the same five ports once more
    LAB.establish(kind, 50, 4000);
    for (int client = 1; client <= FIVE.size(); client++) {
      assertThat(LAB.forwards(kind, kind.data(client, 4000))).isEqualTo(flows.get(client));
    }
  }

  /** One port of two VIPs with the same backend: the backend could not tell them apart. */
  @ParameterizedTest
  @EnumSource(names = {"TCP4", "UDP6"})
  void row44_twoVipsOnOneBackendNeverShareATuple(Kind kind) {
    LAB.program(kind.vipOf(1), BalanceTest.single(kind, 81, 1));
    Set<Integer> ports = new HashSet<>();
    for (int i = 0; i < FIVE.size(); i++) {
      Frame opening = kind.opening(1, 4000 + i / 2).to(kind.vip(10), 80 + i % 2);
      ports.add(LAB.forwards(kind, opening).natPort());
    }
    assertThat(ports).hasSize(FIVE.size());
  }

  @ParameterizedTest
  @EnumSource(names = {"TCP4", "TCP6"})
  void row45_portInTimeWaitIsNobodyElsesWhileThereAreFreeOnes(Kind kind) {
    LAB.program(kind.vipOf(1));
    Translation closed = LAB.establish(kind, 1, 4000);
    close(kind, 1, closed);
    for (int client = 2; client <= FIVE.size(); client++) {
      assertThat(LAB.establish(kind, client, 4000).natPort()).isNotEqualTo(closed.natPort());
    }
    // the same client may have it at once, as if there were no balancer
    assertThat(LAB.establish(kind, 1, 4000)).isEqualTo(closed);
    LAB.drops(DropReason.NAT_EXHAUSTED, kind.opening(50, 4000));
    // rather than refuse a client, one that is closed is given away; its former owner's is over
    close(kind, 1, closed);
    assertThat(LAB.establish(kind, 50, 4000)).isEqualTo(closed);
    LAB.drops(DropReason.NO_FLOW, kind.data(1, 4000));
    Frame answer = kind.answer(closed.backend(), closed.backendPort(), closed.natPort());
    LAB.returns(kind, answer, kind.client(50), 4000);
  }

  private static void close(Kind kind, int client, Translation to) {
    LAB.forwards(kind, kind.data(client, 4000).flags(Frame.FIN | Frame.ACK));
    Frame answer = kind.answer(to.backend(), to.backendPort(), to.natPort());
    LAB.returns(kind, answer.flags(Frame.FIN | Frame.ACK), kind.client(client), 4000);
    LAB.forwards(kind, kind.data(client, 4000));
  }

  @ParameterizedTest
  @EnumSource(names = {"TCP4", "TCP6"})
  void unansweredOpeningsGiveWayToEstablishedOnesNever(Kind kind) {
    LAB.program(kind.vipOf(1));
    Translation first = LAB.establish(kind, 1, 4000);
    for (int i = 0; i < 100; i++) {
      Translation spoofed = LAB.forwards(kind, kind.opening(2, 5000 + i)); // nobody answers
      assertThat(spoofed.natPort()).isNotEqualTo(first.natPort());
    }
    assertThat(LAB.forwards(kind, kind.data(1, 4000))).isEqualTo(first);
  }
}
