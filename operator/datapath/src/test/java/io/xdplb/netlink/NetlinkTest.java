// SPDX-License-Identifier: Apache-2.0
package io.xdplb.netlink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.xdplb.core.model.Ip;
import io.xdplb.libbpf.Interfaces;
import io.xdplb.libbpf.KernelException;
import io.xdplb.testing.kernel.Netns;
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
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Two namespaces, "here" with 192.0.2.1 and 2001:db8::1, "there" with 2 instead of 1. */
@RequiresBpf
class NetlinkTest {
  private Netns here;
  private Netns there;
  private int ifindex;

  @BeforeEach
  void connect() {
    here = Netns.create("here");
    there = Netns.create("here");
    Netns.veth(here, "near", there, "far");
    here.ip("address add 192.0.2.1/24 dev near", "address add 2001:db8::1/64 dev near nodad");
    there.ip(
        "address add 192.0.2.2/24 dev far",
        "address add 2001:db8::2/64 dev far nodad",
        "link set far address 02:00:00:00:00:02");
    Awaitility.await()
        .atMost(Duration.ofSeconds(5))
        .until(() -> here.ip("link show near").contains("state UP"));
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
  void anAddressTheKernelDoesNotKnowIsResolved(String text) {
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
  void anEntryThatAnAdministratorHasSetStays() {
    Ip address = Ip.parse("192.0.2.77");
    here.ip("neigh add 192.0.2.77 lladdr 02:00:00:00:00:77 dev near nud permanent");
    here.call(
        () -> {
          Neighbours.resolve(ifindex, address);
          assertThat(Neighbours.lookup(ifindex, address).orElseThrow().permanent()).isTrue();
          return null;
        });
  }

  @Test
  void anAddressThatDoesNotAnswerFails() {
    Ip absent = Ip.parse("192.0.2.99");
    here.sysctl("net.ipv4.neigh.near.retrans_time_ms", "10");
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
    Ip address = Ip.parse("192.0.2.2");
    here.call(
        () -> {
          assertThatThrownBy(() -> Neighbours.lookup(999_999, address))
              .isInstanceOf(KernelException.class)
              .hasMessage(
                  "cannot look up neighbour 192.0.2.2 on ifindex 999999: ENODEV (No such device)");
          assertThatThrownBy(() -> Neighbours.resolve(999_999, address))
              .hasMessageStartingWith(
                  "cannot resolve neighbour 192.0.2.2 on ifindex 999999: ENODEV");
          return null;
        });
  }

  @Test
  void routesOnTheLinkAndThroughAGateway() {
    here.ip(
        "route add 198.51.100.0/24 via 192.0.2.2",
        "route add 2001:db8:1::/64 via 2001:db8::2",
        "route add 203.0.113.0/24 via inet6 2001:db8::2");
    Optional<Ip> v4 = Optional.of(Ip.parse("192.0.2.1"));
    Optional<Ip> v6 = Optional.of(Ip.parse("2001:db8::1"));
    assertThat(route("192.0.2.7"))
        .isEqualTo(new Route(Route.Type.UNICAST, ifindex, Optional.empty(), v4, 0));
    assertThat(route("2001:db8::7"))
        .isEqualTo(new Route(Route.Type.UNICAST, ifindex, Optional.empty(), v6, 0));
    Optional<Ip> gateway4 = Optional.of(Ip.parse("192.0.2.2"));
    Optional<Ip> gateway6 = Optional.of(Ip.parse("2001:db8::2"));
    assertThat(route("198.51.100.9"))
        .isEqualTo(new Route(Route.Type.UNICAST, ifindex, gateway4, v4, 0));
    assertThat(route("2001:db8:1::9"))
        .isEqualTo(new Route(Route.Type.UNICAST, ifindex, gateway6, v6, 0));
    assertThat(route("203.0.113.9"))
        .isEqualTo(new Route(Route.Type.UNICAST, ifindex, gateway6, v4, 0));
  }

  @Test
  void routesThatLeadNowhere() {
    here.ip(
        "route add blackhole 198.51.100.0/26",
        "route add unreachable 198.51.100.64/26",
        "route add prohibit 198.51.100.128/26",
        "route add blackhole 2001:db8:1::/64",
        "route add unreachable 2001:db8:2::/64",
        "route add prohibit 2001:db8:3::/64");
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

  private Route route(String address) {
    return here.call(() -> Routes.lookup(Ip.parse(address)));
  }

  @ParameterizedTest
  @CsvSource({
    "LINK, link set near mtu 1400",
    "ADDRESS, address add 198.51.100.1/32 dev near",
    "ADDRESS, address add 2001:db8:9::1/128 dev near nodad",
    "ROUTE, route add 203.0.113.0/24 dev near",
    "ROUTE, route add 2001:db8:8::/64 dev near",
    "NEIGHBOUR, neigh replace 192.0.2.50 lladdr 02:00:00:00:00:50 dev near"
  })
  void aChangeIsReportedByItsKind(NetworkChange kind, String command) {
    Set<NetworkChange> seen = ConcurrentHashMap.newKeySet();
    try (NetworkMonitor monitor = here.call(() -> NetworkMonitor.start(seen::addAll))) {
      // What the set-up above still causes (links coming up) may come first.
      seen.remove(kind);
      here.ip(command);
      Awaitility.await()
          .alias("a change of kind " + kind)
          .atMost(Duration.ofSeconds(5))
          .until(() -> seen.contains(kind));
      assertThat(monitor).isNotNull();
    }
  }

  @Test
  void lostMessagesMeanThatEverythingMayHaveChanged() {
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
      String neighbour = "neigh replace 192.0.2.50 lladdr 02:00:00:00:%02x:50 dev near";
      here.ip(neighbour.formatted(0));
      awaitLatch(reading);
      here.ip(IntStream.rangeClosed(1, 100).mapToObj(neighbour::formatted).toArray(String[]::new));
      flooded.countDown();
      Awaitility.await()
          .atMost(Duration.ofSeconds(5))
          .until(() -> seen.contains(EnumSet.allOf(NetworkChange.class)));
      here.ip(neighbour.formatted(200));
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
  void closeEndsAMonitorThatWaits() throws InterruptedException {
    List<Set<NetworkChange>> seen = new CopyOnWriteArrayList<>();
    NetworkMonitor monitor = here.call(() -> NetworkMonitor.start(seen::add));
    Thread closer = new Thread(monitor::close);
    closer.start();
    closer.join(5000);
    assertThat(closer.isAlive()).as("close() still waits").isFalse();
    monitor.close();
    int before = seen.size();
    here.ip("link set near mtu 1400");
    assertThat(seen).hasSize(before);
  }

  @Test
  void aListenerThatThrowsIsCalledAgain() {
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
        here.ip("link set near mtu " + mtu);
        Awaitility.await().atMost(Duration.ofSeconds(5)).until(() -> seen.size() > before);
      }
    }
  }
}
