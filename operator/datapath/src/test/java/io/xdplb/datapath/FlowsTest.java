// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.datapath.PacketLab.Translation;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.packet.Frame;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What becomes of flows while backends come and go. */
@RequiresBpf
class FlowsTest {
  @RegisterExtension static final PacketLab LAB = new PacketLab();

  private static final int FLOWS = 200;
  private static final int DRAIN = 60;

  private static Translation[] openings(Kind kind) {
    Translation[] flows = new Translation[FLOWS];
    for (int i = 0; i < FLOWS; i++) {
      flows[i] = LAB.forwards(kind, kind.opening(1, 1000 + i));
    }
    return flows;
  }

  private static Translation[] established(Kind kind) {
    Translation[] flows = new Translation[FLOWS];
    for (int i = 0; i < FLOWS; i++) {
      flows[i] = LAB.establish(kind, 1, 1000 + i);
    }
    return flows;
  }

  @ParameterizedTest
  @EnumSource
  void row30_repeatedOpeningKeepsItsBackendWhileTheRingChanges(Kind kind) {
    LAB.program(kind.vipOf(1, 1));
    Translation[] first = openings(kind);
    LAB.program(kind.vipOf(1, 1, 1, 1, 1, 1, 1, 1));
    assertThat(openings(kind)).isEqualTo(first);
    LAB.program(kind.vipOf(0, 0, 1, 1, 1, 1, 1, 1));
    assertThat(openings(kind)).isEqualTo(first);
    LAB.program(kind.vipOf(0, new int[] {1, 1, -1, -1}));
    assertThat(openings(kind)).isEqualTo(first);
  }

  @ParameterizedTest
  @EnumSource
  void row31_openingOnTheTupleOfARemovedBackendFindsAHealthyOne(Kind kind) {
    LAB.program(kind.vipOf(1, 1, 1));
    Translation[] before = established(kind);
    LAB.program(kind.vipOf(0, new int[] {1, -1, 1}));
    Translation[] after = openings(kind);
    assertMovedOnlyFrom(kind, 2, before, after);
  }

  @ParameterizedTest
  @EnumSource
  void row32_flowsKeepTheirBackendWhenItDrainsOrOthersCome(Kind kind) {
    LAB.program(kind.vipOf(DRAIN, new int[] {1, 1, 1}));
    Translation[] before = established(kind);
    LAB.program(kind.vipOf(DRAIN, new int[] {1, -1, 1, 1, 1}));
    assertContinues(kind, before);
    LAB.program(kind.vipOf(DRAIN, new int[] {5, -1, 0, 1, 1}));
    assertContinues(kind, before);
    for (int i = 0; i < FLOWS; i++) {
      Translation fresh = LAB.forwards(kind, kind.opening(2, 1000 + i));
      assertThat(fresh.backend()).isNotIn(kind.backend(2), kind.backend(3));
    }
  }

  private static void assertContinues(Kind kind, Translation[] flows) {
    for (int i = 0; i < FLOWS; i++) {
      assertThat(LAB.forwards(kind, kind.data(1, 1000 + i))).isEqualTo(flows[i]);
      Frame answer = kind.answer(flows[i].backend(), flows[i].backendPort(), flows[i].natPort());
      LAB.returns(kind, answer, kind.client(1), 1000 + i);
    }
  }

  @ParameterizedTest
  @EnumSource
  void row33_flowsOfAFailedBackendGoToAnotherAtOnce(Kind kind) {
    LAB.program(kind.vipOf(1, 1, 1));
    Translation[] before = established(kind);
    LAB.program(kind.vipOf(0, new int[] {1, -1, 1}));
    Translation[] after = new Translation[FLOWS];
    for (int i = 0; i < FLOWS; i++) {
      after[i] = LAB.forwards(kind, kind.data(1, 1000 + i));
    }
    assertMovedOnlyFrom(kind, 2, before, after);
  }

  private static void assertMovedOnlyFrom(
      Kind kind, int backend, Translation[] before, Translation[] after) {
    int moved = 0;
    for (int i = 0; i < FLOWS; i++) {
      if (before[i].backend().equals(kind.backend(backend))) {
        moved++;
        assertThat(after[i].backend()).isIn(kind.backend(1), kind.backend(3));
      } else {
        assertThat(after[i]).isEqualTo(before[i]);
      }
    }
    assertThat(moved).as("flows of backend %d", backend).isBetween(FLOWS / 6, FLOWS / 2);
  }

  @ParameterizedTest
  @EnumSource(names = {"UDP4", "UDP6"})
  void row36_udpFlowKeepsItsBackendUntilItHasBeenSilentForTheTimeout(Kind kind) {
    int second = 4; // jiffies: what lasts minutes lasts a moment
    int timeout = 200;
    LAB.configure(
        config -> {
          config.putInt(Layouts.Config.SECOND, second);
          config.putInt(Layouts.Config.TIMEOUT_UDP_NEW, timeout);
          config.putInt(Layouts.Config.TIMEOUT_UDP_CONFIRMED, timeout);
        });
    LAB.program(kind.vipOf(1, 1));
    Translation flow = LAB.establish(kind, 1, 4000);
    boolean first = flow.backend().equals(kind.backend(1));
    LAB.program(first ? kind.vipOf(0, 1) : kind.vipOf(1, 0)); // the other one is to have new flows
    int start = LAB.jiffies();
    int last = start;
    while (last - start < 2 * timeout) {
      LockSupport.parkNanos(1_000_000);
      int before = LAB.jiffies();
      Translation now = LAB.forwards(kind, kind.data(1, 4000));
      if (before - last < timeout - second) { // else this machine stood still for so long
        assertThat(now).as("%d jiffies after the last", before - last).isEqualTo(flow);
      } else {
        start = before;
        flow = now;
      }
      last = LAB.jiffies();
    }
    while (LAB.jiffies() - last <= timeout + second) {
      LockSupport.parkNanos(1_000_000);
    }
    Translation after = LAB.forwards(kind, kind.data(1, 4000));
    assertThat(after.backend()).isEqualTo(kind.backend(first ? 2 : 1));
    // what the former backend still says is nobody's
    LAB.passes(kind.answer(flow.backend(), flow.backendPort(), flow.natPort()));
  }

  @ParameterizedTest
  @EnumSource(names = {"TCP4", "TCP6"})
  void row45_nextConnectionOnATupleGoesWhereTheClosedOneWent(Kind kind) {
    LAB.program(kind.vipOf(1, 1, 1));
    Translation[] before = established(kind);
    for (int i = 0; i < FLOWS; i++) {
      close(kind, 1000 + i, before[i]);
    }
    LAB.program(kind.vipOf(1, 1, 1, 1, 1, 1));
    for (int i = 0; i < FLOWS; i++) {
      assertThat(LAB.establish(kind, 1, 1000 + i)).isEqualTo(before[i]);
    }
    for (int i = 0; i < FLOWS; i++) {
      close(kind, 1000 + i, before[i]);
    }
    LAB.program(kind.vipOf(0, 1, 1, 1, 1, 1));
    for (int i = 0; i < FLOWS; i++) {
      Translation again = LAB.establish(kind, 1, 1000 + i);
      if (before[i].backend().equals(kind.backend(1))) {
        assertThat(again.backend()).isNotEqualTo(kind.backend(1)); // takes no new flows
      } else {
        assertThat(again).isEqualTo(before[i]);
      }
    }
  }

  /** FIN from both sides; the last ACK finds its way all the same. */
  static void close(Kind kind, int port, Translation to) {
    assertThat(LAB.forwards(kind, kind.data(1, port).flags(Frame.FIN | Frame.ACK))).isEqualTo(to);
    Frame answer = kind.answer(to.backend(), to.backendPort(), to.natPort());
    LAB.returns(kind, answer.flags(Frame.FIN | Frame.ACK), kind.client(1), port);
    assertThat(LAB.forwards(kind, kind.data(1, port))).isEqualTo(to);
  }

  /** Whatever stamps the next hops have at that moment: one byte of a flow's stamp goes round. */
  @ParameterizedTest
  @EnumSource(names = {"TCP4", "UDP6"})
  void answersFindTheClientAtEveryNextHopGeneration(Kind kind) {
    LAB.program(kind.vipOf(1));
    for (int i = 0; i < 256; i++) {
      LAB.test().datapath().neighboursChanged();
      LAB.establish(kind, 1, 1000 + i);
    }
  }
}
