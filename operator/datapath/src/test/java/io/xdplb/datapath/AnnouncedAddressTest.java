// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.core.announce.Hello;
import io.xdplb.core.announce.Output;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.Vip;
import io.xdplb.core.model.VipKey;
import io.xdplb.testing.kernel.Host;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.kernel.Topology;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A client's kernel on the LAN looks for an address that nobody has but by a claim. */
@RequiresBpf
class AnnouncedAddressTest {
  private static final String VIP4 = "203.0.113.10";
  private static final String VIP6 = "2001:db8:0:2:0:0:0:a";
  private static final int PEER = 5;
  private static final long RUN = 77;

  private static Topology topology;
  private static TestDatapath test;
  private Announcements announcements;

  @BeforeAll
  static void create() {
    topology = Topology.oneArmed(1, 0, Topology.PeerXdp.STUB);
    client()
        .netns()
        .ip("route add %s dev eth0".formatted(VIP4), "route add %s dev eth0".formatted(VIP6));
    test = TestDatapath.open(topology.balancer(), DatapathConfig.AttachPreference.NATIVE);
    for (String vip : List.of(VIP4, VIP6)) { // answers pings itself
      test.program(new Vip(new VipKey(Ip.parse(vip), Protocol.TCP, 80), 0, List.of()));
    }
  }

  @AfterAll
  static void close() {
    if (test != null) {
      test.close();
    }
    topology.close();
  }

  private static Host client() {
    return topology.client();
  }

  @BeforeEach
  void open() {
    announcements = Announcements.open(test.pinPath());
    announcements.configure(Lan.SLOT, Lan.TAGS.key0(), Lan.TAGS.key1(), Lan.FENCE);
    Host balancer = topology.balancer();
    String mac = balancer.netns().mac("eth0");
    announcements.ports(List.of(new LanPort(balancer.netns().index("eth0"), 0, Lan.mac(mac))));
    announcements.write(new Output.Count(1, 1, -1));
    announcements.write(new Output.Vote(Lan.SLOT, Long.MAX_VALUE, 1));
    forget();
  }

  @AfterEach
  void unclaim() {
    for (String vip : List.of(VIP4, VIP6)) {
      announcements.write(new Output.Unclaim(Ip.parse(vip)));
    }
    announcements.write(new Output.Accept(PEER, 0, 0));
    announcements.write(new Output.Vote(PEER, 0, 0));
    announcements.close();
  }

  /** The client asks anew. */
  private static void forget() {
    client().netns().ip("neigh flush all dev eth0");
  }

  private static boolean pings(String address) {
    String out = client().netns().run("sh", "-c", "ping -n -c 1 -W 1 " + address + " || true");
    return out.contains(" 1 received");
  }

  private static String neighbour(String address) {
    return client().netns().ip("neigh show to " + Ip.parse(address) + " dev eth0");
  }

  @ParameterizedTest
  @ValueSource(strings = {VIP4, VIP6})
  void isReachedWhileTheVoteCounts(String vip) {
    assertThat(pings(vip)).isFalse();
    forget();
    announcements.write(Lan.claim(vip));
    assertThat(pings(vip)).isTrue();
    assertThat(neighbour(vip)).contains("lladdr " + topology.balancer().netns().mac("eth0"));

    long until = Lan.now() + 1000;
    announcements.write(new Output.Vote(Lan.SLOT, until, 1));
    forget();
    assertThat(pings(vip)).isTrue();
    assertThat(Lan.now()).isLessThan(until); // else this machine is too slow to tell
    LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(until + 2 - Lan.now()));
    forget();
    assertThat(pings(vip)).isFalse();

    announcements.write(new Output.Vote(Lan.SLOT, Long.MAX_VALUE, 1));
    forget();
    assertThat(pings(vip)).isTrue();
    announcements.write(new Output.Unclaim(Ip.parse(vip)));
    forget();
    assertThat(pings(vip)).isFalse();
  }

  /** A client that knows the address asks from time to time whether it is still there. */
  @ParameterizedTest
  @ValueSource(strings = {VIP4, VIP6})
  void isConfirmedToThoseWhoKnowIt(String vip) {
    announcements.write(Lan.claim(vip));
    assertThat(pings(vip)).isTrue();
    AnnounceCounts before = announcements.counts();
    String mac = topology.balancer().netns().mac("eth0");
    client().netns().ip("neigh replace %s lladdr %s dev eth0 nud probe".formatted(vip, mac));
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(5);
    while (!neighbour(vip).contains("REACHABLE") && System.nanoTime() < deadline) {
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
    }
    assertThat(neighbour(vip)).contains("REACHABLE");
    AnnounceCounts now = announcements.counts();
    assertThat(now.arpAnswered() + now.ndpAnswered())
        .isGreaterThan(before.arpAnswered() + before.ndpAnswered());
  }

  @Test
  void nobodyElseCanTakeIt() {
    announcements.write(Lan.claim(VIP6));
    client().netns().sysctl("net.ipv6.conf.eth0.accept_dad", "1");
    client().netns().sysctl("net.ipv6.conf.eth0.dad_transmits", "1");
    client().netns().ip("addr add %s/128 dev eth0".formatted(VIP6));
    try {
      long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(5);
      while (address().contains("tentative")
          && !address().contains("dadfailed")
          && System.nanoTime() < deadline) {
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
      }
      assertThat(address()).contains("dadfailed");
    } finally {
      client().netns().ip("addr del %s/128 dev eth0".formatted(VIP6));
    }
  }

  private static String address() {
    return client().netns().ip("addr show dev eth0 to " + VIP6);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aHelloFromAnotherMachineIsAVote(boolean ipv6) throws Exception {
    announcements.write(new Output.Claim(Ip.parse(VIP4), 1L << PEER, 9));
    announcements.write(new Output.Accept(PEER, RUN, 0));
    assertThat(pings(VIP4)).isFalse();
    long instance = announcements.state().instance();
    Hello hello = new Hello(false, PEER, Lan.SLOT, 1, RUN, 0, 5, instance, Lan.now() + 2000);
    Host balancer = topology.balancer();
    byte[] answer =
        client()
            .netns()
            .call(() -> exchange(Lan.tagged(hello), ipv6 ? balancer.ipv6() : balancer.ipv4()));
    Hello reflection = Hello.decode(answer);
    assertThat(answer).isEqualTo(Lan.tagged(hello.reflect(instance, reflection.seen())));
    assertThat(reflection.seen()).isBetween(Lan.now() - 1000, Lan.now());
    forget();
    assertThat(pings(VIP4)).isTrue();
  }

  private static byte[] exchange(byte[] hello, String to) throws Exception {
    try (DatagramSocket socket = new DatagramSocket()) {
      socket.setSoTimeout(2000);
      InetAddress address = InetAddress.getByName(to);
      socket.send(new DatagramPacket(hello, hello.length, address, Announcements.HELLO_PORT));
      DatagramPacket answer = new DatagramPacket(new byte[100], 100);
      socket.receive(answer);
      assertThat(answer.getAddress()).isEqualTo(address);
      return Arrays.copyOf(answer.getData(), answer.getLength());
    }
  }
}
