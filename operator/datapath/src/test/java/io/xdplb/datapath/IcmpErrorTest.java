// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.core.model.Ip;
import io.xdplb.core.model.VipKey;
import io.xdplb.libbpf.XdpAction;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.packet.Frame;
import io.xdplb.testing.packet.Icmp;
import io.xdplb.testing.packet.Packet;
import io.xdplb.testing.packet.Tunnel;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** ICMP errors about flows of DSR: at the edge, and on the endpoint's node. */
@RequiresBpf
class IcmpErrorTest {
  @RegisterExtension static final PacketLab LAB = new PacketLab();

  private static final int PEER = 1;
  private static final int LIMIT = 20;

  private static void answersASecond(int limit) {
    LAB.configure(config -> config.putInt(Layouts.Config.ANSWERS, limit));
  }

  @BeforeEach
  void peers() {
    answersASecond(1 << 30);
    LAB.test()
        .datapath()
        .setPeers(List.of(Ip.parse(Outer.IPV4.node(PEER)), Ip.parse(Outer.IPV6.node(PEER))));
  }

  /** What a client gets, as routers on its way see it: from the VIP. */
  private static Frame answer(Kind kind, int client, int port) {
    String vip = kind.vip(10);
    return kind.tcp()
        ? Frame.tcp(vip, Kind.VIP_PORT, kind.client(client), port)
        : Frame.udp(vip, Kind.VIP_PORT, kind.client(client), port);
  }

  private static Frame tooBig(Kind kind, byte[] quote) {
    return Icmp.tooBig(Errors.router(kind), kind.vip(10), 1400, quote);
  }

  /** Unchanged, into the tunnel of this pod: its node knows the flow. */
  private static void tunnels(Kind kind, Frame error, Outer outer, int pod) {
    byte[] actual = LAB.sent(error);
    Frame expected = Dsr.tunnelled(error, Dsr.gue(kind, pod, 0), outer, pod, actual);
    // nothing says what the sum over an error is, short of reading it
    PacketLab.same(expected.withoutChecksum().bytes(), actual);
  }

  @ParameterizedTest
  @MethodSource("io.xdplb.datapath.Dsr#kindsAndOuters")
  void row14_row16_errorsGoToTheBackendOfTheFlowThatTheyAreAbout(Kind kind, Outer outer) {
    LAB.program(Dsr.vip(kind, outer.pod(1), outer.pod(2), outer.pod(3), outer.pod(4)));
    Set<Integer> pods = new HashSet<>();
    for (int port = 1024; port < 1064; port++) {
      int pod = Dsr.tunnels(LAB, kind, kind.opening(1, port), outer);
      pods.add(pod);
      for (byte[] quote : Errors.quotes(kind, answer(kind, 1, port))) {
        tunnels(kind, tooBig(kind, quote), outer, pod);
      }
      byte[] quote = answer(kind, 1, port).quote(8);
      for (Frame error : Errors.about(Errors.router(kind), kind.vip(10), quote)) {
        tunnels(kind, error, outer, pod);
        tunnels(kind, error.ttl(2).tos(0xb8), outer, pod);
      }
    }
    assertThat(pods).hasSize(4);
  }

  @ParameterizedTest
  @MethodSource("io.xdplb.datapath.Dsr#kindsAndOuters")
  void row15_aNodeThatNeverSawTheFlowSendsThemToTheSameBackend(Kind kind, Outer outer) {
    LAB.program(Dsr.vip(kind, outer.pod(1), outer.pod(2), outer.pod(3), outer.pod(4)));
    for (int port = 2000; port < 2200; port++) {
      byte[] actual = LAB.sent(tooBig(kind, answer(kind, 1, port).quote(8)));
      Packet out = Packet.of(actual, Tunnel.GUE_PORT);
      int pod = Dsr.tunnels(LAB, kind, kind.data(1, port), outer); // the flow's first packet here
      assertThat(out.destination()).isEqualTo(outer.node(pod));
      assertThat(out.gue()).isEqualTo(Dsr.gue(kind, pod, 0));
    }
  }

  @ParameterizedTest
  @EnumSource
  void row17_errorsThatAreAboutNoFlowOfOursAreDropped(Kind kind) {
    LAB.program(Dsr.vip(kind, Outer.IPV4.pod(1)));
    Frame answer = answer(kind, 1, 4000).payload(new byte[16]);
    LAB.drops(DropReason.ICMP, tooBig(kind, answer.fragment(64, true).ipPacket()));
    LAB.drops(DropReason.ICMP, tooBig(kind, answer.fragment(1480, false).ipPacket()));
    if (kind.ipv6) {
      Frame later = answer.extension(Frame.HOP_BY_HOP).fragment(8, true);
      LAB.drops(DropReason.ICMP, tooBig(kind, later.ipPacket()));
    }
    byte[] whole = answer.quote(8);
    for (int length = 0; length < whole.length; length++) { // cut short
      byte[] cut = java.util.Arrays.copyOf(whole, length);
      Frame error = tooBig(kind, cut);
      LAB.drops(DropReason.ICMP, error);
    }
    LAB.drops(DropReason.ICMP, tooBig(kind, answer.from(kind.vip(11), 80).quote(8)));
    LAB.drops(DropReason.ICMP, tooBig(kind, answer.from(kind.vip(10), 81).quote(8)));
    LAB.drops(DropReason.ICMP, tooBig(kind, kind.data(1, 4000).payload(new byte[8]).quote(8)));
    Kind other = Kind.values()[kind.ordinal() ^ 1];
    LAB.drops(DropReason.ICMP, tooBig(kind, answer(other, 1, 4000).quote(8)));
    Frame sctp = Frame.ip(kind.vip(10), kind.client(1), Frame.SCTP, new byte[] {0, 80, 15, 16});
    LAB.drops(DropReason.ICMP, tooBig(kind, sctp.payload(new byte[12]).ipPacket()));
    LAB.drops(DropReason.ICMP, tooBig(kind, answer.patch(0, 0x55).quote(8)));
    if (!kind.ipv6) {
      LAB.drops(DropReason.ICMP, tooBig(kind, answer.patch(0, 0x44).quote(8)));
      Frame redirect = Icmp.error(Errors.router(kind), kind.vip(10), 5, 1, 0, answer.quote(8));
      LAB.drops(DropReason.ICMP, redirect);
    }
    Frame good = tooBig(kind, answer.quote(8));
    LAB.drops(DropReason.TTL_EXCEEDED, good.ttl(1));
    LAB.drops(DropReason.TTL_EXCEEDED, good.ttl(0));
    LAB.drops(DropReason.FRAGMENT, good.fragment(0, true));
    LAB.passes(good.to(kind.vip(11), 0)); // not a VIP
    tunnels(kind, good, Outer.IPV4, 1);
  }

  @ParameterizedTest
  @EnumSource
  void row18_aFloodOfErrorsIsLimitedForItsVipAlone(Kind kind) {
    VipKey quiet = new VipKey(Ip.parse(kind.vip(11)), kind.protocol, Kind.VIP_PORT);
    LAB.program(Dsr.vip(kind, Outer.IPV4.pod(1)));
    LAB.program(
        Dsr.vip(
            quiet,
            0,
            io.xdplb.core.model.Access.OPEN,
            List.of(Dsr.backend(kind, 1, 1, Outer.IPV4.pod(1)))));
    answersASecond(LIMIT);
    int cpus = Runtime.getRuntime().availableProcessors();
    int sent = 20 * LIMIT * cpus;
    long before = LAB.drops(DropReason.RATE_LIMITED);
    long start = System.nanoTime();
    int passed = 0;
    for (int i = 0; i < sent; i++) { // of all sources, about all clients
      Frame spoofed = answer(kind, 1 + i % 100, 1024 + i);
      passed += LAB.run(tooBig(kind, spoofed.quote(8)).bytes()).action() == XdpAction.TX ? 1 : 0;
    }
    int seconds = (int) ((System.nanoTime() - start) / 1_000_000_000L) + 2; // begun ones too
    assertThat(passed).isBetween(LIMIT, LIMIT * cpus * seconds).isLessThan(sent);
    assertThat(LAB.drops(DropReason.RATE_LIMITED) - before).isEqualTo(sent - passed);
    Frame other = answer(kind, 1, 4000).from(kind.vip(11), Kind.VIP_PORT);
    LAB.sent(Icmp.tooBig(Errors.router(kind), kind.vip(11), 1400, other.quote(8)));
    LAB.sent(kind.opening(1, 4000)); // and what is no error goes on
  }

  // ---- on the endpoint's node

  private static Frame atThePod(Kind kind, Frame answer) {
    return answer.from(Dsr.pod(kind, 1), Dsr.POD_PORT);
  }

  @ParameterizedTest
  @MethodSource("io.xdplb.datapath.Dsr#kindsAndOuters")
  void row14_row16_theEndpointsNodeTranslatesThemWithEveryChecksum(Kind kind, Outer outer) {
    LAB.program(Dsr.vip(kind, outer.here()));
    for (int port = 1024; port < 1034; port++) {
      LAB.run(Dsr.toHere(kind.opening(1, port), outer, PEER, Dsr.gue(kind, 1, 0)).bytes());
      Frame answer = answer(kind, 1, port);
      List<byte[]> quotes = Errors.quotes(kind, answer);
      List<byte[]> atThePod = Errors.quotes(kind, atThePod(kind, answer));
      for (int i = 0; i < quotes.size(); i++) {
        List<Frame> errors = Errors.about(Errors.router(kind), kind.vip(10), quotes.get(i));
        List<Frame> expected = Errors.about(Errors.router(kind), Dsr.pod(kind, 1), atThePod.get(i));
        for (int j = 0; j < errors.size(); j++) {
          Frame error = errors.get(j).ttl(7);
          Frame delivered = expected.get(j).ttl(7);
          LAB.delivers(delivered, error); // edge and endpoint on one machine
          LAB.delivers(
              delivered.macs(PacketLab.backendMac(PEER), PacketLab.MAC),
              Dsr.toHere(error, outer, PEER, Dsr.gue(kind, 1, 0)));
        }
      }
    }
    // a flow that nobody knows
    Frame error = tooBig(kind, answer(kind, 1, 4000).quote(8));
    LAB.drops(DropReason.ICMP, error);
    LAB.drops(DropReason.ICMP, Dsr.toHere(error, outer, PEER, Dsr.gue(kind, 1, 0)));
    LAB.drops(DropReason.UNKNOWN_PEER, Dsr.toHere(error, outer, 5, Dsr.gue(kind, 1, 0)));
  }

  /** What a pod, or its node, says about a packet of a client: the client sent it to the VIP. */
  @ParameterizedTest
  @EnumSource
  void row19_errorsOfTheEndpointReachTheClientAsTheVips(Kind kind) {
    LAB.program(Dsr.vip(kind, Outer.IPV4.here()));
    Frame request = kind.opening(1, 4000);
    LAB.run(request.bytes());
    List<byte[]> quotes = Errors.quotes(kind, request);
    List<byte[]> seen = Errors.quotes(kind, request.to(Dsr.pod(kind, 1), Dsr.POD_PORT));
    for (String from : List.of(Dsr.pod(kind, 1), kind.balancer())) {
      for (int i = 0; i < quotes.size(); i++) {
        List<Frame> errors = Errors.about(from, kind.client(1), seen.get(i));
        List<Frame> expected = Errors.about(kind.vip(10), kind.client(1), quotes.get(i));
        for (int j = 0; j < errors.size(); j++) {
          LAB.leaves(expected.get(j), errors.get(j));
        }
      }
    }
    // about what is no flow of ours
    Frame other = kind.opening(1, 4001).to(Dsr.pod(kind, 1), Dsr.POD_PORT).payload(new byte[8]);
    Frame error = Icmp.portUnreachable(Dsr.pod(kind, 1), kind.client(1), other.quote(8));
    LAB.leaves(error, error);
    Frame echo = Icmp.echoReply(Dsr.pod(kind, 1), kind.client(1), 1, 1);
    LAB.leaves(echo, echo);
  }
}
