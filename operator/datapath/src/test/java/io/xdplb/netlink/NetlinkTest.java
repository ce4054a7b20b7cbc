// SPDX-License-Identifier: Apache-2.0
package io.xdplb.netlink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.xdplb.core.model.Ip;
import io.xdplb.libbpf.Interfaces;
import io.xdplb.libbpf.KernelException;
import io.xdplb.libbpf.TestNamespace;
import io.xdplb.testing.kernel.RequiresBpf;
import java.time.Duration;
import java.util.EnumSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Two namespaces, "here" with 192.0.2.1 and 2001:db8::1, "there" with 2 instead of 1. */
@RequiresBpf
class NetlinkTest {
  private TestNamespace here;
  private TestNamespace there;
  private int ifindex;

  @BeforeEach
  void connect() throws Exception {
    here = new TestNamespace();
    there = new TestNamespace();
    here.shell(
        "ip link add near type veth peer name far netns "
            + there.name()
            + "; ip address add 192.0.2.1/24 dev near"
            + "; ip address add 2001:db8::1/64 dev near nodad"
            + "; ip link set near up");
    there.shell(
        "ip address add 192.0.2.2/24 dev far; ip address add 2001:db8::2/64 dev far nodad"
            + "; ip link set far address 02:00:00:00:00:02 up");
    ifindex = here.call(() -> Interfaces.index("near"));
  }

  @AfterEach
  void disconnect() {
    try {
      if (here != null) {
        here.close();
      }
    } finally {
      if (there != null) {
        there.close();
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"192.0.2.2", "2001:db8::2"})
  void anAddressTheKernelDoesNotKnowIsResolved(String text) throws Exception {
    Ip address = Ip.parse(text);
    here.call(
        () -> {
          assertThat(Neighbours.lookup(ifindex, address)).isEmpty();
          Neighbours.resolve(ifindex, address);
          Awaitility.await()
              .pollInSameThread()
              .atMost(Duration.ofSeconds(5))
              .until(() -> Neighbours.lookup(ifindex, address).orElseThrow().resolved());
          byte[] mac = Neighbours.lookup(ifindex, address).orElseThrow().mac();
          assertThat(HexFormat.of().formatHex(mac)).isEqualTo("020000000002");
          Neighbours.resolve(ifindex, address);
          assertThat(Neighbours.lookup(ifindex, address).orElseThrow().resolved()).isTrue();
          return null;
        });
  }

  @Test
  void anAddressThatDoesNotAnswerFails() throws Exception {
    Ip absent = Ip.parse("192.0.2.99");
    here.shell("echo 10 > /proc/sys/net/ipv4/neigh/near/retrans_time_ms");
    here.call(
        () -> {
          Neighbours.resolve(ifindex, absent);
          Awaitility.await()
              .pollInSameThread()
              .atMost(Duration.ofSeconds(5))
              .until(() -> Neighbours.lookup(ifindex, absent).orElseThrow().failed());
          Neighbour failed = Neighbours.lookup(ifindex, absent).orElseThrow();
          assertThat(failed.resolved()).isFalse();
          assertThat(failed.mac()).isEmpty();
          return null;
        });
  }

  @Test
  void neighboursOfAnAbsentInterfaceAreRefused() {
    assertThatThrownBy(() -> here.call(() -> Neighbours.lookup(999_999, Ip.parse("192.0.2.2"))))
        .isInstanceOf(KernelException.class)
        .hasMessage(
            "cannot look up neighbour 192.0.2.2 on ifindex 999999: ENODEV (No such device)");
    assertThatThrownBy(
            () ->
                here.call(
                    () -> {
                      Neighbours.resolve(999_999, Ip.parse("192.0.2.2"));
                      return null;
                    }))
        .hasMessageStartingWith("cannot resolve neighbour 192.0.2.2 on ifindex 999999: ENODEV");
  }

  @Test
  void routesOnTheLinkAndThroughAGateway() throws Exception {
    here.shell(
        "ip route add 198.51.100.0/24 via 192.0.2.2; ip route add 2001:db8:1::/64 via 2001:db8::2"
            + "; ip route add 203.0.113.0/24 via inet6 2001:db8::2");
    Optional<Ip> v4 = Optional.of(Ip.parse("192.0.2.1"));
    Optional<Ip> v6 = Optional.of(Ip.parse("2001:db8::1"));
    assertThat(route("192.0.2.7"))
        .isEqualTo(new Route(Route.Type.UNICAST, ifindex, Optional.empty(), v4));
    assertThat(route("2001:db8::7"))
        .isEqualTo(new Route(Route.Type.UNICAST, ifindex, Optional.empty(), v6));
    Optional<Ip> gateway4 = Optional.of(Ip.parse("192.0.2.2"));
    Optional<Ip> gateway6 = Optional.of(Ip.parse("2001:db8::2"));
    assertThat(route("198.51.100.9"))
        .isEqualTo(new Route(Route.Type.UNICAST, ifindex, gateway4, v4));
    assertThat(route("2001:db8:1::9"))
        .isEqualTo(new Route(Route.Type.UNICAST, ifindex, gateway6, v6));
    assertThat(route("203.0.113.9"))
        .isEqualTo(new Route(Route.Type.UNICAST, ifindex, gateway6, v4));
  }

  @Test
  void routesThatLeadNowhere() throws Exception {
    here.shell(
        "ip route add blackhole 198.51.100.0/26; ip route add unreachable 198.51.100.64/26"
            + "; ip route add prohibit 198.51.100.128/26"
            + "; ip route add blackhole 2001:db8:1::/64; ip route add unreachable 2001:db8:2::/64"
            + "; ip route add prohibit 2001:db8:3::/64");
    assertThat(route("192.0.2.1").type()).isEqualTo(Route.Type.LOCAL);
    assertThat(route("2001:db8::1").type()).isEqualTo(Route.Type.LOCAL);
    assertThat(route("192.0.2.255").type()).isEqualTo(Route.Type.BROADCAST);
    assertThat(route("198.51.100.1")).isEqualTo(Route.none(Route.Type.BLACKHOLE));
    assertThat(route("198.51.100.65")).isEqualTo(Route.none(Route.Type.UNREACHABLE));
    assertThat(route("198.51.100.129")).isEqualTo(Route.none(Route.Type.PROHIBIT));
    assertThat(route("203.0.113.1")).isEqualTo(Route.none(Route.Type.UNREACHABLE));
    assertThat(route("2001:db8:1::1")).isEqualTo(Route.none(Route.Type.BLACKHOLE));
    assertThat(route("2001:db8:2::1")).isEqualTo(Route.none(Route.Type.UNREACHABLE));
    assertThat(route("2001:db8:3::1")).isEqualTo(Route.none(Route.Type.PROHIBIT));
    assertThat(route("2001:db8:4::1")).isEqualTo(Route.none(Route.Type.UNREACHABLE));
  }

  private Route route(String address) throws Exception {
    return here.call(() -> Routes.lookup(Ip.parse(address)));
  }

  @ParameterizedTest
  @CsvSource({
    "LINK, ip link set near mtu 1400",
    "ADDRESS, ip address add 198.51.100.1/32 dev near",
    "ADDRESS, ip address add 2001:db8:9::1/128 dev near nodad",
    "ROUTE, ip route add 203.0.113.0/24 dev near",
    "ROUTE, ip route add 2001:db8:8::/64 dev near",
    "NEIGHBOUR, ip neigh replace 192.0.2.50 lladdr 02:00:00:00:00:50 dev near"
  })
  void aChangeIsReportedByItsKind(NetworkChange kind, String command) throws Exception {
    Set<NetworkChange> seen = ConcurrentHashMap.newKeySet();
    try (NetworkMonitor monitor = here.call(() -> NetworkMonitor.start(seen::addAll))) {
      // What the set-up above still causes (links coming up) may come first.
      seen.remove(kind);
      here.shell(command);
      Awaitility.await()
          .alias("a change of kind " + kind)
          .atMost(Duration.ofSeconds(5))
          .until(() -> seen.contains(kind));
      assertThat(monitor).isNotNull();
    }
  }

  @Test
  void lostMessagesMeanThatEverythingMayHaveChanged() throws Exception {
    List<Set<NetworkChange>> seen = new CopyOnWriteArrayList<>();
    CountDownLatch reading = new CountDownLatch(1);
    CountDownLatch flooded = new CountDownLatch(1);
    NetworkMonitor monitor =
        here.call(
            () ->
                NetworkMonitor.start(
                    changes -> {
                      seen.add(EnumSet.copyOf(changes));
                      reading.countDown();
                      awaitLatch(flooded);
                    },
                    4096));
    try (monitor) {
      String neighbour = "ip neigh replace 192.0.2.50 lladdr 02:00:00:00:%02x:50 dev near";
      here.shell(neighbour.formatted(0));
      awaitLatch(reading);
      StringBuilder flood = new StringBuilder();
      for (int i = 1; i <= 100; i++) {
        flood.append(neighbour.formatted(i)).append(';');
      }
      here.shell(flood.toString());
      flooded.countDown();
      Awaitility.await()
          .atMost(Duration.ofSeconds(5))
          .until(() -> seen.contains(EnumSet.allOf(NetworkChange.class)));
      here.shell(neighbour.formatted(200));
      Awaitility.await()
          .atMost(Duration.ofSeconds(5))
          .until(() -> seen.get(seen.size() - 1).equals(Set.of(NetworkChange.NEIGHBOUR)));
    } finally {
      flooded.countDown();
    }
  }

  private static void awaitLatch(CountDownLatch latch) {
    try {
      if (!latch.await(10, TimeUnit.SECONDS)) {
        throw new IllegalStateException("not within 10 s");
      }
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void closeEndsAMonitorThatWaits() throws Exception {
    List<Set<NetworkChange>> seen = new CopyOnWriteArrayList<>();
    NetworkMonitor monitor = here.call(() -> NetworkMonitor.start(seen::add));
    Thread closer = new Thread(monitor::close);
    closer.start();
    closer.join(5000);
    assertThat(closer.isAlive()).as("close() still waits").isFalse();
    monitor.close();
    int before = seen.size();
    here.shell("ip link set near mtu 1400");
    assertThat(seen).hasSize(before);
  }

  @Test
  void aListenerThatThrowsIsCalledAgain() throws Exception {
    List<Set<NetworkChange>> seen = new CopyOnWriteArrayList<>();
    NetworkMonitor monitor =
        here.call(
            () ->
                NetworkMonitor.start(
                    changes -> {
                      seen.add(changes);
                      throw new IllegalStateException("from a listener");
                    }));
    try (monitor) {
      for (int mtu : new int[] {1300, 1310}) {
        int before = seen.size();
        here.shell("ip link set near mtu " + mtu);
        Awaitility.await().atMost(Duration.ofSeconds(5)).until(() -> seen.size() > before);
      }
    }
  }
}
