// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.core.model.Ip;
import io.xdplb.datapath.PacketLab.Translation;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.packet.Frame;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A flow table so small that every place is that of many backends and ports. */
@RequiresBpf
class SharedPlacesTest {
  private static final int PLACES = 16;

  @RegisterExtension static final PacketLab LAB = new PacketLab(PacketLab.NAT_PORTS, PLACES);

  @ParameterizedTest
  @EnumSource
  void answerThatOnlySharesThePlaceOfAFlowIsNotOurs(Kind kind) {
    Kind otherProtocol = Kind.values()[kind.ordinal() ^ 1];
    LAB.program(kind.vipOf(1));
    Translation to = LAB.establish(kind, 1, 4000);
    LAB.passes(otherProtocol.answer(to.backend(), to.backendPort(), to.natPort()));
    // the same place by another port, by another port of the backend, by another address
    LAB.passes(kind.answer(to.backend(), to.backendPort(), to.natPort() + PLACES));
    int place = place(kind, to.backend(), to.backendPort());
    int port = first(p -> p != to.backendPort() && place(kind, to.backend(), p) == place);
    LAB.passes(kind.answer(to.backend(), port, to.natPort()));
    int host = first(h -> place(kind, stranger(kind, h), to.backendPort()) == place);
    LAB.passes(kind.answer(stranger(kind, host), to.backendPort(), to.natPort()));
    Frame answer = kind.answer(to.backend(), to.backendPort(), to.natPort());
    LAB.returns(kind, answer, kind.client(1), 4000);
  }

  /** The first number, such as a port can be, for which something holds. */
  private static int first(IntPredicate holds) {
    return IntStream.rangeClosed(1, 65535).filter(holds).findFirst().orElseThrow();
  }

  private static int place(Kind kind, String backend, int port) {
    long word = Wire.nativeShort(port) & 0xffffL | (long) kind.protocol.number() << 16;
    return (int) Hash.mix(Hash.address(Ip.parse(backend)), word) & (PLACES - 1);
  }

  private static String stranger(Kind kind, int number) {
    return kind.ipv6
        ? "2001:db8:98::" + Integer.toHexString(number)
        : "10.98.%d.%d".formatted(number >> 8, number & 0xff);
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
