// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.core.maglev.Maglev;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.Vip;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.packet.Frame;
import io.xdplb.testing.packet.Packet;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Packets go where the kernel's routes and neighbours say, also after these have changed. */
@RequiresBpf
class NextHopTest {
  @RegisterExtension static final PacketLab LAB = new PacketLab();

  private static final String OLD = "02:00:00:00:02:01";
  private static final String NEW = "02:00:00:00:02:02";

  @AfterEach
  void routesAsBefore() {
    for (Kind kind : List.of(Kind.TCP4, Kind.TCP6)) {
      LAB.netns().ip("route replace default via " + router(kind, 254));
      LAB.netns().run("ip", kind.ipv6 ? "-6" : "-4", "route", "flush", "exact", beyond(kind));
      LAB.netns().ip("addr flush dev eth0 to " + secondAddress(kind));
    }
  }

  /** A further address of the balancer. */
  private static String secondAddress(Kind kind) {
    return kind.ipv6 ? "2001:db8:0:1:0:0:0:2" : "198.51.100.2";
  }

  /** The router at 254 is the lab's; 252 and 253 are further ones. */
  private static String router(Kind kind, int number) {
    return kind.ipv6 ? "2001:db8:0:1::" + Integer.toHexString(number) : "198.51.100." + number;
  }

  private static String beyond(Kind kind) {
    return kind.ipv6 ? "2001:db8:99:0:0:0:0:1" : "203.0.113.129";
  }

  private static void neighbour(String address, String mac) {
    LAB.netns().ip("neigh replace %s lladdr %s dev eth0 nud permanent".formatted(address, mac));
  }

  private static void programBeyond(Kind kind) {
    BackendKey key = new BackendKey(Ip.parse(beyond(kind)), Kind.BACKEND_PORT);
    LAB.program(new Vip(kind.vipKey(), Maglev.sizeFor(1), List.of(new Backend(key, 1, 0))));
  }

  private static Packet sent(Frame frame) {
    Packet packet = Packet.of(LAB.sent(frame));
    assertThat(packet.problems()).isEmpty();
    return packet;
  }

  private static Frame answer(Kind kind, Packet forwarded) {
    return kind.answer(
        forwarded.destination(), forwarded.destinationPort(), forwarded.sourcePort());
  }

  @ParameterizedTest
  @EnumSource(names = {"TCP4", "TCP6"})
  void neighbourThatIsReplacedIsFollowedAtOnceWhenTheAgentSaysSo(Kind kind) {
    neighbour(kind.backend(15), OLD);
    LAB.program(BalanceTest.single(kind, Kind.VIP_PORT, 15));
    assertThat(sent(kind.opening(1, 4000)).destinationMac()).isEqualTo(OLD);
    neighbour(kind.backend(15), NEW);
    LAB.test().datapath().neighboursChanged();
    assertThat(sent(kind.opening(1, 4000)).destinationMac()).isEqualTo(NEW);
  }

  @ParameterizedTest
  @EnumSource(names = {"TCP4", "TCP6"})
  void neighbourThatIsReplacedIsFollowedWithinSecondsWithoutAnAgent(Kind kind) {
    neighbour(kind.backend(16), OLD);
    LAB.program(BalanceTest.single(kind, Kind.VIP_PORT, 16));
    assertThat(sent(kind.opening(1, 4000)).destinationMac()).isEqualTo(OLD);
    neighbour(kind.backend(16), NEW);
    long start = System.nanoTime();
    long deadline = start + TimeUnit.SECONDS.toNanos(12);
    while (!sent(kind.opening(1, 4000)).destinationMac().equals(NEW)) {
      assertThat(System.nanoTime()).as("deadline").isLessThan(deadline);
      LockSupport.parkNanos(1_000_000);
    }
    System.out.printf(
        "%s: a new MAC address was noticed after %d ms by itself%n",
        kind, TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start));
  }

  @ParameterizedTest
  @EnumSource
  void routeToAnotherGatewayIsFollowedAtOnceByBothDirections(Kind kind) {
    neighbour(router(kind, 253), OLD);
    neighbour(router(kind, 252), NEW);
    LAB.netns().ip("route replace default via " + router(kind, 253));
    programBeyond(kind);
    LAB.test().datapath().networkChanged();
    Packet forwarded = sent(kind.opening(1, 4000));
    assertThat(forwarded.destinationMac()).isEqualTo(OLD);
    Frame answer = answer(kind, forwarded).flags(Frame.SYN | Frame.ACK);
    assertThat(sent(answer).destinationMac()).isEqualTo(OLD);

    LAB.netns().ip("route replace default via " + router(kind, 252));
    LAB.test().datapath().networkChanged();

    assertThat(sent(kind.data(1, 4000)).destinationMac()).isEqualTo(NEW);
    assertThat(sent(answer).destinationMac()).isEqualTo(NEW);
    assertThat(sent(kind.opening(1, 4001)).destinationMac()).isEqualTo(NEW);
  }

  @ParameterizedTest
  @EnumSource(names = {"TCP4", "UDP6"})
  void addressTowardsABackendFollowsItsRoute(Kind kind) {
    String second = secondAddress(kind);
    LAB.netns().ip("addr replace %s/%d dev eth0".formatted(second, kind.ipv6 ? 64 : 24));
    String to = beyond(kind) + (kind.ipv6 ? "/128" : "/32");
    LAB.netns().ip("route replace %s via %s".formatted(to, router(kind, 254)));
    programBeyond(kind);
    String first = sent(kind.opening(1, 4000)).source();
    String other = first.equals(second) ? kind.balancer() : second;
    LAB.netns().ip("route replace %s via %s src %s".formatted(to, router(kind, 254), other));
    LAB.test().datapath().networkChanged();
    Packet forwarded = sent(kind.opening(1, 4001));
    assertThat(forwarded.source()).isEqualTo(other);
    Packet returned = sent(answer(kind, forwarded).to(other, forwarded.sourcePort()));
    assertThat(returned.source()).isEqualTo(kind.vip(10));
    // the same answer to another address that answers come to is not ours
    LAB.program(BalanceTest.single(kind, 81, other.equals(second) ? 1 : 2));
    LAB.passes(answer(kind, forwarded).to(first, forwarded.sourcePort()));
    assertThat(LAB.test().readBack(kind.vipKey())).isPresent();
  }

  /** A client on the network whom the kernel has never seen: its packets say where it is. */
  @ParameterizedTest
  @EnumSource
  void answersReachAClientThatTheKernelDoesNotKnow(Kind kind) {
    LAB.program(kind.vipOf(1));
    String client = kind.ipv6 ? "2001:db8:0:1:0:0:0:77" : "198.51.100.77";
    Frame opening = kind.opening(1, 4000).from(client, 4000).macs(NEW, PacketLab.MAC);
    Packet forwarded = sent(opening);
    Packet answer = sent(answer(kind, forwarded).flags(Frame.SYN | Frame.ACK));
    assertThat(answer.destinationMac()).isEqualTo(NEW);
    assertThat(answer.destination()).isEqualTo(client);
  }

  @ParameterizedTest
  @EnumSource(names = {"TCP4", "TCP6"})
  void whatCannotBeSentIsDroppedWithItsReason(Kind kind) {
    Vip unknown = BalanceTest.single(kind, Kind.VIP_PORT, 50); // no such neighbour
    LAB.program(unknown);
    LAB.drops(DropReason.NO_NEIGHBOUR, kind.opening(1, 4000));
    LAB.test().remove(unknown.key());

    String to = beyond(kind) + (kind.ipv6 ? "/128" : "/32");
    LAB.netns().ip("route add unreachable " + to);
    programBeyond(kind);
    LAB.drops(DropReason.NO_ROUTE, kind.opening(1, 4000));
    assertThat(LAB.test().datapath().unreachable())
        .singleElement()
        .satisfies(
            problem -> {
              assertThat(problem.vip()).isEqualTo(kind.vipKey());
              assertThat(problem.message()).contains("unreachable").contains("ip route get");
            });
    LAB.netns().ip("route del unreachable " + to);
    LAB.test().datapath().networkChanged();
    sent(kind.opening(1, 4000));
    assertThat(LAB.test().datapath().unreachable()).isEmpty();

    String sysctl = kind.ipv6 ? "net.ipv6.conf.all.forwarding" : "net.ipv4.ip_forward";
    LAB.netns().sysctl(sysctl, "0");
    try {
      LAB.test().datapath().networkChanged();
      LAB.drops(DropReason.FORWARDING_DISABLED, kind.opening(1, 4000));
    } finally {
      LAB.netns().sysctl(sysctl, "1");
    }
  }

  @Test
  void backendsThatNatCannotReachAreNamed() {
    Kind kind = Kind.TCP4;
    BackendKey self = new BackendKey(Ip.parse(kind.balancer()), 8080);
    LAB.program(new Vip(kind.vipKey(), Maglev.sizeFor(1), List.of(new Backend(self, 1, 0))));
    assertThat(LAB.test().datapath().unreachable())
        .singleElement()
        .satisfies(p -> assertThat(p.message()).contains("this node itself"));
    LAB.test().remove(kind.vipKey());
    LAB.netns().ip("link add br9 type bridge", "link set br9 up");
    LAB.netns().ip("addr add 203.0.113.130/28 dev br9");
    try {
      programBeyond(kind);
      assertThat(LAB.test().datapath().unreachable())
          .singleElement()
          .satisfies(p -> assertThat(p.message()).contains("br9").contains("--interface"));
    } finally {
      LAB.netns().ip("link del br9");
    }
  }
}
