// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.datapath.PacketLab.Translation;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.packet.Frame;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A flow table so small that every place is that of many backends and ports. */
@RequiresBpf
class SharedPlacesTest {
  private static final int PLACES = 256;

  @RegisterExtension static final PacketLab LAB = new PacketLab(PacketLab.NAT_PORTS, PLACES);

  @ParameterizedTest
  @EnumSource
  void answerThatOnlySharesThePlaceOfAFlowIsNotOurs(Kind kind) {
    LAB.program(kind.vipOf(1));
    Translation to = LAB.establish(kind, 1, 4000);
    Kind otherProtocol = Kind.values()[kind.ordinal() ^ 1];
    int first = PacketLab.NAT_PORTS.first();
    for (int port = first; port < first + 2 * PLACES; port++) { // each place comes twice
      if (port != to.natPort()) {
        LAB.passes(kind.answer(to.backend(), to.backendPort(), port));
      }
      LAB.passes(kind.answer(to.backend(), to.backendPort() + 1, port));
      LAB.passes(kind.answer(kind.backend(2), to.backendPort(), port));
      LAB.passes(otherProtocol.answer(to.backend(), to.backendPort(), port));
    }
    LAB.passes(kind.answer(to.backend(), to.backendPort(), to.natPort() + PLACES));
    Frame answer = kind.answer(to.backend(), to.backendPort(), to.natPort());
    LAB.returns(kind, answer, kind.client(1), 4000);
  }

  /** Two backends whose places are the same ones: whoever comes second gets other ports. */
  @ParameterizedTest
  @EnumSource
  void flowsOfDifferentBackendsNeverTakeEachOthersPlace(Kind kind) {
    LAB.program(kind.vipOf(1, 1, 1));
    Translation[] flows = new Translation[PLACES / 2];
    for (int i = 0; i < flows.length; i++) {
      flows[i] = LAB.establish(kind, 1, 1000 + i);
    }
    for (int i = 0; i < flows.length; i++) {
      assertThat(LAB.forwards(kind, kind.data(1, 1000 + i))).isEqualTo(flows[i]);
      Frame answer = kind.answer(flows[i].backend(), flows[i].backendPort(), flows[i].natPort());
      LAB.returns(kind, answer, kind.client(1), 1000 + i);
    }
  }
}
