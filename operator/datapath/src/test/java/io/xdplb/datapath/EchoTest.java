// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.libbpf.XdpAction;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.packet.Frame;
import io.xdplb.testing.packet.Icmp;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Row 13: VIPs answer to ping, whoever is behind them. */
@RequiresBpf
class EchoTest {
  @RegisterExtension static final PacketLab LAB = new PacketLab();

  private static final int MANY = 1 << 30;
  private static final int LIMIT = 20;

  private static void answersASecond(int limit) {
    LAB.configure(config -> config.putInt(Layouts.Config.ANSWERS, limit));
  }

  @BeforeEach
  void vips() {
    answersASecond(MANY);
    for (Kind kind : new Kind[] {Kind.TCP4, Kind.TCP6}) {
      LAB.program(kind.vipOf(1));
    }
  }

  private static Frame request(Kind kind, int id, int sequence, byte... payload) {
    return Icmp.echoRequest(kind.client(1), kind.vip(10), id, sequence, payload);
  }

  private static Frame reply(Kind kind, int id, int sequence, byte... payload) {
    return Icmp.echoReply(kind.vip(10), kind.client(1), id, sequence, payload)
        .macs(PacketLab.MAC, PacketLab.ROUTER_MAC);
  }

  private static void answered(Kind kind, int id, int sequence, byte... payload) {
    PacketLab.same(
        reply(kind, id, sequence, payload).bytes(), LAB.sent(request(kind, id, sequence, payload)));
  }

  /** Between them the ids make every checksum that there is. */
  @ParameterizedTest
  @EnumSource(names = {"TCP4", "TCP6"})
  void row13_everyIdIsAnsweredWithTheExactChecksum(Kind kind) {
    for (int id = 0; id <= 0xffff; id++) {
      answered(kind, id, 1);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"TCP4", "TCP6"})
  void row13_sequencesAreAnsweredWithTheExactChecksum(Kind kind) {
    for (int sequence = 0;
        sequence <= 0xffff;
        sequence += sequence < 600 || sequence > 0xfe00 ? 1 : 17) {
      answered(kind, 0, sequence);
    }
  }

  /** A message of zeros has the other zero as its sum: what is exact there no difference tells. */
  @ParameterizedTest
  @EnumSource(names = {"TCP4", "TCP6"})
  void row13_nothingButZerosIsAnsweredWithTheExactChecksum(Kind kind) {
    for (int length = 0; length < 70; length++) {
      answered(kind, 0, 0, new byte[length]);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"TCP4", "TCP6"})
  void row13_payloadsOfEveryLengthComeBack(Kind kind) {
    long seed = System.nanoTime();
    System.out.println(getClass().getSimpleName() + " " + kind + " seed " + seed);
    Random random = new Random(seed);
    for (int i = 0; i < 2000; i++) {
      byte[] payload = new byte[i < 1473 ? i : random.nextInt(9000)];
      random.nextBytes(payload);
      int id = random.nextInt(1 << 16);
      int sequence = random.nextInt(1 << 16);
      int tos = random.nextInt(256);
      int ttl = random.nextInt(256); // also 1: it is not forwarded
      PacketLab.same(
          reply(kind, id, sequence, payload).tos(tos).bytes(),
          LAB.sent(request(kind, id, sequence, payload).tos(tos).ttl(ttl)));
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"TCP4", "TCP6"})
  void row13_echoesBeyondTheLimitAreDroppedAndCounted(Kind kind) {
    LAB.program(BalanceTest.single(kind, 81, 1)); // of the same address
    answersASecond(LIMIT);
    int cpus = Runtime.getRuntime().availableProcessors();
    long before = LAB.drops(DropReason.RATE_LIMITED);
    int answered = 0;
    long start = System.nanoTime();
    int sent = 20 * LIMIT * cpus;
    for (int i = 0; i < sent; i++) {
      answered += LAB.run(request(kind, 1, i).bytes()).action() == XdpAction.TX ? 1 : 0;
    }
    int seconds = (int) ((System.nanoTime() - start) / 1_000_000_000L) + 2; // begun ones too
    assertThat(answered).isBetween(LIMIT, LIMIT * cpus * seconds).isLessThan(sent);
    assertThat(LAB.drops(DropReason.RATE_LIMITED) - before).isEqualTo(sent - answered);
  }

  @ParameterizedTest
  @EnumSource(names = {"TCP4", "TCP6"})
  void row13_whatIsNoEchoRequestIsNotAnswered(Kind kind) {
    Frame request = request(kind, 1, 1);
    int[] types =
        kind.ipv6
            ? new int[] {0, 5, 127, 129, 130, 138, 255} // of nobody, replies, listeners
            : new int[] {0, 1, 5, 9, 10, 13, 15, 17, 255}; // reply, redirect, routers, timestamps
    for (int type : types) {
      LAB.drops(DropReason.ICMP, Frame.icmp(kind.client(1), kind.vip(10), type, 0, new byte[60]));
    }
    LAB.drops(
        DropReason.ICMP,
        Frame.icmp(kind.client(1), kind.vip(10), kind.ipv6 ? 128 : 8, 1, new byte[4]));
    LAB.drops(DropReason.FRAGMENT, request.fragment(0, true));
    LAB.drops(DropReason.FRAGMENT, request.fragment(8, false));
    for (int length = 0; length < 4; length++) {
      Frame cut =
          Frame.icmp(kind.client(1), kind.vip(10), kind.ipv6 ? 128 : 8, 0, new byte[length]);
      LAB.drops(DropReason.MALFORMED, cut);
    }
    LAB.drops(DropReason.BAD_SOURCE, request.from(kind.vip(10), 0));
    LAB.drops(DropReason.BAD_SOURCE, request.from(kind.ipv6 ? "ff02::1" : "224.0.0.1", 0));
    LAB.passes(request.to(kind.vip(11), 0)); // not a VIP
  }
}
