// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.core.model.Access;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Delivery;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.Vip;
import io.xdplb.libbpf.TestRun;
import io.xdplb.libbpf.XdpAction;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.packet.Frame;
import io.xdplb.testing.packet.Packet;
import io.xdplb.testing.packet.Tunnel;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Taking the outer headers off: what of them reaches the inner packet, and when it is not ours. */
@RequiresBpf
class DecapsulationTest {
  @RegisterExtension static final PacketLab LAB = new PacketLab();

  private static final int PEER = 1;
  private static final int STRANGER = 5;

  private static final int NOT_ECT = 0;
  private static final int ECT_1 = 1;
  private static final int ECT_0 = 2;
  private static final int CE = 3;
  private static final int DROPPED = -1;

  /** RFC 6040, figure 4: what comes out, by the inner and then the outer field. */
  private static final int[][] DECAPSULATED = new int[4][];

  static {
    DECAPSULATED[NOT_ECT] = byOuter(NOT_ECT, NOT_ECT, NOT_ECT, DROPPED);
    DECAPSULATED[ECT_0] = byOuter(ECT_0, ECT_0, ECT_1, CE);
    DECAPSULATED[ECT_1] = byOuter(ECT_1, ECT_1, ECT_1, CE);
    DECAPSULATED[CE] = byOuter(CE, CE, CE, CE);
  }

  /** In the order of the RFC's columns. */
  private static int[] byOuter(int notEct, int ect0, int ect1, int ce) {
    int[] results = new int[4];
    results[NOT_ECT] = notEct;
    results[ECT_0] = ect0;
    results[ECT_1] = ect1;
    results[CE] = ce;
    return results;
  }

  @BeforeEach
  void peers() {
    LAB.test()
        .datapath()
        .setPeers(List.of(Ip.parse(Outer.IPV4.node(PEER)), Ip.parse(Outer.IPV6.node(PEER))));
  }

  private static Frame delivered(Frame inner, String address, int port) {
    return inner.macs(PacketLab.backendMac(PEER), PacketLab.MAC).to(address, port);
  }

  /** A server of this VIP on the machine itself, which gets IPIP. */
  private static Vip server(Kind kind, Outer outer) {
    BackendKey key = new BackendKey(Ip.parse(kind.balancer()), Kind.VIP_PORT);
    Delivery delivery = Delivery.ipip(Ip.parse(outer.edge()));
    return Dsr.vip(kind.vipKey(), 0, Access.OPEN, List.of(new Backend(key, 1, 0, delivery)));
  }

  private static Frame inIp(Frame inner, Outer outer, int from) {
    return Tunnel.ipInIp(inner, outer.node(from), outer.edge())
        .macs(PacketLab.backendMac(from), PacketLab.MAC);
  }

  @ParameterizedTest
  @MethodSource("io.xdplb.datapath.Dsr#kindsAndOuters")
  void row25_congestionInTheTunnelIsCarriedInwardsByRfc6040(Kind kind, Outer outer) {
    LAB.program(Dsr.vip(kind, outer.here()));
    everyMark(
        kind,
        inner -> Dsr.toHere(inner, outer, PEER, Dsr.gue(kind, 1, 0)),
        inner -> delivered(inner, Dsr.pod(kind, 1), Dsr.POD_PORT));
  }

  @ParameterizedTest
  @MethodSource("io.xdplb.datapath.Dsr#kindsAndOuters")
  void row25_congestionInIpInIpIsCarriedInwardsByRfc6040(Kind kind, Outer outer) {
    LAB.program(server(kind, outer));
    everyMark(
        kind,
        inner -> inIp(inner, outer, PEER),
        inner -> delivered(inner, kind.balancer(), Kind.VIP_PORT));
  }

  private interface Change {
    Frame of(Frame inner);
  }

  private static void everyMark(Kind kind, Change encapsulated, Change delivered) {
    for (int dscp : new int[] {0, 0x2e, 0x3f}) {
      for (int inner = 0; inner < 4; inner++) {
        for (int outer = 0; outer < 4; outer++) {
          int outerDscp = 0x3f - dscp; // the tunnel's own: it is not taken over
          Frame packet = kind.opening(1, 4000).tos(dscp << 2 | inner);
          Frame frame = encapsulated.of(packet).tos(outerDscp << 2 | outer);
          int result = DECAPSULATED[inner][outer];
          if (result == DROPPED) {
            LAB.drops(DropReason.CONGESTION_MARK, frame);
          } else {
            LAB.delivers(delivered.of(packet.tos(dscp << 2 | result)), frame);
          }
        }
      }
    }
  }

  /** Row 26: the outer TTL has done its duty, the inner one is the kernel's business. */
  @ParameterizedTest
  @MethodSource("io.xdplb.datapath.Dsr#kindsAndOuters")
  void row26_theTunnelsTtlIsNobodysBusiness(Kind kind, Outer outer) {
    LAB.program(Dsr.vip(kind, outer.here()));
    Frame inner = kind.opening(1, 4000).ttl(2);
    LAB.delivers(
        delivered(inner, Dsr.pod(kind, 1), Dsr.POD_PORT),
        Dsr.toHere(inner, outer, PEER, Dsr.gue(kind, 1, 0)).ttl(1));
  }

  /** Whatever is there before, padding behind the packet stays what it is. */
  @ParameterizedTest
  @MethodSource("io.xdplb.datapath.Dsr#kindsAndOuters")
  void row6_paddingBehindTheOuterPacketIsNoPayload(Kind kind, Outer outer) {
    LAB.program(Dsr.vip(kind, outer.here()));
    Frame inner = kind.opening(1, 4000).payload(new byte[3]);
    byte[] padding = {1, 2, 3, 4, 5, 6, 7};
    LAB.delivers(
        delivered(inner, Dsr.pod(kind, 1), Dsr.POD_PORT).padding(padding),
        Dsr.toHere(inner, outer, PEER, Dsr.gue(kind, 1, 0)).padding(padding));
  }

  @ParameterizedTest
  @MethodSource("io.xdplb.datapath.Dsr#kindsAndOuters")
  void row3_whatIsNotOursToOpenPassesAsItIs(Kind kind, Outer outer) {
    LAB.program(Dsr.vip(kind, outer.here()));
    Frame inner = kind.opening(1, 4000);
    Frame ours = Dsr.toHere(inner, outer, PEER, Dsr.gue(kind, 1, 0));
    LAB.passes(ours.to(outer.edge(), Tunnel.GUE_PORT + 1));
    LAB.passes(ours.to(outer.node(3), Tunnel.GUE_PORT)); // another machine's
    int gue = 8; // behind the UDP header
    for (int first : new int[] {0, 1, 3, 0x22, 0x42, 0x82}) { // other versions, lengths, control
      LAB.passes(ours.patchLayer4(gue, first));
    }
    for (int protocol : new int[] {0, 1, 6, 17, 58, 59}) {
      LAB.passes(ours.patchLayer4(gue + 1, protocol));
    }
    LAB.passes(ours.patchLayer4(gue + 2, 0x80, 0)); // flags
    LAB.passes(ours.patchLayer4(gue + 2, 0, 1));
    LAB.passes(ours.payload(new byte[11])); // shorter than a GUE header
    LAB.passes(ours.fragment(0, true));
    if (outer == Outer.IPV4) {
      LAB.passes(ours.ipOptions(new byte[] {1, 1, 1, 1}));
    } else {
      LAB.passes(ours.extension(Frame.DESTINATION_OPTIONS));
    }
    // this machine may have IP-in-IP tunnels of its own: only what is for a VIP is ours
    Frame other = inner.to(kind.client(9), 80);
    LAB.passes(inIp(other, outer, PEER));
    LAB.passes(inIp(other, outer, STRANGER));
    assertThat(LAB.flowsBegun()).isZero();
  }

  @ParameterizedTest
  @MethodSource("io.xdplb.datapath.Dsr#kindsAndOuters")
  void whatIsNoPacketInsideIsDropped(Kind kind, Outer outer) {
    LAB.program(Dsr.vip(kind, outer.here()));
    Frame ours = Dsr.toHere(kind.opening(1, 4000), outer, PEER, Dsr.gue(kind, 1, 0));
    int gue = 8;
    int inner = gue + 12;
    LAB.drops(DropReason.MALFORMED, ours.patchLayer4(inner, 0x55)); // neither version
    LAB.drops(DropReason.MALFORMED, ours.patchLayer4(inner, 0));
    LAB.drops(DropReason.MALFORMED, ours.patchLayer4(gue + 1, kind.ipv6 ? 4 : 41));
    if (!kind.ipv6) {
      LAB.drops(DropReason.MALFORMED, ours.patchLayer4(inner, 0x44));
      LAB.drops(DropReason.MALFORMED, ours.patchLayer4(inner + 2, 0xff, 0xff));
    } else {
      LAB.drops(DropReason.MALFORMED, ours.patchLayer4(inner + 4, 0xff, 0xff));
    }
    assertThat(LAB.flowsBegun()).isZero();
  }

  @ParameterizedTest
  @MethodSource("io.xdplb.datapath.Dsr#kindsAndOuters")
  void row48_row49_ipInIpReachesTheServerHereFromKnownNodesOnly(Kind kind, Outer outer) {
    LAB.program(server(kind, outer));
    Frame opening = kind.opening(1, 4000).payload(new byte[5]);
    LAB.passes(inIp(opening, outer, STRANGER)); // the machine may have tunnels of its own
    LAB.delivers(delivered(opening, kind.balancer(), Kind.VIP_PORT), inIp(opening, outer, PEER));
    Frame answer =
        (kind.tcp()
                ? Frame.tcp(kind.balancer(), Kind.VIP_PORT, kind.client(1), 4000)
                : Frame.udp(kind.balancer(), Kind.VIP_PORT, kind.client(1), 4000))
            .flags(Frame.SYN | Frame.ACK);
    LAB.leaves(answer.from(kind.vip(10), Kind.VIP_PORT), answer);
    assertThat(LAB.flowsBegun()).isEqualTo(1);
    // for a VIP that has no server here
    LAB.program(Dsr.vip(kind, outer.pod(2)));
    LAB.drops(DropReason.NOT_HOSTED, inIp(opening, outer, PEER));
  }

  // ---- row 62: translated at the edge, and encapsulated to the pod's node

  @ParameterizedTest
  @MethodSource("io.xdplb.datapath.Dsr#kindsAndOuters")
  void row62_toAPodThatOnlyItsNodeReachesTheEdgeTranslatesAndEncapsulates(Kind kind, Outer outer) {
    LAB.program(Dsr.vip(kind, Delivery.natVia(Ip.parse(outer.node(2)))));
    for (int i = 0; i < 100; i++) {
      Frame frame = kind.opening(1, 1024 + i).payload(new byte[i]).tos(i);
      int natPort = translated(kind, frame, outer);
      Frame next = kind.data(1, 1024 + i).payload(new byte[3]);
      assertThat(translated(kind, next, outer)).isEqualTo(natPort);
      // the answer comes by the node's ordinary routes
      Frame answer =
          kind.answer(Dsr.pod(kind, 1), Dsr.POD_PORT, natPort).flags(Frame.SYN | Frame.ACK);
      LAB.returns(kind, answer, kind.client(1), 1024 + i);
    }
    LAB.drops(DropReason.TTL_EXCEEDED, kind.opening(2, 4000).ttl(1));
  }

  /** Answers the port that the translated source has. */
  private static int translated(Kind kind, Frame frame, Outer outer) {
    byte[] actual = LAB.sent(frame);
    int natPort = Packet.of(actual, Tunnel.GUE_PORT).inner().sourcePort();
    assertThat(natPort).isBetween(PacketLab.NAT_PORTS.first(), PacketLab.NAT_PORTS.last());
    Frame inner = frame.from(kind.balancer(), natPort).to(Dsr.pod(kind, 1), Dsr.POD_PORT).hop();
    PacketLab.same(
        Dsr.tunnelled(inner, Dsr.gue(kind, 1, Dsr.CONTROL_NAT), outer, 2, actual).bytes(), actual);
    return natPort;
  }

  @ParameterizedTest
  @MethodSource("io.xdplb.datapath.Dsr#kindsAndOuters")
  void row62_thePodsNodeHandsItOnAsItIs(Kind kind, Outer outer) {
    LAB.program(Dsr.vip(kind, Delivery.natVia(Ip.parse(outer.edge()))));
    Tunnel.Gue gue = Dsr.gue(kind, 1, Dsr.CONTROL_NAT);
    String edge = kind.backend(PEER);
    Frame inner = kind.data(1, 4000).from(edge, 10_000).to(Dsr.pod(kind, 1), Dsr.POD_PORT);
    LAB.delivers(
        delivered(inner, Dsr.pod(kind, 1), Dsr.POD_PORT), Dsr.toHere(inner, outer, PEER, gue));
    for (Frame other :
        List.of(
            inner.to(Dsr.pod(kind, 1), Dsr.POD_PORT + 1),
            inner.to(Dsr.pod(kind, 2), Dsr.POD_PORT),
            kind.data(1, 4000))) {
      LAB.drops(DropReason.NOT_HOSTED, Dsr.toHere(other, outer, PEER, gue));
    }
    LAB.drops(DropReason.UNKNOWN_PEER, Dsr.toHere(inner, outer, STRANGER, gue));
    Frame answer =
        inner
            .macs(PacketLab.MAC, PacketLab.backendMac(PEER))
            .from(Dsr.pod(kind, 1), Dsr.POD_PORT)
            .to(edge, 10_000);
    LAB.leaves(answer, answer);
    assertThat(LAB.flowsBegun()).isZero();
  }

  /** Row 56: the pod's node would otherwise meet its own address as a source from outside. */
  @ParameterizedTest
  @MethodSource("io.xdplb.datapath.Dsr#kindsAndOuters")
  void row56_aClientThatIsANodeIsTranslatedOnTheWayToAPod(Kind kind, Outer outer) {
    LAB.program(Dsr.vip(kind, outer.pod(2)));
    Frame frame = kind.opening(1, 4000).from(kind.backend(PEER), 4000);
    int natPort = translated(kind, frame, outer);
    TestRun.Result back =
        LAB.run(
            kind.answer(Dsr.pod(kind, 1), Dsr.POD_PORT, natPort)
                .flags(Frame.SYN | Frame.ACK)
                .bytes());
    assertThat(back.action()).isEqualTo(XdpAction.TX);
    assertThat(Packet.of(back.data()).destination()).isEqualTo(kind.backend(PEER));
  }
}
