// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.core.model.Ip;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.packet.Frame;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Padding, IPv4 options, IPv6 extension headers, and fragments. */
@RequiresBpf
class HeadersTest {
  @RegisterExtension static final PacketLab LAB = new PacketLab();

  private static final int MOST_EXTENSIONS = 6;
  private static final int ENCAPSULATED = 50; // ESP
  private static final int NO_NEXT_HEADER = 59;
  private static final int MOBILITY = 135;

  /** No-operations: bytes that a sum over too much would notice. */
  private static byte[] ones(int length) {
    byte[] bytes = new byte[length];
    Arrays.fill(bytes, (byte) 1);
    return bytes;
  }

  /** Through DSR, NAT, and to an endpoint here. */
  private static void everyWay(Kind kind, Frame frame, Outer outer, boolean outerSum) {
    LAB.program(Dsr.vip(kind, outer.pod(1)));
    byte[] actual = LAB.sent(frame);
    Frame tunnelled =
        Dsr.tunnelled(frame.padding(new byte[0]), Dsr.gue(kind, 1, 0), outer, 1, actual);
    byte[] packet = frame.bytes();
    int padding = packet.length - 14 - frame.ipPacket().length;
    Frame expected = outerSum ? tunnelled : tunnelled.withoutChecksum();
    PacketLab.same(
        expected
            .padding(Arrays.copyOfRange(packet, packet.length - padding, packet.length))
            .bytes(),
        actual);
    LAB.program(Dsr.vip(kind, outer.here()));
    LAB.delivers(frame.to(Dsr.pod(kind, 1), Dsr.POD_PORT), frame);
    LAB.test().datapath().setPeers(List.of(Ip.parse(outer.node(1))));
    LAB.delivers(
        frame
            .to(Dsr.pod(kind, 1), Dsr.POD_PORT)
            .macs(PacketLab.backendMac(1), PacketLab.MAC)
            .padding(new byte[0]),
        Dsr.toHere(frame.padding(new byte[0]), outer, 1, Dsr.gue(kind, 1, 0)));
    LAB.program(kind.vipOf(1));
    LAB.forwards(kind, frame);
    LAB.test().remove(kind.vipKey());
  }

  @ParameterizedTest
  @MethodSource("io.xdplb.datapath.Dsr#kindsAndOuters")
  void row6_paddingIsNoPayload(Kind kind, Outer outer) {
    for (int padding : new int[] {1, 2, 5, 6, 46, 1000}) {
      for (int payload : new int[] {0, 1, 2, 7}) {
        Frame frame = kind.opening(1, 4000).payload(ones(payload)).padding(ones(padding));
        everyWay(kind, frame, outer, true);
      }
    }
  }

  /** What fits is counted by the IP length, not by the frame's. */
  @ParameterizedTest
  @EnumSource
  void row6_paddingDoesNotMakeAPacketTooBig(Kind kind) {
    LAB.program(Dsr.vip(kind, Outer.IPV4.pod(1)));
    LAB.sent(kind.opening(1, 4000).payload(ones(1000)).padding(ones(600)));
  }

  @ParameterizedTest
  @MethodSource("io.xdplb.datapath.Dsr#kindsAndOuters")
  void row7_ipv4OptionsAreSkipped(Kind kind, Outer outer) {
    if (kind.ipv6) {
      return;
    }
    for (int length = 4; length <= 40; length += 4) {
      everyWay(kind, kind.opening(1, 4000).ipOptions(ones(length)), outer, true);
      Frame looksLikePorts = kind.opening(1, 4000).ipOptions(new byte[length]).payload(ones(3));
      everyWay(kind, looksLikePorts, outer, true);
    }
  }

  private static final int[] EXTENSIONS = {
    Frame.HOP_BY_HOP, Frame.ROUTING, Frame.DESTINATION_OPTIONS
  };

  @ParameterizedTest
  @MethodSource("io.xdplb.datapath.Dsr#kindsAndOuters")
  void row8_extensionHeadersAreWalked(Kind kind, Outer outer) {
    if (!kind.ipv6) {
      return;
    }
    Frame frame = kind.opening(1, 4000).payload(ones(3));
    for (int first : EXTENSIONS) {
      for (int length : new int[] {8, 16, 24, 264, 1000}) {
        everyWay(kind, frame.extension(first, length), outer, false);
      }
      for (int second : EXTENSIONS) {
        everyWay(kind, frame.extension(first).extension(second, 32), outer, false);
      }
    }
    Frame many = frame;
    for (int i = 0; i < MOST_EXTENSIONS; i++) {
      many = many.extension(EXTENSIONS[i % 3], 8 + 8 * i);
      everyWay(kind, many, outer, false);
    }
  }

  /** What a flow is does not depend on the headers in between. */
  @ParameterizedTest
  @EnumSource(names = {"TCP6", "UDP6"})
  void row8_theFlowIsTheSameWithAndWithoutThem(Kind kind) {
    LAB.program(Dsr.vip(kind, Outer.IPV6.pod(1), Outer.IPV6.pod(2), Outer.IPV6.pod(3)));
    for (int port = 1024; port < 1124; port++) {
      int pod = Dsr.tunnels(LAB, kind, kind.opening(1, port), Outer.IPV6);
      Frame frame = kind.data(1, port).extension(Frame.DESTINATION_OPTIONS);
      byte[] actual = LAB.sent(frame);
      Frame expected = Dsr.tunnelled(frame, Dsr.gue(kind, pod, 0), Outer.IPV6, pod, actual);
      PacketLab.same(expected.withoutChecksum().bytes(), actual);
    }
    LAB.program(kind.vipOf(1, 1, 1));
    for (int port = 1024; port < 1124; port++) {
      PacketLab.Translation to = LAB.establish(kind, 1, port);
      Frame frame = kind.data(1, port).extension(Frame.HOP_BY_HOP);
      assertThat(LAB.forwards(kind, frame)).isEqualTo(to);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"TCP6", "UDP6"})
  void row8_tooManyOrOpaqueHeadersAreDropped(Kind kind) {
    for (Outer outer : Outer.values()) {
      LAB.program(Dsr.vip(kind, outer.pod(1)));
      refusedHeaders(kind);
      LAB.program(Dsr.vip(kind, outer.here()));
      refusedHeaders(kind);
    }
    LAB.program(kind.vipOf(1));
    refusedHeaders(kind);
    assertThat(LAB.flowsBegun()).isZero();
    // to others they pass as they are
    Frame other = kind.opening(1, 4000).to(kind.vip(11), Kind.VIP_PORT);
    for (int i = 0; i < 10; i++) {
      other = other.extension(Frame.DESTINATION_OPTIONS);
      LAB.passes(other);
    }
    LAB.passes(other.extension(Frame.AUTHENTICATION, 24));
  }

  private static void refusedHeaders(Kind kind) {
    Frame frame = kind.opening(1, 4000);
    Frame many = frame;
    for (int i = 0; i <= MOST_EXTENSIONS; i++) {
      many = many.extension(Frame.DESTINATION_OPTIONS);
    }
    LAB.drops(DropReason.EXTENSION_HEADERS, many);
    LAB.drops(DropReason.EXTENSION_HEADERS, many.extension(Frame.HOP_BY_HOP));
    Frame behind = frame.extension(Frame.HOP_BY_HOP);
    LAB.drops(DropReason.EXTENSION_HEADERS, behind.extension(Frame.AUTHENTICATION, 24));
    Frame esp = Frame.ip(kind.client(1), kind.vip(10), ENCAPSULATED, new byte[40]);
    LAB.drops(DropReason.EXTENSION_HEADERS, esp.extension(Frame.HOP_BY_HOP));
    // without others before them they are protocols that nobody balances
    LAB.drops(DropReason.NO_LISTENER, frame.extension(Frame.AUTHENTICATION, 24));
    LAB.drops(DropReason.NO_LISTENER, esp);
    for (int protocol : new int[] {NO_NEXT_HEADER, MOBILITY, 253, Frame.SCTP}) {
      Frame unknown = Frame.ip(kind.client(1), kind.vip(10), protocol, new byte[40]);
      LAB.drops(DropReason.NO_LISTENER, unknown);
      LAB.drops(DropReason.NO_LISTENER, unknown.extension(Frame.HOP_BY_HOP));
    }
    // lengths that lead out of the packet, or leave no room for what follows
    for (int type : EXTENSIONS) {
      LAB.drops(DropReason.MALFORMED, frame.extension(type).patch(41, 255));
      LAB.drops(DropReason.MALFORMED, frame.extension(type).patch(41, 2));
      LAB.drops(DropReason.MALFORMED, frame.extension(type).patch(4, 0, 7));
      LAB.drops(DropReason.MALFORMED, frame.extension(type).patch(4, 0, 12));
    }
  }

  // ---- rows 11 and 12: fragments of a datagram all go the same way, which is nowhere

  private static List<Frame> fragments(Kind kind) {
    Frame frame = kind.opening(1, 4000).payload(ones(64));
    return List.of(
        frame.fragment(0, true),
        frame.fragment(72, true),
        frame.fragment(1480, true),
        frame.fragment(2960, false),
        frame.fragment(65528, false).payload(ones(7)));
  }

  private static void fragmentsAreDropped(Kind kind) {
    List<Frame> fragments = fragments(kind);
    for (int i = 0; i < fragments.size(); i++) { // in any order
      for (int j = 0; j < fragments.size(); j++) {
        LAB.drops(DropReason.FRAGMENT, fragments.get((i * 2 + j) % fragments.size()));
      }
    }
    int protocol = kind.tcp() ? Frame.TCP : Frame.UDP;
    Frame frame = kind.opening(1, 4000).payload(ones(64));
    // row 12: a first one that hides the ports, flags or length
    for (int length : new int[] {0, 1, 4, 8, 12, 16}) {
      Frame tiny = Frame.ip(kind.client(1), kind.vip(10), 253, ones(length)).fragment(0, true);
      Frame first =
          kind.ipv6 ? tiny.patch(40, protocol) : tiny.patch(9, protocol).checksumOfPatchedHeader();
      LAB.drops(DropReason.FRAGMENT, first);
    }
    for (int offset : new int[] {8, 16, 24}) { // over the first one's header
      LAB.drops(DropReason.FRAGMENT, frame.fragment(offset, true));
      LAB.drops(DropReason.FRAGMENT, frame.fragment(offset, false));
    }
    if (kind.ipv6) {
      for (int type : EXTENSIONS) {
        LAB.drops(DropReason.FRAGMENT, frame.extension(type).fragment(0, true));
        LAB.drops(DropReason.FRAGMENT, frame.extension(type).fragment(1480, false));
      }
      LAB.drops(DropReason.FRAGMENT, frame.fragment(0, false)); // an atomic one
    } else {
      LAB.drops(DropReason.FRAGMENT, frame.ipOptions(ones(8)).fragment(0, true));
      // of protocols that are not balanced: nobody else may get them either
      Frame icmp = Frame.icmp(kind.client(1), kind.vip(10), 8, 0, new byte[64]);
      LAB.drops(DropReason.FRAGMENT, icmp.fragment(0, true));
      LAB.drops(DropReason.FRAGMENT, icmp.fragment(64, false));
    }
  }

  @ParameterizedTest
  @EnumSource
  void row11_row12_everyFragmentToAVipIsDropped(Kind kind) {
    LAB.program(Dsr.vip(kind, Outer.IPV4.pod(1)));
    fragmentsAreDropped(kind);
    LAB.sent(kind.opening(1, 4000));
    fragmentsAreDropped(kind); // a flow that is going on makes no difference
    LAB.program(Dsr.vip(kind, Outer.IPV4.here()));
    fragmentsAreDropped(kind);
    LAB.program(kind.vipOf(1));
    LAB.establish(kind, 1, 4000);
    fragmentsAreDropped(kind);
    assertThat(LAB.flowsBegun()).isEqualTo(1);
  }

  @ParameterizedTest
  @MethodSource("io.xdplb.datapath.Dsr#kindsAndOuters")
  void row11_fragmentsInsideATunnelAreDroppedToo(Kind kind, Outer outer) {
    LAB.program(Dsr.vip(kind, outer.here()));
    LAB.test().datapath().setPeers(List.of(Ip.parse(outer.node(1))));
    for (Frame fragment : fragments(kind)) {
      if (fragment.ipPacket().length < 1000) {
        LAB.drops(DropReason.FRAGMENT, Dsr.toHere(fragment, outer, 1, Dsr.gue(kind, 1, 0)));
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void row11_fragmentsToOthersPass(Kind kind) {
    LAB.program(Dsr.vip(kind, Outer.IPV4.pod(1)), BalanceTest.single(kind, 81, 1));
    for (Frame fragment : fragments(kind)) {
      LAB.passes(fragment.to(kind.vip(11), Kind.VIP_PORT));
      LAB.passes(fragment.to(kind.balancer(), PacketLab.NAT_PORTS.first())); // this machine's own
      LAB.passes(fragment.from(kind.vip(10), Kind.VIP_PORT).to(kind.client(1), 4000));
    }
  }
}
