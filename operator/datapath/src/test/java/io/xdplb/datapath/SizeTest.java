// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.core.model.Access;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Delivery;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.Vip;
import io.xdplb.libbpf.XdpAction;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.packet.Frame;
import io.xdplb.testing.packet.Icmp;
import io.xdplb.testing.packet.Packet;
import io.xdplb.testing.packet.Tunnel;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Packets that do not fit, and packets in several buffers. */
@RequiresBpf
class SizeTest {
  @RegisterExtension static final PacketLab LAB = new PacketLab();

  private static final int LIMIT = 20;
  private static final int MTU = 1500;
  private static final int JUMBO = 9000;

  private static void answersASecond(int limit) {
    LAB.configure(config -> config.putInt(Layouts.Config.ANSWERS, limit));
  }

  private static void mtu(int bytes) {
    LAB.netns().ip("link set eth0 mtu " + bytes);
    LAB.test().datapath().networkChanged();
  }

  @BeforeEach
  void limit() {
    answersASecond(1 << 30);
  }

  @AfterEach
  void mtu() {
    LAB.netns()
        .call(
            () -> {
              mtu(MTU);
              return null;
            });
  }

  /** The IP packet is this long. */
  private static Frame sized(Kind kind, int port, int length) {
    Frame frame = kind.data(1, port);
    byte[] payload = new byte[length - frame.ipPacket().length];
    Arrays.fill(payload, (byte) 0x5a);
    return frame.payload(payload);
  }

  private static Frame fragmentable(Kind kind, int length) {
    return sized(kind, 4000, length).patch(6, 0, 0).checksumOfPatchedHeader();
  }

  /** Counted, and the client is told what fits. */
  private static void tooBig(Kind kind, int length, int fits) {
    Frame frame = sized(kind, 4000, length);
    long before = LAB.drops(DropReason.TOO_BIG);
    PacketLab.same(Answers.tooBig(frame, fits).bytes(), LAB.sent(frame));
    assertThat(LAB.drops(DropReason.TOO_BIG)).isEqualTo(before + 1);
  }

  private static void silentlyTooBig(Kind kind, Outer outer, int fits) {
    if (!kind.ipv6) {
      LAB.drops(DropReason.TOO_BIG, fragmentable(kind, fits + 1));
    }
    Frame multicast = sized(kind, 4000, fits + 1).from(kind.ipv6 ? "ff0e::1" : "224.0.0.9", 9);
    LAB.drops(DropReason.BAD_SOURCE, multicast);
    byte[] quote = kind.data(1, 4000).payload(new byte[fits]).from(kind.vip(10), 80).ipPacket();
    int headers = kind.ipv6 ? 48 : 28;
    Frame error =
        Icmp.timeExceeded(
            Errors.router(kind), kind.vip(10), Arrays.copyOf(quote, fits + 1 - headers));
    LAB.drops(DropReason.TOO_BIG, error);
  }

  @ParameterizedTest
  @MethodSource("io.xdplb.datapath.Dsr#kindsAndOuters")
  void row20_row21_whatDoesNotFitIntoTheTunnelIsAnsweredByTheVip(Kind kind, Outer outer) {
    LAB.program(Dsr.vip(kind, outer.pod(1)));
    int fits = outer.fits();
    Dsr.tunnels(LAB, kind, sized(kind, 4000, fits), outer);
    assertThat(LAB.sent(sized(kind, 4000, fits))).hasSize(14 + MTU);
    tooBig(kind, fits + 1, fits);
    tooBig(kind, MTU, fits);
    silentlyTooBig(kind, outer, fits);
    if (!kind.ipv6) {
      Frame frame = fragmentable(kind, fits);
      byte[] actual = LAB.sent(frame);
      Frame expected = Dsr.tunnelled(frame, Dsr.gue(kind, 1, 0), outer, 1, actual);
      PacketLab.same(expected.bytes(), actual);
    }
  }

  @ParameterizedTest
  @MethodSource("io.xdplb.datapath.Dsr#kindsAndOuters")
  void row20_row21_whatDoesNotFitIntoIpInIpIsAnsweredByTheVip(Kind kind, Outer outer) {
    LAB.program(Dsr.vip(kind, Delivery.ipip(Ip.parse(outer.node(1)))));
    int fits = MTU - (outer == Outer.IPV4 ? 20 : 40);
    assertThat(LAB.sent(sized(kind, 4000, fits))).hasSize(14 + MTU);
    tooBig(kind, fits + 1, fits);
    silentlyTooBig(kind, outer, fits);
  }

  @ParameterizedTest
  @EnumSource
  void row20_row21_whatDoesNotFitOntoTheWireIsAnsweredByTheVip(Kind kind) {
    LAB.program(kind.vipOf(1));
    LAB.forwards(kind, kind.opening(1, 4000));
    LAB.forwards(kind, sized(kind, 4000, MTU));
    tooBig(kind, MTU + 1, MTU);
    if (!kind.ipv6) {
      LAB.drops(DropReason.TOO_BIG, fragmentable(kind, MTU + 1));
    }
    BackendKey key = new BackendKey(Ip.parse(kind.backend(1)), Kind.VIP_PORT);
    Backend server = new Backend(key, 1, 0, Delivery.L2);
    LAB.program(Dsr.vip(kind.vipKey(), 0, Access.OPEN, List.of(server)));
    assertThat(LAB.sent(sized(kind, 4000, MTU))).hasSize(14 + MTU);
    tooBig(kind, MTU + 1, MTU);
  }

  @ParameterizedTest
  @MethodSource("io.xdplb.datapath.Dsr#kindsAndOuters")
  void row20_row62_whatDoesNotFitIntoNatsTunnelIsAnsweredByTheVip(Kind kind, Outer outer) {
    LAB.program(Dsr.vip(kind, Delivery.natVia(Ip.parse(outer.node(1)))));
    LAB.sent(kind.opening(1, 4000));
    assertThat(LAB.sent(sized(kind, 4000, outer.fits()))).hasSize(14 + MTU);
    tooBig(kind, outer.fits() + 1, outer.fits());
  }

  @ParameterizedTest
  @EnumSource
  void row20_answersAreLimited(Kind kind) {
    LAB.program(Dsr.vip(kind, Outer.IPV4.pod(1)));
    answersASecond(LIMIT);
    int cpus = Runtime.getRuntime().availableProcessors();
    int sent = 20 * LIMIT * cpus;
    byte[] frame = sized(kind, 4000, MTU).bytes();
    long before = LAB.drops(DropReason.TOO_BIG);
    long start = System.nanoTime();
    int answered = 0;
    for (int i = 0; i < sent; i++) {
      answered += LAB.run(frame).action() == XdpAction.TX ? 1 : 0;
    }
    int seconds = (int) ((System.nanoTime() - start) / 1_000_000_000L) + 2; // begun ones too
    assertThat(answered).isBetween(LIMIT, LIMIT * cpus * seconds).isLessThan(sent);
    assertThat(LAB.drops(DropReason.TOO_BIG) - before).isEqualTo(sent);
  }

  /** The limit follows the way: routes and interfaces may change. */
  @ParameterizedTest
  @EnumSource
  void row20_theLimitIsThatOfTheWayNow(Kind kind) {
    LAB.program(Dsr.vip(kind, Outer.IPV4.pod(1)));
    mtu(1400);
    tooBig(kind, 1361, 1360);
    Dsr.tunnels(LAB, kind, sized(kind, 4000, 1360), Outer.IPV4);
    mtu(JUMBO);
    Dsr.tunnels(LAB, kind, sized(kind, 4000, JUMBO - 40), Outer.IPV4);
    tooBig(kind, JUMBO - 39, JUMBO - 40);
  }

  // ---- several buffers

  private static byte[] random(Random random, int length) {
    byte[] bytes = new byte[length];
    random.nextBytes(bytes);
    return bytes;
  }

  @ParameterizedTest
  @MethodSource("io.xdplb.datapath.Dsr#kindsAndOuters")
  void row23_jumboFramesAreEncapsulatedAndThePayloadIsUntouched(Kind kind, Outer outer) {
    mtu(JUMBO);
    Random random = new Random(kind.ordinal());
    LAB.program(Dsr.vip(kind, outer.pod(1)));
    for (int length = 3000; length < JUMBO - 200; length += 331) {
      Frame frame = kind.data(1, 4000).payload(random(random, length));
      Dsr.tunnels(LAB, kind, frame, outer);
    }
    LAB.program(Dsr.vip(kind, Delivery.ipip(Ip.parse(outer.node(1)))));
    Frame frame = kind.data(1, 4000).payload(random(random, 8000));
    byte[] actual = LAB.sent(frame);
    Packet out = Packet.of(actual);
    PacketLab.same(
        Tunnel.ipInIp(frame, outer.edge(), outer.node(1))
            .flowLabel(out.ipv6() ? out.flowLabel() : 0)
            .macs(PacketLab.MAC, PacketLab.backendMac(1))
            .bytes(),
        actual);
  }

  @ParameterizedTest
  @MethodSource("io.xdplb.datapath.Dsr#kindsAndOuters")
  void row23_jumboFramesAreDecapsulatedAndThePayloadIsUntouched(Kind kind, Outer outer) {
    Random random = new Random(kind.ordinal());
    LAB.program(Dsr.vip(kind, outer.here()));
    LAB.test().datapath().setPeers(List.of(Ip.parse(outer.node(1))));
    for (int length = 3000; length < JUMBO - 200; length += 331) {
      Frame frame = kind.opening(1, 4000).payload(random(random, length));
      Frame expected = frame.to(Dsr.pod(kind, 1), Dsr.POD_PORT);
      LAB.delivers(
          expected.macs(PacketLab.backendMac(1), PacketLab.MAC),
          Dsr.toHere(frame, outer, 1, Dsr.gue(kind, 1, 0)));
      LAB.delivers(expected, frame);
    }
  }

  @ParameterizedTest
  @EnumSource
  void row23_jumboFramesAreTranslatedBothWaysAndThePayloadIsUntouched(Kind kind) {
    mtu(JUMBO);
    Random random = new Random(kind.ordinal());
    LAB.program(kind.vipOf(1, 1));
    PacketLab.Translation to = LAB.establish(kind, 1, 4000);
    for (int length = 3000; length < JUMBO - 200; length += 331) {
      LAB.forwards(kind, kind.data(1, 4000).payload(random(random, length)));
      Frame answer = kind.answer(to.backend(), to.backendPort(), to.natPort());
      LAB.returns(kind, answer.payload(random(random, length)), kind.client(1), 4000);
    }
  }

  /** What is cut off is in another buffer. */
  @ParameterizedTest
  @EnumSource
  void row23_jumboFramesAreAnswered(Kind kind) {
    LAB.program(Dsr.vip(kind, Outer.IPV4.pod(1)));
    tooBig(kind, 8000, Outer.IPV4.fits());
    LAB.program(new Vip(kind.vipKey(), 0, List.of()));
    Frame frame = sized(kind, 4000, 8000);
    Frame answer = kind.tcp() ? Answers.reset(frame) : Answers.portUnreachable(frame);
    PacketLab.same(answer.bytes(), LAB.sent(frame));
  }
}
