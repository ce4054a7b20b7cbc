// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.xdplb.core.maglev.Maglev;
import io.xdplb.core.model.Access;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.UnavailablePolicy;
import io.xdplb.core.model.Vip;
import io.xdplb.core.model.VipKey;
import io.xdplb.datapath.PacketLab.Translation;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.packet.Frame;
import io.xdplb.testing.packet.Packet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.function.IntFunction;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Who gets how much, and who gets what. */
@RequiresBpf
class BalanceTest {
  @RegisterExtension static final PacketLab LAB = new PacketLab();

  private static final int FLOWS = 20_000;

  @ParameterizedTest
  @EnumSource
  void row38_weightsAreSharesOfNewFlowsAndFlowsKeep(Kind kind) {
    LAB.program(kind.vipOf(1, 3));
    Translation[] kept = new Translation[100];
    for (int i = 0; i < kept.length; i++) {
      kept[i] = LAB.establish(kind, 100, 1000 + i);
    }
    long seed = System.nanoTime();
    Random random = new Random(seed);
    share(kind, 25, i -> opening(kind, 1, random.nextInt(1 << 16), random), "random, seed " + seed);
    share(kind, 25, i -> kind.opening(1, 1024 + i), "one client, port after port");
    share(kind, 25, i -> opening(kind, 2, i, null), "client after client, all from one port");
    keep(kind, kept);

    LAB.program(kind.vipOf(1, 0));
    share(kind, 100, i -> opening(kind, 3, i, random), "weights 1:0, seed " + seed);
    keep(kind, kept);

    LAB.program(kind.vipOf(1, 1));
    share(kind, 50, i -> opening(kind, 4, i, random), "weights 1:1, seed " + seed);
    keep(kind, kept);
  }

  /** Of a client that no other round has. */
  private static Frame opening(Kind kind, int round, int client, Random ports) {
    String address =
        kind.ipv6
            ? "2001:db8:c:%x::%x".formatted(round, client)
            : "10.%d.%d.%d".formatted(round, client >> 8, client & 0xff);
    return kind.opening(1, 0).from(address, ports == null ? 4000 : 1024 + ports.nextInt(64000));
  }

  /** Backend 1's share of new flows. */
  private static void share(Kind kind, int percent, IntFunction<Frame> flow, String what) {
    int first = 0;
    for (int i = 0; i < FLOWS; i++) {
      Packet out = Packet.of(LAB.sent(flow.apply(i)));
      first += out.destination().equals(kind.backend(1)) ? 1 : 0;
    }
    assertThat(first * 100.0 / FLOWS).as("%s: %s", kind, what).isCloseTo(percent, within(2.0));
  }

  private static void keep(Kind kind, Translation[] kept) {
    for (int i = 0; i < kept.length; i++) {
      assertThat(LAB.forwards(kind, kind.data(100, 1000 + i))).isEqualTo(kept[i]);
    }
  }

  @ParameterizedTest
  @EnumSource
  void row40_withoutABackendThatTakesFlowsNewOnesAreDroppedIfThePolicySaysSo(Kind kind) {
    Vip empty = silent(new Vip(kind.vipKey(), 0, List.of()));
    LAB.program(silent(kind.vipOf(0, 0)));
    LAB.drops(DropReason.NO_BACKEND, kind.opening(1, 4000));
    LAB.program(empty);
    LAB.drops(DropReason.NO_BACKEND, kind.opening(1, 4000));
    LAB.program(silent(kind.vipOf(1)));
    LAB.establish(kind, 1, 4000);
    LAB.program(silent(kind.vipOf(0)));
    LAB.drops(DropReason.NO_BACKEND, kind.opening(1, 4001));
    LAB.forwards(kind, kind.data(1, 4000)); // it takes no new flows, and keeps its own
    LAB.program(empty);
    LAB.drops(DropReason.NO_BACKEND, kind.data(1, 4000)); // it has gone
  }

  /** The same VIP, that answers nothing itself. */
  static Vip silent(Vip vip) {
    Access access = new Access(Optional.empty(), UnavailablePolicy.DROP);
    return new Vip(vip.key(), vip.ringSize(), vip.affinitySeconds(), access, vip.backends());
  }

  @ParameterizedTest
  @EnumSource
  void row43_eachProtocolAndPortOfAnAddressHasItsOwnBackends(Kind kind) {
    Kind other = Kind.values()[kind.ordinal() ^ 1]; // TCP for UDP and the reverse
    LAB.program(single(kind, 80, 1), single(other, 80, 2), single(kind, 81, 3));
    LAB.program(single(other, 443, 4), single(kind, 65535, 5), single(kind, 1, 6));
    goesTo(kind, 80, 1);
    goesTo(other, 80, 2);
    goesTo(kind, 81, 3);
    goesTo(other, 443, 4);
    goesTo(kind, 65535, 5);
    goesTo(kind, 1, 6);
    LAB.drops(DropReason.NO_LISTENER, other.opening(1, 4000).to(kind.vip(10), 81));
    LAB.drops(DropReason.NO_LISTENER, kind.opening(1, 4000).to(kind.vip(10), 443));
    LAB.test().remove(single(kind, 80, 1).key());
    LAB.drops(DropReason.NO_LISTENER, kind.opening(1, 4000).to(kind.vip(10), 80));
    goesTo(other, 80, 2);
  }

  /** A VIP of one backend that answers nothing itself. */
  static Vip single(Kind kind, int port, int backend) {
    BackendKey key = kind.backendKey(backend);
    VipKey vip = new VipKey(Ip.parse(kind.vip(10)), kind.protocol, port);
    return silent(new Vip(vip, Maglev.sizeFor(1), List.of(new Backend(key, 1, 0))));
  }

  private static void goesTo(Kind kind, int port, int backend) {
    Translation to = LAB.forwards(kind, kind.opening(1, 4000).to(kind.vip(10), port));
    assertThat(to.backend()).isEqualTo(kind.backend(backend));
    assertThat(to.backendPort()).isEqualTo(Kind.BACKEND_PORT);
  }
}
