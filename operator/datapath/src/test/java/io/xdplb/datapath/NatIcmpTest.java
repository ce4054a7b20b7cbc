// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.core.model.Delivery;
import io.xdplb.core.model.Ip;
import io.xdplb.datapath.PacketLab.Translation;
import io.xdplb.libbpf.XdpAction;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.packet.Frame;
import io.xdplb.testing.packet.Icmp;
import io.xdplb.testing.packet.Packet;
import io.xdplb.testing.packet.Tunnel;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** ICMP errors about translated flows, from both sides, with every checksum. */
@RequiresBpf
class NatIcmpTest {
  @RegisterExtension static final PacketLab LAB = new PacketLab();

  private static final int LIMIT = 20;

  private static void answersASecond(int limit) {
    LAB.configure(config -> config.putInt(Layouts.Config.ANSWERS, limit));
  }

  @BeforeEach
  void limit() {
    answersASecond(1 << 30);
  }

  private static Frame fromVip(Kind kind, int client, int port) {
    String vip = kind.vip(10);
    return kind.tcp()
        ? Frame.tcp(vip, Kind.VIP_PORT, kind.client(client), port)
        : Frame.udp(vip, Kind.VIP_PORT, kind.client(client), port);
  }

  @ParameterizedTest
  @EnumSource
  void row14_row16_errorsFromTheClientsSideReachTheBackendOfTheFlow(Kind kind) {
    LAB.program(kind.vipOf(1, 1, 1));
    for (int port = 1024; port < 1034; port++) {
      Translation to = LAB.establish(kind, 1, port);
      int number = PacketLab.backendNumber(kind, to.backend());
      // the backend sent it to us, we passed it on as the VIP's
      Frame sent = kind.answer(to.backend(), to.backendPort(), to.natPort());
      List<byte[]> quotes = Errors.quotes(kind, fromVip(kind, 1, port));
      List<byte[]> asSent = Errors.quotes(kind, sent);
      for (int i = 0; i < quotes.size(); i++) {
        List<Frame> errors = Errors.about(Errors.router(kind), kind.vip(10), quotes.get(i));
        List<Frame> expected = Errors.about(kind.balancer(), to.backend(), asSent.get(i));
        for (int j = 0; j < errors.size(); j++) {
          PacketLab.same(
              expected.get(j).macs(PacketLab.MAC, PacketLab.backendMac(number)).hop().bytes(),
              LAB.sent(errors.get(j)));
        }
      }
    }
    // of no flow that is known here
    Frame unknown = fromVip(kind, 1, 4000).payload(new byte[8]);
    LAB.drops(
        DropReason.ICMP, Icmp.tooBig(Errors.router(kind), kind.vip(10), 1400, unknown.quote(8)));
  }

  /** A router may quote more than it should; nobody is told, since it is an error itself. */
  @ParameterizedTest
  @EnumSource
  void row20_row21_errorsThatDoNotFitOntoTheWireToTheBackendAreDropped(Kind kind) {
    LAB.program(kind.vipOf(1));
    LAB.establish(kind, 1, 4000);
    byte[] quote = fromVip(kind, 1, 4000).payload(new byte[2000]).ipPacket();
    int headers = kind.ipv6 ? 48 : 28;
    Frame fits =
        Icmp.timeExceeded(Errors.router(kind), kind.vip(10), Arrays.copyOf(quote, 1500 - headers));
    assertThat(LAB.sent(fits)).hasSize(14 + 1500);
    LAB.drops(
        DropReason.TOO_BIG,
        Icmp.timeExceeded(Errors.router(kind), kind.vip(10), Arrays.copyOf(quote, 1501 - headers)));
  }

  @ParameterizedTest
  @EnumSource
  void row19_errorsFromTheBackendsSideReachTheClientAsTheVips(Kind kind) {
    LAB.program(kind.vipOf(1, 1, 1));
    for (int port = 1024; port < 1034; port++) {
      Translation to = LAB.establish(kind, 1, port);
      Frame request = kind.data(1, port).payload(new byte[8]);
      Frame translated = translated(kind, request, to);
      List<byte[]> quotes = Errors.quotes(kind, translated);
      List<byte[]> asSent = Errors.quotes(kind, request);
      for (String from : List.of(to.backend(), Errors.router(kind))) {
        for (int i = 0; i < quotes.size(); i++) {
          List<Frame> errors = Errors.about(from, kind.balancer(), quotes.get(i));
          List<Frame> expected = Errors.about(kind.vip(10), kind.client(1), asSent.get(i));
          for (int j = 0; j < errors.size(); j++) {
            PacketLab.same(
                expected.get(j).macs(PacketLab.MAC, PacketLab.ROUTER_MAC).hop().bytes(),
                LAB.sent(errors.get(j)));
          }
        }
      }
    }
  }

  private static Frame translated(Kind kind, Frame request, Translation to) {
    return request
        .from(kind.balancer(), to.natPort())
        .to(to.backend(), to.backendPort())
        .payload(new byte[8]);
  }

  @ParameterizedTest
  @EnumSource
  void row19_errorsAboutWhatWeDidNotSendAreNotOurs(Kind kind) {
    LAB.program(kind.vipOf(1));
    Translation to = LAB.establish(kind, 1, 4000);
    Frame sent = translated(kind, kind.data(1, 4000), to);
    for (Frame other :
        List.of(
            sent.from(kind.balancer(), to.natPort() + 1),
            sent.to(to.backend(), to.backendPort() + 1),
            sent.to(kind.backend(9), to.backendPort()),
            sent.fragment(64, true))) {
      LAB.passes(Icmp.tooBig(Errors.router(kind), kind.balancer(), 1400, other.ipPacket()));
    }
    Frame error = Icmp.tooBig(Errors.router(kind), kind.balancer(), 1400, sent.quote(8));
    LAB.passes(error.to(kind.client(9), 0));
    LAB.passes(error.fragment(0, true));
    LAB.passes(Icmp.echoRequest(kind.client(1), kind.balancer(), 1, 1));
    LAB.drops(DropReason.TTL_EXCEEDED, error.ttl(1));
    LAB.test().remove(kind.vipKey());
    LAB.passes(error);
  }

  @ParameterizedTest
  @EnumSource
  void row18_errorsAboutTranslatedFlowsAreLimitedToo(Kind kind) {
    LAB.program(kind.vipOf(1));
    Translation to = LAB.establish(kind, 1, 4000);
    answersASecond(LIMIT);
    int cpus = Runtime.getRuntime().availableProcessors();
    byte[] quote = translated(kind, kind.data(1, 4000), to).quote(8);
    byte[] error = Icmp.tooBig(Errors.router(kind), kind.balancer(), 1400, quote).bytes();
    long before = LAB.drops(DropReason.RATE_LIMITED);
    int sent = 20 * LIMIT * cpus;
    int passed = 0;
    long start = System.nanoTime();
    for (int i = 0; i < sent; i++) {
      passed += LAB.run(error).action() == XdpAction.TX ? 1 : 0;
    }
    int seconds = (int) ((System.nanoTime() - start) / 1_000_000_000L) + 2; // begun ones too
    assertThat(passed).isBetween(LIMIT, LIMIT * cpus * seconds).isLessThan(sent);
    assertThat(LAB.drops(DropReason.RATE_LIMITED) - before).isEqualTo(sent - passed);
  }

  // ---- row 62: the backend is behind its node

  @ParameterizedTest
  @MethodSource("io.xdplb.datapath.Dsr#kindsAndOuters")
  void row14_row62_errorsForAPodThatOnlyItsNodeReachesGoThroughTheTunnel(Kind kind, Outer outer) {
    LAB.program(Dsr.vip(kind, Delivery.natVia(Ip.parse(outer.node(2)))));
    byte[] opened = LAB.sent(kind.opening(1, 4000));
    int natPort = Packet.of(opened, Tunnel.GUE_PORT).inner().sourcePort();
    Frame sent = kind.answer(Dsr.pod(kind, 1), Dsr.POD_PORT, natPort);
    List<byte[]> quotes = Errors.quotes(kind, fromVip(kind, 1, 4000));
    List<byte[]> asSent = Errors.quotes(kind, sent);
    for (int i = 0; i < quotes.size(); i++) {
      Frame error = Icmp.tooBig(Errors.router(kind), kind.vip(10), 1400, quotes.get(i));
      Frame inner = Icmp.tooBig(kind.balancer(), Dsr.pod(kind, 1), 1400, asSent.get(i)).hop();
      byte[] actual = LAB.sent(error);
      Frame expected = Dsr.tunnelled(inner, Dsr.gue(kind, 1, Dsr.CONTROL_NAT), outer, 2, actual);
      PacketLab.same(expected.withoutChecksum().bytes(), actual);
    }
  }

  @ParameterizedTest
  @MethodSource("io.xdplb.datapath.Dsr#kindsAndOuters")
  void row14_row62_thePodsNodeHandsThemOnAsTheyAre(Kind kind, Outer outer) {
    LAB.program(Dsr.vip(kind, Delivery.natVia(Ip.parse(outer.edge()))));
    LAB.test().datapath().setPeers(List.of(Ip.parse(outer.node(1))));
    Tunnel.Gue gue = Dsr.gue(kind, 1, Dsr.CONTROL_NAT);
    Frame about = kind.answer(Dsr.pod(kind, 1), Dsr.POD_PORT, 10_000).payload(new byte[8]);
    Frame error = Icmp.tooBig(kind.backend(1), Dsr.pod(kind, 1), 1400, about.quote(8));
    LAB.delivers(
        error.macs(PacketLab.backendMac(1), PacketLab.MAC), Dsr.toHere(error, outer, 1, gue));
    LAB.drops(DropReason.NOT_HOSTED, Dsr.toHere(error.to(Dsr.pod(kind, 2), 0), outer, 1, gue));
    LAB.drops(DropReason.UNKNOWN_PEER, Dsr.toHere(error, outer, 5, gue));
  }

  /** A pod here that is reached by NAT only sees the VIP as the client: see row 56. */
  @ParameterizedTest
  @EnumSource
  void row14_errorsForATranslatedFlowToAPodHereAreDelivered(Kind kind) {
    LAB.program(Dsr.vip(kind, Delivery.natVia(Ip.parse(Outer.IPV4.edge()))));
    Frame opening = kind.opening(1, 4000);
    byte[] delivered = LAB.run(opening.bytes()).data();
    int natPort = Packet.of(delivered).sourcePort();
    PacketLab.same(
        opening.from(kind.vip(10), natPort).to(Dsr.pod(kind, 1), Dsr.POD_PORT).hop().bytes(),
        delivered);
    Frame sent = kind.answer(Dsr.pod(kind, 1), Dsr.POD_PORT, natPort).to(kind.vip(10), natPort);
    byte[] quote = fromVip(kind, 1, 4000).payload(new byte[8]).quote(8);
    byte[] asSent = sent.payload(new byte[8]).quote(8);
    LAB.delivers(
        Icmp.tooBig(kind.vip(10), Dsr.pod(kind, 1), 1400, asSent).hop(),
        Icmp.tooBig(Errors.router(kind), kind.vip(10), 1400, quote));
  }
}
