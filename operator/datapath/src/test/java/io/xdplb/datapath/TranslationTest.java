// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.datapath.PacketLab.Translation;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.packet.Frame;
import io.xdplb.testing.packet.Packet;
import java.nio.ByteBuffer;
import java.util.Random;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Every byte of a translated packet, in both directions. */
@RequiresBpf
class TranslationTest {
  @RegisterExtension static final PacketLab LAB = new PacketLab();

  private static final int RANDOM_PACKETS = 6_000; // of each kind, half each way

  @BeforeEach
  void vips() {
    LAB.netns().ip("link set eth0 mtu 9500"); // for packets in several buffers
    LAB.test().datapath().networkChanged();
    for (Kind kind : Kind.values()) {
      LAB.program(kind.vipOf(1, 1, 1));
    }
  }

  /** Also rows 6 (padding), 7 (IPv4 options) and 23 (a packet in several buffers). */
  @ParameterizedTest
  @EnumSource
  void row46_checksumsOfRandomPacketsAreExactBothWays(Kind kind) {
    long seed = System.nanoTime();
    System.out.println(getClass().getSimpleName() + " " + kind + " seed " + seed);
    Random random = new Random(seed);
    for (int i = 0; i < RANDOM_PACKETS; i += 2) {
      int client = 1 + random.nextInt(100);
      int port = 1024 + random.nextInt(64000);
      try {
        Translation to = LAB.forwards(kind, vary(kind, kind.opening(client, port), random));
        Frame answer =
            kind.answer(to.backend(), to.backendPort(), to.natPort()).flags(Frame.SYN | Frame.ACK);
        LAB.returns(kind, vary(kind, answer, random), kind.client(client), port);
      } catch (AssertionError e) {
        throw new AssertionError("packet " + i + " of seed " + seed + ": " + e.getMessage(), e);
      }
    }
  }

  private static Frame vary(Kind kind, Frame frame, Random random) {
    int size = random.nextInt(50) == 0 ? random.nextInt(9000) : random.nextInt(1400);
    byte[] payload = new byte[random.nextInt(4) == 0 ? random.nextInt(4) : size];
    random.nextBytes(payload);
    Frame varied =
        frame
            .payload(payload)
            .ttl(2 + random.nextInt(254))
            .tos(random.nextInt(256))
            .id(random.nextInt(65536))
            .sequence(random.nextInt(), random.nextInt());
    if (kind.tcp()) {
      varied = varied.tcpOptions(new byte[4 * random.nextInt(11)]);
    }
    if (!kind.ipv6 && random.nextInt(4) == 0) {
      varied = varied.ipOptions(filled(4 * random.nextInt(11)));
    }
    return random.nextInt(4) == 0 ? varied.padding(filled(random.nextInt(47))) : varied;
  }

  /** Bytes that any sum over too much would notice; as IPv4 options they are no-operations. */
  private static byte[] filled(int length) {
    byte[] bytes = new byte[length];
    java.util.Arrays.fill(bytes, (byte) 1);
    return bytes;
  }

  /** Row 28 too: a computed 0 of UDP becomes 0xffff. */
  @ParameterizedTest
  @EnumSource
  void row46_sumsAtTheEdge(Kind kind) {
    Translation to = LAB.establish(kind, 1, 4000);
    Frame request = kind.data(1, 4000);
    Frame answer = kind.answer(to.backend(), to.backendPort(), to.natPort());
    UnaryOperator<Frame> forwarded =
        f -> f.from(kind.balancer(), to.natPort()).to(to.backend(), to.backendPort()).hop();
    UnaryOperator<Frame> returned =
        f -> f.from(kind.vip(10), Kind.VIP_PORT).to(kind.client(1), 4000).hop();
    int sent0 = kind.tcp() ? 0 : 0xffff;
    for (int target : new int[] {0, 1, 2, 0x7fff, 0x8000, 0xfffe}) {
      int expected = target == 0 ? sent0 : target;
      // as it comes in
      Frame in = withLayer4Sum(request, UnaryOperator.identity(), target);
      assertThat(Packet.of(in.bytes()).checksum()).isEqualTo(expected);
      LAB.forwards(kind, in);
      in = withLayer4Sum(answer, UnaryOperator.identity(), target);
      LAB.returns(kind, in, kind.client(1), 4000);
      // as it goes out
      in = withLayer4Sum(request, forwarded, target);
      assertThat(Packet.of(LAB.sent(in)).checksum()).isEqualTo(expected);
      LAB.forwards(kind, in);
      in = withLayer4Sum(answer, returned, target);
      assertThat(Packet.of(LAB.sent(in)).checksum()).isEqualTo(expected);
      LAB.returns(kind, in, kind.client(1), 4000);
      if (!kind.ipv6) {
        LAB.forwards(kind, withHeaderSum(request, UnaryOperator.identity(), target));
        LAB.forwards(kind, withHeaderSum(request, forwarded, target));
        LAB.returns(
            kind, withHeaderSum(answer, UnaryOperator.identity(), target), kind.client(1), 4000);
        LAB.returns(kind, withHeaderSum(answer, returned, target), kind.client(1), 4000);
      }
    }
  }

  /** A payload of one word for which the frame, after {@code on}, has this checksum. */
  private static Frame withLayer4Sum(Frame frame, UnaryOperator<Frame> on, int checksum) {
    Frame zero = frame.payload(new byte[2]);
    int now = Packet.of(on.apply(zero).bytes()).checksum();
    return frame.payload(ByteBuffer.allocate(2).putShort((short) word(now, checksum)).array());
  }

  private static Frame withHeaderSum(Frame frame, UnaryOperator<Frame> on, int checksum) {
    int now = ByteBuffer.wrap(on.apply(frame.id(0)).bytes()).getShort(24) & 0xffff;
    return frame.id(word(now, checksum));
  }

  /** The word that takes a checksum from {@code now} to {@code wanted}. */
  private static int word(int now, int wanted) {
    int sum = (~wanted & 0xffff) + now; // minus ~now, in ones' complement
    return (sum & 0xffff) + (sum >> 16);
  }

  @ParameterizedTest
  @EnumSource(names = {"UDP4"})
  void row28_udpWithoutChecksumStaysWithout(Kind kind) {
    Frame request = kind.opening(1, 4000).payload(new byte[] {1, 2, 3}).withoutChecksum();
    Translation to = LAB.forwards(kind, request);
    Frame answer =
        kind.answer(to.backend(), to.backendPort(), to.natPort())
            .payload(new byte[] {4, 5})
            .withoutChecksum();
    LAB.returns(kind, answer, kind.client(1), 4000);
  }

  @ParameterizedTest
  @EnumSource
  void answersFromElsewhereAreNotOurs(Kind kind) {
    Translation to = LAB.establish(kind, 1, 4000);
    Frame answer = kind.answer(to.backend(), to.backendPort(), to.natPort());
    int other = PacketLab.backendNumber(kind, to.backend()) % 3 + 1;
    LAB.passes(answer.from(kind.backend(other), to.backendPort())); // another backend
    LAB.passes(answer.from(kind.backend(9), to.backendPort())); // no backend at all
    LAB.passes(answer.from(to.backend(), to.backendPort() + 1));
    LAB.passes(answer.to(kind.balancer(), to.natPort() + 1));
    LAB.passes(answer.to(kind.balancer(), to.natPort() - 1));
    LAB.passes(answer.to(kind.client(7), to.natPort()));
    Kind otherProtocol = Kind.values()[kind.ordinal() ^ 1];
    LAB.passes(otherProtocol.answer(to.backend(), to.backendPort(), to.natPort()));
    LAB.returns(kind, answer, kind.client(1), 4000);
  }

  @ParameterizedTest
  @EnumSource
  void answersAfterTheFlowHasGoneAreNotOurs(Kind kind) {
    Translation to = LAB.establish(kind, 1, 4000);
    Frame answer = kind.answer(to.backend(), to.backendPort(), to.natPort());
    LAB.test().remove(kind.vipKey());
    LAB.passes(answer);
    LAB.program(kind.vipOf(1, 1, 1));
    LAB.passes(answer);
  }
}
