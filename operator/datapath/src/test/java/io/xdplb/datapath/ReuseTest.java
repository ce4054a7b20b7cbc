// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.datapath.PacketLab.Translation;
import io.xdplb.testing.kernel.RequiresBpf;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Entries that get a new owner. The maps have room for two VIPs and two backends, no more. */
@RequiresBpf
class ReuseTest {
  @RegisterExtension
  static final PacketLab LAB =
      new PacketLab(
          pins ->
              new DatapathConfig(
                  pins,
                  PacketLab.NAT_PORTS,
                  2,
                  2,
                  4096,
                  1 << 12,
                  DatapathConfig.AttachPreference.NATIVE));

  @ParameterizedTest
  @EnumSource(names = {"TCP4", "UDP6"})
  void row37_packetsOfAnOldVipNeverReachItsSuccessor(Kind kind) {
    LAB.programWhenRested(kind.vipOf(1, 1));
    Translation[] old = new Translation[50];
    for (int i = 0; i < old.length; i++) {
      old[i] = LAB.establish(kind, 1, 1000 + i);
    }
    LAB.test().remove(kind.vipKey());
    LAB.programWhenRested(BalanceTest.single(kind, 81, 3));
    LAB.programWhenRested(
        BalanceTest.single(kind, 82, 4)); // both VIPs' and both backends' entries are taken
    for (int i = 0; i < old.length; i++) {
      LAB.drops(DropReason.NO_LISTENER, kind.data(1, 1000 + i));
      LAB.passes(kind.answer(old[i].backend(), old[i].backendPort(), old[i].natPort()));
      for (int port = 81; port <= 82; port++) {
        Translation now = LAB.forwards(kind, kind.opening(1, 1000 + i).to(kind.vip(10), port));
        assertThat(now.backend()).isEqualTo(kind.backend(port - 78));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"TCP4", "UDP6"})
  void row37_flowsOfARemovedBackendNeverReachTheNextOwnerOfItsEntry(Kind kind) {
    LAB.programWhenRested(kind.vipOf(1, 1));
    Translation[] old = new Translation[50];
    for (int i = 0; i < old.length; i++) {
      old[i] = LAB.establish(kind, 1, 1000 + i);
    }
    LAB.program(kind.vipOf(1));
    LAB.programWhenRested(BalanceTest.single(kind, 81, 3)); // in the place of backend 2
    int moved = 0;
    for (int i = 0; i < old.length; i++) {
      Translation now = LAB.forwards(kind, kind.data(1, 1000 + i));
      assertThat(now.backend()).isEqualTo(kind.backend(1));
      if (!old[i].backend().equals(kind.backend(1))) {
        moved++;
        LAB.passes(kind.answer(old[i].backend(), old[i].backendPort(), old[i].natPort()));
      }
    }
    assertThat(moved).isBetween(10, 40);
  }
}
