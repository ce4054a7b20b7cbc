// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.core.model.Ip;
import io.xdplb.core.model.Vip;
import io.xdplb.libbpf.TestRun;
import io.xdplb.libbpf.XdpAction;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.packet.Frame;
import io.xdplb.testing.packet.Hexdump;
import io.xdplb.testing.packet.Icmp;
import io.xdplb.testing.packet.Packet;
import io.xdplb.testing.packet.Tunnel;
import java.nio.ByteBuffer;
import java.util.List;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Row 4: frames with VLAN tags are what they are without, and keep their tags. */
@RequiresBpf
class VlanTest {
  @RegisterExtension static final PacketLab LAB = new PacketLab();

  private static final int MACS = 12;

  /** Types and tags as they stand in the frame: 802.1Q, with priority, QinQ of both kinds. */
  private static final List<int[]> TAGS =
      List.of(
          new int[] {0x8100, 100},
          new int[] {0x8100, 0xefff},
          new int[] {0x88a8, 7},
          new int[] {0x88a8, 10, 0x8100, 20},
          new int[] {0x8100, 0, 0x8100, 0xffff});

  static byte[] tagged(byte[] frame, int... tags) {
    ByteBuffer tagged = ByteBuffer.allocate(frame.length + 2 * tags.length).put(frame, 0, MACS);
    for (int word : tags) {
      tagged.putShort((short) word);
    }
    return tagged.put(frame, MACS, frame.length - MACS).array();
  }

  private static byte[] untagged(byte[] frame, int[] tags) {
    assertThat(tagged(ByteBuffer.allocate(MACS + 2).put(frame, 0, MACS).array(), tags))
        .as("tags of\n%s", Hexdump.of(frame))
        .startsWith(
            ByteBuffer.allocate(MACS + 2 * tags.length)
                .put(frame, 0, MACS + 2 * tags.length)
                .array());
    int rest = MACS + 2 * tags.length;
    return ByteBuffer.allocate(frame.length - 2 * tags.length)
        .put(frame, 0, MACS)
        .put(frame, rest, frame.length - rest)
        .array();
  }

  private static byte[] sent(Frame frame, int[] tags) {
    TestRun.Result result = LAB.run(tagged(frame.bytes(), tags));
    assertThat(result.action()).as("verdict for\n%s", frame).isEqualTo(XdpAction.TX);
    return untagged(result.data(), tags);
  }

  private static void sends(Frame expected, Frame frame, int[] tags) {
    PacketLab.same(expected.bytes(), sent(frame, tags));
  }

  private static void delivers(Frame expected, Frame frame, int[] tags) {
    TestRun.Result result = LAB.run(tagged(frame.bytes(), tags));
    assertThat(result.action()).as("verdict for\n%s", frame).isEqualTo(XdpAction.PASS);
    PacketLab.same(expected.bytes(), untagged(result.data(), tags));
  }

  @ParameterizedTest
  @MethodSource("io.xdplb.datapath.Dsr#kindsAndOuters")
  void row4_dsrKeepsTheTags(Kind kind, Outer outer) {
    LAB.program(Dsr.vip(kind, outer.pod(1)));
    for (int[] tags : TAGS) {
      for (int length = 0; length < 200; length += 7) {
        Frame frame = kind.opening(1, 4000 + length).payload(new byte[length]);
        byte[] actual = sent(frame, tags);
        PacketLab.same(Dsr.tunnelled(frame, Dsr.gue(kind, 1, 0), outer, 1, actual).bytes(), actual);
      }
      Frame big = kind.data(1, 4000).payload(new byte[1450]);
      sends(Answers.tooBig(big, outer.fits()), big, tags);
    }
  }

  @ParameterizedTest
  @EnumSource
  void row4_natKeepsTheTagsBothWays(Kind kind) {
    LAB.program(kind.vipOf(1));
    for (int[] tags : TAGS) {
      Frame opening = kind.opening(1, 4000 + tags[1]).payload(new byte[3]);
      byte[] out = sent(opening, tags);
      int natPort = Packet.of(out).sourcePort();
      Frame expected =
          opening
              .macs(PacketLab.MAC, PacketLab.backendMac(1))
              .from(kind.balancer(), natPort)
              .to(kind.backend(1), Kind.BACKEND_PORT)
              .hop();
      PacketLab.same(expected.bytes(), out);
      Frame answer =
          kind.answer(kind.backend(1), Kind.BACKEND_PORT, natPort)
              .flags(Frame.SYN | Frame.ACK)
              .payload(new byte[5]);
      sends(
          answer
              .macs(PacketLab.MAC, PacketLab.ROUTER_MAC)
              .from(kind.vip(10), Kind.VIP_PORT)
              .to(kind.client(1), 4000 + tags[1])
              .hop(),
          answer,
          tags);
    }
  }

  @ParameterizedTest
  @MethodSource("io.xdplb.datapath.Dsr#kindsAndOuters")
  void row4_theEndpointsNodeKeepsTheTags(Kind kind, Outer outer) {
    LAB.program(Dsr.vip(kind, outer.here()));
    LAB.test().datapath().setPeers(List.of(Ip.parse(outer.node(1))));
    for (int[] tags : TAGS) {
      Frame inner = kind.opening(1, 4000).payload(new byte[3]);
      Frame delivered = inner.to(Dsr.pod(kind, 1), Dsr.POD_PORT);
      delivers(delivered, inner, tags);
      Frame frame = Dsr.toHere(inner, outer, 1, Dsr.gue(kind, 1, 0));
      delivers(delivered.macs(PacketLab.backendMac(1), PacketLab.MAC), frame, tags);
      LAB.drops(
          DropReason.UNKNOWN_PEER,
          tagged(Dsr.toHere(inner, outer, 5, Dsr.gue(kind, 1, 0)).bytes(), tags));
    }
  }

  @ParameterizedTest
  @EnumSource
  void row4_answersOfOurOwnKeepTheTags(Kind kind) {
    LAB.program(new Vip(kind.vipKey(), 0, List.of()));
    for (int[] tags : TAGS) {
      Frame frame = kind.opening(1, 4000);
      sends(kind.tcp() ? Answers.reset(frame) : Answers.portUnreachable(frame), frame, tags);
      sends(
          Icmp.echoReply(kind.vip(10), kind.client(1), 1, 2, (byte) 3)
              .macs(PacketLab.MAC, PacketLab.ROUTER_MAC),
          Icmp.echoRequest(kind.client(1), kind.vip(10), 1, 2, (byte) 3),
          tags);
    }
  }

  @ParameterizedTest
  @EnumSource
  void row4_whatIsRefusedIsRefusedWithTagsToo(Kind kind) {
    LAB.program(Dsr.vip(kind, Outer.IPV4.pod(1)));
    Frame frame = kind.opening(1, 4000);
    for (int[] tags : TAGS) {
      LAB.drops(DropReason.TTL_EXCEEDED, tagged(frame.ttl(1).bytes(), tags));
      LAB.drops(DropReason.BAD_SOURCE, tagged(frame.from(kind.vip(10), 9).bytes(), tags));
      LAB.drops(DropReason.FRAGMENT, tagged(frame.fragment(0, true).bytes(), tags));
      LAB.drops(DropReason.MALFORMED, tagged(frame.patch(0, 0x55).bytes(), tags));
      // the IP length is counted from behind the tags
      Frame longer =
          kind.ipv6
              ? frame.patch(4, 0, frame.ipPacket().length - 40 + 1)
              : frame.patch(2, 0, frame.ipPacket().length + 1);
      LAB.drops(DropReason.MALFORMED, tagged(longer.bytes(), tags));
    }
  }

  @ParameterizedTest
  @EnumSource
  void row4_whatIsNotOursPassesByteIdentical(Kind kind) {
    LAB.program(Dsr.vip(kind, Outer.IPV4.pod(1)));
    Frame other = kind.opening(1, 4000).to(kind.vip(11), 80).payload(new byte[20]);
    for (int[] tags : TAGS) {
      LAB.passes(tagged(other.bytes(), tags));
      LAB.passes(tagged(other.padding(new byte[9]).bytes(), tags));
      LAB.passes(tagged(other.fragment(8, true).bytes(), tags));
      LAB.passes(
          tagged(Frame.arpRequest(kind.ipv6 ? "192.0.2.1" : kind.client(1), "203.0.113.10"), tags));
      byte[] third = tagged(tagged(kind.opening(1, 4000).bytes(), tags), tags);
      if (tags.length > 2) { // four
        LAB.passes(third);
      }
      byte[] whole = tagged(other.bytes(), tags);
      for (int length = 14; length < whole.length; length++) { // runts
        LAB.passes(java.util.Arrays.copyOf(whole, length));
      }
    }
    LAB.passes(tagged(kind.opening(1, 4000).bytes(), new int[] {0x8100, 1, 0x8100, 2, 0x8100, 3}));
    LAB.passes(tagged(kind.opening(1, 4000).bytes(), new int[] {0x9100, 1})); // an older QinQ's
    Tunnel.Gue gue = Dsr.gue(kind, 1, 0);
    Frame gueElsewhere =
        Tunnel.gue(kind.opening(1, 4000), gue, kind.backend(1), 50_000, kind.backend(2), 6080);
    LAB.passes(tagged(gueElsewhere.bytes(), TAGS.get(0)));
  }
}
