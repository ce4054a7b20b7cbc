// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.core.model.Access;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.VipKey;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.packet.Frame;
import io.xdplb.testing.packet.Tunnel;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What becomes of DSR's packets on the endpoint's node, in and out, byte for byte. */
@RequiresBpf
class HostedTest {
  @RegisterExtension static final PacketLab LAB = new PacketLab();

  private static final int FLOWS = 300;
  private static final int PEER = 1;
  private static final int STRANGER = 5;

  @BeforeEach
  void peers() {
    List<Ip> peers =
        List.of(Outer.IPV4, Outer.IPV6).stream().map(o -> Ip.parse(o.node(PEER))).toList();
    LAB.test().datapath().setPeers(peers);
  }

  private static Frame encapsulated(Kind kind, Frame inner, Outer outer) {
    return Dsr.toHere(inner, outer, PEER, Dsr.gue(kind, 1, 0));
  }

  /** As it is handed to the kernel, which counts the TTL down. */
  private static Frame delivered(Kind kind, Frame inner) {
    return inner.macs(PacketLab.backendMac(PEER), PacketLab.MAC).to(Dsr.pod(kind, 1), Dsr.POD_PORT);
  }

  private static Frame answer(Kind kind, int client, int port) {
    String pod = Dsr.pod(kind, 1);
    Frame answer =
        kind.tcp()
            ? Frame.tcp(pod, Dsr.POD_PORT, kind.client(client), port)
            : Frame.udp(pod, Dsr.POD_PORT, kind.client(client), port);
    return answer.macs(PacketLab.MAC, PacketLab.ROUTER_MAC);
  }

  private static Frame translated(Kind kind, Frame answer) {
    return answer.from(kind.vip(10), Kind.VIP_PORT);
  }

  private static Frame vary(Kind kind, Frame frame, Random random) {
    byte[] payload = new byte[random.nextInt(1300)];
    random.nextBytes(payload);
    Frame varied =
        frame
            .payload(payload)
            .ttl(2 + random.nextInt(254))
            .tos(random.nextInt(64) << 2) // no ECN: that has a test of its own
            .id(random.nextInt(1 << 16))
            .sequence(random.nextInt(), random.nextInt());
    return kind == Kind.UDP4 && random.nextInt(4) == 0 ? varied.withoutChecksum() : varied;
  }

  @ParameterizedTest
  @MethodSource("io.xdplb.datapath.Dsr#kindsAndOuters")
  void row48_fromAKnownEdgeItIsDeliveredAndTheAnswerIsTheVips(Kind kind, Outer outer) {
    long seed = System.nanoTime();
    System.out.println(getClass().getSimpleName() + " " + kind + " " + outer + " seed " + seed);
    Random random = new Random(seed);
    LAB.program(Dsr.vip(kind, outer.here()));
    for (int i = 0; i < FLOWS; i++) {
      int port = 1024 + i;
      Frame opening = vary(kind, kind.opening(1, port), random);
      LAB.delivers(delivered(kind, opening), encapsulated(kind, opening, outer));
      Frame first = vary(kind, answer(kind, 1, port).flags(Frame.SYN | Frame.ACK), random);
      LAB.leaves(translated(kind, first), first);
      Frame data = vary(kind, kind.data(1, port), random);
      LAB.delivers(delivered(kind, data), encapsulated(kind, data, outer));
      Frame next = vary(kind, answer(kind, 1, port), random);
      LAB.leaves(translated(kind, next), next);
    }
    assertThat(LAB.flowsBegun()).isEqualTo(FLOWS);
  }

  @ParameterizedTest
  @MethodSource("io.xdplb.datapath.Dsr#kindsAndOuters")
  void row49_fromAnUnknownSourceItIsNotDelivered(Kind kind, Outer outer) {
    LAB.program(Dsr.vip(kind, outer.here()));
    Frame opening = kind.opening(1, 4000);
    Tunnel.Gue gue = Dsr.gue(kind, 1, 0);
    LAB.drops(DropReason.UNKNOWN_PEER, Dsr.toHere(opening, outer, STRANGER, gue));
    LAB.delivers(delivered(kind, opening), encapsulated(kind, opening, outer));
    LAB.drops(DropReason.UNKNOWN_PEER, Dsr.toHere(kind.data(1, 4000), outer, STRANGER, gue));
    // a node that is one no more
    LAB.test().datapath().setPeers(List.of(Ip.parse(outer.node(STRANGER))));
    LAB.drops(DropReason.UNKNOWN_PEER, encapsulated(kind, opening, outer));
    LAB.delivers(
        delivered(kind, opening).macs(PacketLab.backendMac(STRANGER), PacketLab.MAC),
        Dsr.toHere(opening, outer, STRANGER, gue));
    assertThat(LAB.flowsBegun()).isEqualTo(1);
  }

  @ParameterizedTest
  @MethodSource("io.xdplb.datapath.Dsr#kindsAndOuters")
  void row49_row61_forAnEndpointThatIsNotHereItIsNotDelivered(Kind kind, Outer outer) {
    LAB.program(Dsr.vip(kind, outer.here(), outer.pod(2)));
    for (int control : new int[] {Dsr.CONTROL_LAST, Dsr.CONTROL_NAT}) { // nobody else is asked
      Frame stray = kind.data(1, 4000).payload(new byte[7]).sequence(77, 99);
      refused(kind, stray, outer, Dsr.gue(kind, 2, control)); // the pod of node 2
      refused(kind, stray, outer, Dsr.gue(kind, 3, control)); // of nobody
      refused(kind, stray.flags(Frame.SYN), outer, Dsr.gue(kind, 2, control));
      refused(kind, stray.flags(Frame.FIN | Frame.ACK), outer, Dsr.gue(kind, 2, control));
      if (kind.tcp()) { // a RST is never answered
        LAB.drops(
            DropReason.NOT_HOSTED,
            Dsr.toHere(stray.flags(Frame.RST), outer, PEER, Dsr.gue(kind, 2, control)));
      }
    }
    // not for a VIP at all: nobody is told
    Frame other = kind.data(1, 4000).to(Dsr.pod(kind, 2), Dsr.POD_PORT);
    LAB.drops(DropReason.NOT_HOSTED, Dsr.toHere(other, outer, PEER, Dsr.gue(kind, 2, 0)));
    assertThat(LAB.flowsBegun()).isZero();
  }

  /** The sender's table is another one for a moment: whoever may have the flow is asked. */
  @ParameterizedTest
  @MethodSource("io.xdplb.datapath.Dsr#kindsAndOuters")
  void row49_row61_forAnEndpointThatIsNotHereItGoesOnToTheOwnersOfTheSlot(Kind kind, Outer outer) {
    LAB.program(Dsr.vip(kind, outer.pod(2))); // pod 1 has all of the ring, and is on node 2
    Frame data = kind.data(1, 4000);
    byte[] sent = LAB.sent(Dsr.toHere(data, outer, PEER, Dsr.gue(kind, 3, 0)));
    int control = // a datagram may begin a flow
        kind.tcp() ? Dsr.controlOfRound(kind, 1) : Dsr.CONTROL_FINAL;
    PacketLab.same(Dsr.tunnelled(data, Dsr.gue(kind, 1, control), outer, 2, sent).bytes(), sent);
    Frame opening = kind.opening(1, 4001);
    sent = LAB.sent(Dsr.toHere(opening, outer, PEER, Dsr.gue(kind, 3, 0)));
    PacketLab.same(
        Dsr.tunnelled(opening, Dsr.gue(kind, 1, Dsr.CONTROL_FINAL), outer, 2, sent).bytes(), sent);
    // at the round's end, too: the present owner of there may be too new to be known here
    for (Frame last : List.of(data, opening)) {
      for (int times = 0; times < 3; times++) {
        Tunnel.Gue gue = Dsr.gue(kind, 3, Dsr.CONTROL_FINAL | times);
        sent = LAB.sent(Dsr.toHere(last, outer, PEER, gue));
        gue = Dsr.gue(kind, 1, Dsr.CONTROL_FINAL | times + 1);
        PacketLab.same(Dsr.tunnelled(last, gue, outer, 2, sent).bytes(), sent);
      }
    }
    assertThat(LAB.flowsBegun()).isZero();
  }

  /** Counted; TCP is answered as the VIP, UDP is not. */
  private static void refused(Kind kind, Frame inner, Outer outer, Tunnel.Gue gue) {
    Frame frame = Dsr.toHere(inner, outer, PEER, gue);
    if (!kind.tcp()) {
      LAB.drops(DropReason.NOT_HOSTED, frame);
      return;
    }
    long before = LAB.drops(DropReason.NOT_HOSTED);
    PacketLab.same(Answers.reset(inner).bytes(), LAB.sent(frame));
    assertThat(LAB.drops(DropReason.NOT_HOSTED)).isEqualTo(before + 1);
  }

  /** What is for a pod here, and says that it is for somebody else. */
  @ParameterizedTest
  @MethodSource("io.xdplb.datapath.Dsr#kindsAndOuters")
  void row49_whatIsInsideMustBeForTheEndpointsVip(Kind kind, Outer outer) {
    LAB.program(Dsr.vip(kind, outer.here()));
    Kind otherProtocol = Kind.values()[kind.ordinal() ^ 1];
    Kind otherFamily = Kind.values()[kind.ordinal() ^ 2];
    for (Frame inner :
        List.of(
            kind.opening(1, 4000).to(kind.vip(11), Kind.VIP_PORT),
            kind.opening(1, 4000).to(kind.vip(10), Kind.VIP_PORT + 1),
            kind.opening(1, 4000).to(kind.vip(10), Kind.VIP_PORT - 1),
            kind.opening(1, 4000).to(Dsr.pod(kind, 1), Dsr.POD_PORT),
            otherProtocol.opening(1, 4000),
            otherFamily.opening(1, 4000))) {
      LAB.drops(DropReason.NOT_HOSTED, encapsulated(kind, inner, outer));
    }
    for (String source : List.of(kind.vip(10), kind.ipv6 ? "::1" : "127.0.0.1")) {
      Frame inner = kind.opening(1, 4000).from(source, 4000);
      LAB.drops(DropReason.BAD_SOURCE, encapsulated(kind, inner, outer));
    }
    LAB.drops(DropReason.TTL_EXCEEDED, encapsulated(kind, kind.opening(1, 4000).ttl(1), outer));
    LAB.drops(DropReason.TTL_EXCEEDED, encapsulated(kind, kind.opening(1, 4000).ttl(0), outer));
    if (kind.tcp()) {
      Frame christmas = kind.opening(1, 4000).flags(Frame.FIN | Frame.PSH | Frame.URG);
      LAB.drops(DropReason.BAD_TCP_FLAGS, encapsulated(kind, christmas, outer));
    }
    assertThat(LAB.flowsBegun()).isZero();
  }

  @ParameterizedTest
  @EnumSource
  void row50_edgeAndEndpointOnOneMachineNeedNoWire(Kind kind) {
    LAB.program(Dsr.vip(kind, Outer.IPV4.here()));
    for (int i = 0; i < FLOWS; i++) {
      int port = 1024 + i;
      Frame opening = kind.opening(1, port).payload(new byte[i]);
      LAB.delivers(opening.to(Dsr.pod(kind, 1), Dsr.POD_PORT), opening);
      Frame answer = answer(kind, 1, port).flags(Frame.SYN | Frame.ACK);
      LAB.leaves(translated(kind, answer), answer);
      Frame data = kind.data(1, port).ttl(2).tos(i & 0xff);
      LAB.delivers(data.to(Dsr.pod(kind, 1), Dsr.POD_PORT), data);
    }
    LAB.drops(DropReason.TTL_EXCEEDED, kind.data(1, 1024).ttl(1));
    assertThat(LAB.flowsBegun()).isEqualTo(FLOWS);
  }

  /** By an edge elsewhere or by this machine: the flow is the same one. */
  @ParameterizedTest
  @EnumSource
  void row50_aFlowThatComesBothWaysIsOne(Kind kind) {
    LAB.program(Dsr.vip(kind, Outer.IPV4.here()));
    Frame opening = kind.opening(1, 4000);
    LAB.delivers(opening.to(Dsr.pod(kind, 1), Dsr.POD_PORT), opening);
    LAB.delivers(
        delivered(kind, kind.data(1, 4000)), encapsulated(kind, kind.data(1, 4000), Outer.IPV6));
    assertThat(LAB.flowsBegun()).isEqualTo(1);
  }

  @ParameterizedTest
  @EnumSource
  void row51_whatAPodSaysToOthersIsItsOwn(Kind kind) {
    LAB.program(Dsr.vip(kind, Outer.IPV4.here()));
    Frame opening = kind.opening(1, 4000);
    LAB.delivers(opening.to(Dsr.pod(kind, 1), Dsr.POD_PORT), opening);
    Frame answer = answer(kind, 1, 4000);
    for (Frame own :
        List.of(
            answer.to(kind.client(2), 4000),
            answer.to(kind.client(1), 4001),
            answer.from(Dsr.pod(kind, 1), Dsr.POD_PORT + 1),
            answer.from(Dsr.pod(kind, 2), Dsr.POD_PORT),
            answer.from(Dsr.pod(kind, 1), 40_000).to(kind.vip(10), Kind.VIP_PORT))) {
      LAB.leaves(own, own);
    }
    LAB.leaves(translated(kind, answer), answer);
    LAB.test().remove(kind.vipKey());
    LAB.leaves(answer, answer);
  }

  private static Frame opening(Kind kind, int vip, int port) {
    return kind.opening(1, 4000).to(kind.vip(vip), port);
  }

  @ParameterizedTest
  @EnumSource
  void row58_oneClientPortToOneEndpointByTwoVipsIsNeverMixedUp(Kind kind) {
    List<VipKey> vips =
        List.of(
            kind.vipKey(),
            new VipKey(Ip.parse(kind.vip(11)), kind.protocol, 80),
            new VipKey(Ip.parse(kind.vip(10)), kind.protocol, 81));
    for (VipKey vip : vips) {
      LAB.program(
          Dsr.vip(vip, 0, Access.OPEN, List.of(Dsr.backend(kind, 1, 1, Outer.IPV4.here()))));
    }
    Frame first = kind.opening(1, 4000);
    LAB.delivers(first.to(Dsr.pod(kind, 1), Dsr.POD_PORT), first);
    Frame answer = answer(kind, 1, 4000);
    for (int i = 0; i < 3; i++) {
      taken(kind, opening(kind, 11, 80));
      taken(kind, opening(kind, 10, 81));
      LAB.leaves(translated(kind, answer), answer);
      LAB.delivers(kind.data(1, 4000).to(Dsr.pod(kind, 1), Dsr.POD_PORT), kind.data(1, 4000));
    }
    // another port is another connection
    Frame other = opening(kind, 11, 80).from(kind.client(1), 4001);
    LAB.delivers(other.to(Dsr.pod(kind, 1), Dsr.POD_PORT), other);
    LAB.leaves(
        answer.to(kind.client(1), 4001).from(kind.vip(11), 80), answer.to(kind.client(1), 4001));
    if (!kind.tcp()) {
      return;
    }
    // when the first has ended, the next one may have the tuple
    Frame fin = kind.data(1, 4000).flags(Frame.FIN | Frame.ACK);
    LAB.delivers(fin.to(Dsr.pod(kind, 1), Dsr.POD_PORT), fin);
    Frame finToo = answer.flags(Frame.FIN | Frame.ACK);
    LAB.leaves(translated(kind, finToo), finToo);
    Frame next = opening(kind, 11, 80);
    LAB.delivers(next.to(Dsr.pod(kind, 1), Dsr.POD_PORT), next);
    LAB.leaves(answer.from(kind.vip(11), 80), answer);
  }

  private static void taken(Kind kind, Frame opening) {
    if (!kind.tcp()) {
      LAB.drops(DropReason.TUPLE_IN_USE, opening);
      return;
    }
    long before = LAB.drops(DropReason.TUPLE_IN_USE);
    PacketLab.same(Answers.reset(opening).bytes(), LAB.sent(opening));
    assertThat(LAB.drops(DropReason.TUPLE_IN_USE)).isEqualTo(before + 1);
  }
}
