// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.core.model.Access;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.UnavailablePolicy;
import io.xdplb.core.model.Vip;
import io.xdplb.core.model.VipKey;
import io.xdplb.libbpf.XdpAction;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.packet.Frame;
import io.xdplb.testing.packet.Icmp;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a packet gets that no backend takes, or no listener. */
@RequiresBpf
class UnavailableTest {
  @RegisterExtension static final PacketLab LAB = new PacketLab();

  private static final int LIMIT = 20;
  private static final Access REJECT = new Access(Optional.empty(), UnavailablePolicy.REJECT);
  private static final Access DROP = new Access(Optional.empty(), UnavailablePolicy.DROP);

  private static void answersASecond(int limit) {
    LAB.configure(config -> config.putInt(Layouts.Config.ANSWERS, limit));
  }

  @BeforeEach
  void limit() {
    answersASecond(1 << 30);
  }

  private static Vip vip(Kind kind, Access access, Backend... backends) {
    return Dsr.vip(kind.vipKey(), 0, access, List.of(backends));
  }

  private static Backend nat(Kind kind, int weight) {
    return new Backend(kind.backendKey(1), weight, 0);
  }

  private static Backend dsr(Kind kind, int weight) {
    return Dsr.backend(kind, 1, weight, Outer.IPV4.pod(1));
  }

  /** Counted, and answered as the VIP. */
  private static void rejected(DropReason reason, Kind kind, Frame frame) {
    long before = LAB.drops(reason);
    Frame answer = kind.tcp() ? Answers.reset(frame) : Answers.portUnreachable(frame);
    PacketLab.same(answer.bytes(), LAB.sent(frame));
    assertThat(LAB.drops(reason)).isEqualTo(before + 1);
  }

  /** Segments and datagrams of every kind that is answered. */
  private static List<Frame> frames(Kind kind) {
    Frame frame = kind.data(1, 4000).sequence(0x7fffffff, 0x89abcdef);
    if (!kind.tcp()) {
      return List.of(
          frame,
          frame.payload(new byte[1]),
          frame.payload(new byte[1300]).tos(0xb8),
          frame.ttl(255).id(0));
    }
    Frame payload = frame.payload(new byte[77]);
    return List.of(
        frame.flags(Frame.SYN),
        payload.flags(Frame.SYN), // its data count too
        frame.flags(Frame.SYN).sequence(-1, 0), // the number after the last one
        payload.flags(Frame.SYN).tcpOptions(new byte[40]),
        frame.flags(Frame.SYN | 0xc0), // RFC 3168's
        frame.flags(Frame.SYN | Frame.ACK),
        frame,
        payload,
        payload.flags(Frame.ACK | Frame.PSH).sequence(5, 0),
        payload.flags(Frame.FIN | Frame.ACK),
        payload.flags(Frame.FIN), // SYN and FIN count as one each
        frame.flags(Frame.FIN).sequence(-5, 0),
        frame.ttl(2).tos(0xb8),
        frame.padding(new byte[6]));
  }

  private static void rejectsAll(DropReason reason, Kind kind) {
    for (Frame frame : frames(kind)) {
      rejected(reason, kind, frame);
    }
    if (kind.tcp()) {
      LAB.drops(reason, kind.data(1, 4000).flags(Frame.RST));
      LAB.drops(reason, kind.data(1, 4000).flags(Frame.RST | Frame.ACK));
    }
  }

  @ParameterizedTest
  @EnumSource
  void row40_withoutABackendNewFlowsAreRejected(Kind kind) {
    LAB.program(vip(kind, REJECT));
    rejectsAll(DropReason.NO_BACKEND, kind);
    LAB.program(vip(kind, REJECT, dsr(kind, 0)));
    rejectsAll(DropReason.NO_BACKEND, kind);
    assertThat(LAB.flowsBegun()).isZero();
  }

  /** NAT knows what a connection is: what begins none is nobody's, and no SYN is known. */
  @ParameterizedTest
  @EnumSource
  void row40_withoutABackendThatTakesThemNewFlowsOfNatAreRejected(Kind kind) {
    LAB.program(vip(kind, REJECT, nat(kind, 1)));
    LAB.establish(kind, 1, 5000);
    LAB.program(vip(kind, REJECT, nat(kind, 0)));
    rejectsAll(DropReason.NO_BACKEND, kind);
    LAB.forwards(kind, kind.data(1, 5000)); // it keeps its own
    LAB.program(vip(kind, REJECT));
    rejectsAll(DropReason.NO_BACKEND, kind);
    rejected(DropReason.NO_BACKEND, kind, kind.data(1, 5000)); // it has gone, and the client hears
  }

  /** A backend that was removed gets nothing more, whatever it had. */
  @ParameterizedTest
  @EnumSource
  void row40_neverARemovedBackend(Kind kind) {
    LAB.program(vip(kind, REJECT, dsr(kind, 1)));
    Dsr.tunnels(LAB, kind, kind.opening(1, 4000), Outer.IPV4);
    LAB.program(vip(kind, REJECT));
    rejectsAll(DropReason.NO_BACKEND, kind);
  }

  @ParameterizedTest
  @EnumSource
  void row40_thePolicyMayBeSilence(Kind kind) {
    for (Vip vip :
        List.of(vip(kind, DROP), vip(kind, DROP, dsr(kind, 0)), vip(kind, DROP, nat(kind, 0)))) {
      LAB.program(vip);
      for (Frame frame : frames(kind)) {
        LAB.drops(DropReason.NO_BACKEND, frame);
      }
    }
    LAB.program(vip(kind, REJECT)); // changed live
    rejectsAll(DropReason.NO_BACKEND, kind);
    LAB.program(vip(kind, DROP));
    LAB.drops(DropReason.NO_BACKEND, kind.opening(1, 4000));
  }

  @ParameterizedTest
  @EnumSource
  void row40_answersAreLimitedAndStillCounted(Kind kind) {
    LAB.program(vip(kind, REJECT));
    answersASecond(LIMIT);
    int cpus = Runtime.getRuntime().availableProcessors();
    int sent = 20 * LIMIT * cpus;
    long before = LAB.drops(DropReason.NO_BACKEND);
    int answered = 0;
    long start = System.nanoTime();
    for (int i = 0; i < sent; i++) {
      answered += LAB.run(kind.opening(1, 1024 + i).bytes()).action() == XdpAction.TX ? 1 : 0;
    }
    int seconds = (int) ((System.nanoTime() - start) / 1_000_000_000L) + 2; // begun ones too
    assertThat(answered).isBetween(LIMIT, LIMIT * cpus * seconds).isLessThan(sent);
    assertThat(LAB.drops(DropReason.NO_BACKEND) - before).isEqualTo(sent);
  }

  @ParameterizedTest
  @EnumSource
  void row40_whatNoClientSendsIsNotAnswered(Kind kind) {
    LAB.program(vip(kind, REJECT));
    Frame frame = kind.opening(1, 4000);
    LAB.drops(DropReason.TTL_EXCEEDED, frame.ttl(1));
    LAB.drops(DropReason.BAD_SOURCE, frame.from(kind.vip(10), 4000));
    LAB.drops(DropReason.BAD_SOURCE, frame.from(kind.ipv6 ? "ff02::1" : "255.255.255.255", 4000));
    if (kind.tcp()) {
      LAB.drops(DropReason.BAD_TCP_FLAGS, frame.flags(0));
      LAB.drops(DropReason.BAD_TCP_FLAGS, frame.flags(Frame.SYN | Frame.FIN));
    }
  }

  // ---- row 41: ports that nothing listens to

  private static Frame to(Frame frame, Kind kind, int port) {
    return frame.to(kind.vip(10), port);
  }

  @ParameterizedTest
  @EnumSource
  void row41_portsWithoutAListenerAreRejected(Kind kind) {
    Kind other = Kind.values()[kind.ordinal() ^ 1];
    for (Backend backend : List.of(dsr(kind, 1), nat(kind, 1))) {
      LAB.program(vip(kind, REJECT, backend));
      for (int port : new int[] {1, 79, 81, 443, 6080, 65535}) {
        for (Frame frame : frames(kind)) {
          rejected(DropReason.NO_LISTENER, kind, to(frame, kind, port));
        }
        rejected(DropReason.NO_LISTENER, other, to(other.opening(1, 4000), kind, port));
      }
      rejected(DropReason.NO_LISTENER, other, other.opening(1, 4000));
      for (int protocol : new int[] {Frame.SCTP, Frame.IGMP, 47, 4, 41, 50, 253}) {
        Frame unknown = Frame.ip(kind.client(1), kind.vip(10), protocol, new byte[60]);
        LAB.drops(DropReason.NO_LISTENER, unknown);
      }
      if (kind.tcp()) {
        LAB.drops(DropReason.NO_LISTENER, to(kind.data(1, 4000).flags(Frame.RST), kind, 81));
        // row 10: what no TCP sends is not worth an answer
        LAB.drops(DropReason.NO_LISTENER, to(kind.data(1, 4000).flags(0), kind, 81));
        Frame christmas = kind.data(1, 4000).flags(Frame.FIN | Frame.PSH | Frame.URG);
        LAB.drops(DropReason.NO_LISTENER, to(christmas, kind, 81));
        Frame synFin = kind.data(1, 4000).flags(Frame.SYN | Frame.FIN);
        LAB.drops(DropReason.NO_LISTENER, to(synFin, kind, 81));
      }
      LAB.drops(DropReason.NO_LISTENER, to(kind.opening(1, 4000).from(kind.vip(10), 81), kind, 81));
    }
    LAB.test().remove(kind.vipKey());
    LAB.passes(kind.opening(1, 4000)); // nobody's any more
  }

  @ParameterizedTest
  @EnumSource
  void row41_oneSilentListenerSilencesTheAddress(Kind kind) {
    Kind other = Kind.values()[kind.ordinal() ^ 1];
    LAB.program(vip(kind, REJECT, dsr(kind, 1)));
    VipKey second = new VipKey(Ip.parse(kind.vip(10)), other.protocol, 90);
    LAB.program(Dsr.vip(second, 0, DROP, List.of()));
    for (Frame frame : frames(kind)) {
      LAB.drops(DropReason.NO_LISTENER, to(frame, kind, 81));
    }
    LAB.drops(DropReason.NO_LISTENER, to(other.opening(1, 4000), kind, 81));
    LAB.test().remove(second);
    rejected(DropReason.NO_LISTENER, kind, to(kind.opening(1, 4000), kind, 81));
  }

  /**
   * The address is this machine's: what the machine does with its other ports is its own affair.
   */
  @ParameterizedTest
  @EnumSource
  void row41_aVipThatIsAlsoTheMachinesAddressLeavesTheRestToTheKernel(Kind kind) {
    VipKey own = new VipKey(Ip.parse(kind.balancer()), kind.protocol, Kind.VIP_PORT);
    LAB.program(Dsr.vip(own, 0, REJECT, List.of(dsr(kind, 1))));
    Frame frame = kind.opening(1, 4000).to(kind.balancer(), 81);
    LAB.passes(frame);
    LAB.passes(frame.to(kind.balancer(), 22));
    Kind other = Kind.values()[kind.ordinal() ^ 1];
    LAB.passes(other.opening(1, 4000).to(kind.balancer(), Kind.VIP_PORT));
    LAB.passes(Icmp.echoRequest(kind.client(1), kind.balancer(), 1, 1));
    LAB.passes(Icmp.echoReply(kind.client(1), kind.balancer(), 1, 1));
    byte[] quote = frame.from(kind.balancer(), 5000).payload(new byte[8]).quote(8);
    LAB.passes(Icmp.portUnreachable(kind.client(1), kind.balancer(), quote));
    LAB.passes(Frame.ip(kind.client(1), kind.balancer(), Frame.SCTP, new byte[20]));
    // and what is the VIP's is the VIP's
    Frame ours = frame.to(kind.balancer(), Kind.VIP_PORT);
    byte[] actual = LAB.sent(ours);
    Frame expected =
        Dsr.tunnelled(ours, Dsr.gue(own, Dsr.podKey(kind, 1), 0), Outer.IPV4, 1, actual);
    PacketLab.same(expected.bytes(), actual);
  }
}
