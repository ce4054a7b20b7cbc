// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.core.maglev.Maglev;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Delivery;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.Vip;
import io.xdplb.core.table.VipImage;
import io.xdplb.libbpf.BpfMap;
import io.xdplb.testing.kernel.RequiresBpf;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Both ends of tunnels: the nodes, and the backends on this machine. */
@RequiresBpf
class NodesTest {
  @RegisterExtension static final PacketLab LAB = new PacketLab();

  private static int handle(Key key) {
    try (BpfMap map = BpfMap.openPinned(LAB.pin("keys"))) {
      return new KeyReader(map).handle(key);
    }
  }

  private static boolean filtered(AddressFilter.Role role, Ip address) {
    try (BpfMap map = BpfMap.openPinned(LAB.pin("address_filter"))) {
      return AddressFilter.lets(map.lookup(BackendTable.key(0)).orElseThrow(), role, address);
    }
  }

  private static void assertPeer(boolean is, Ip address) {
    assertThat(handle(Key.ofPeer(address))).as("%s", address).isEqualTo(is ? 1 : 0);
    assertThat(filtered(AddressFilter.Role.PEER, address)).as("%s", address).isEqualTo(is);
  }

  private static Optional<BackendLine> line(BackendKey key) {
    BackendLine[] found = {null};
    KernelState.forEach(
        LAB.test().pinPath(),
        "backends",
        (value, index) ->
            BackendLine.read(value, 0)
                .filter(line -> line.key().equals(key))
                .ifPresent(line -> found[0] = line));
    return Optional.ofNullable(found[0]);
  }

  private static int hostedOf(Kind kind) {
    int[] hosted = {0};
    KernelState.forEach(
        LAB.test().pinPath(),
        "vips",
        (value, index) ->
            VipLine.read(value, 0)
                .filter(line -> line.key().equals(Optional.of(kind.vipKey())))
                .ifPresent(line -> hosted[0] = line.hosted()));
    return hosted[0];
  }

  private static Vip vip(Kind kind, Delivery delivery) {
    Backend backend = new Backend(kind.backendKey(1), 1, 0, delivery);
    return new Vip(kind.vipKey(), Maglev.sizeFor(1), List.of(backend));
  }

  @Test
  void peersAreThoseThatWereSaidLastAndTheNextAgentKnowsThemToo() {
    Ip first = Ip.parse("198.51.100.11");
    Ip second = Ip.parse("2001:db8:0:1::12");
    Ip third = Ip.parse("198.51.100.13");
    Datapath datapath = LAB.test().datapath();
    datapath.setPeers(List.of(first, second));
    assertPeer(true, first);
    assertPeer(true, second);
    assertPeer(false, third);
    datapath.setPeers(List.of(second, third, third));
    assertPeer(false, first);
    assertPeer(true, second);
    LAB.test().reopen();
    assertPeer(true, second);
    assertPeer(true, third);
    RawMap.change(LAB.pin("keys"), bucket -> bucket.put(new byte[bucket.capacity()]));
    LAB.test().datapath().setPeers(List.of(second)); // writes what is missing
    assertPeer(true, second);
    assertPeer(false, third);
    LAB.test().datapath().setPeers(Set.of());
    assertThat(KernelState.read(LAB.test().pinPath())).isEqualTo(KernelState.EMPTY);
  }

  @Test
  void tunnelsLeadToAddressesOfThisMachine() {
    Ip own = Ip.parse(Kind.TCP4.balancer());
    Ip another = Ip.parse("198.51.100.77");
    assertThat(filtered(AddressFilter.Role.TUNNEL, own)).isTrue();
    assertThat(filtered(AddressFilter.Role.TUNNEL, another)).isFalse();
    assertThat(LAB.test().datapath().addresses())
        .containsExactly(own, Ip.parse(Kind.TCP6.balancer()));
    LAB.netns().ip("addr add 198.51.100.77/24 dev eth0");
    try {
      LAB.test().datapath().networkChanged();
      assertThat(filtered(AddressFilter.Role.TUNNEL, another)).isTrue();
      assertThat(LAB.test().datapath().addresses()).contains(own, another);
    } finally {
      LAB.netns().ip("addr del 198.51.100.77/24 dev eth0");
      LAB.test().datapath().networkChanged();
    }
    assertThat(filtered(AddressFilter.Role.TUNNEL, another)).isFalse();
  }

  @ParameterizedTest
  @EnumSource(names = {"TCP4", "UDP6"})
  void backendOnThisMachineIsFoundByItsTagForAsLongAsItIsThere(Kind kind) {
    Ip own = Ip.parse(kind.balancer());
    Ip other = Ip.parse(kind.backend(5));
    Key endpoint = Key.ofEndpoint(Tag.of(kind.vipKey(), kind.backendKey(1)));
    Ip address = kind.backendKey(1).address();
    for (boolean hosted : new boolean[] {false, true, false, true}) {
      Vip vip = vip(kind, Delivery.pod(hosted ? own : other));
      LAB.program(vip);
      BackendLine line = line(kind.backendKey(1)).orElseThrow();
      assertThat(line.way().hosted()).isEqualTo(hosted);
      assertThat(handle(endpoint)).isEqualTo(hosted ? line.handle() : 0);
      assertThat(filtered(AddressFilter.Role.ENDPOINT, address)).isEqualTo(hosted);
      assertThat(filtered(AddressFilter.Role.NAT, own)).as("for clients on nodes").isTrue();
      assertThat(hostedOf(kind)).as("it has a tag").isZero();
      assertThat(LAB.test().readBack(vip.key())).contains(VipImage.desired(vip));
      assertThat(LAB.test().datapath().unreachable()).isEmpty();
      LAB.test().reopen();
      assertThat(handle(endpoint)).isEqualTo(hosted ? line.handle() : 0);
    }
    LAB.test().remove(kind.vipKey());
    assertThat(handle(endpoint)).isZero();
    assertThat(KernelState.read(LAB.test().pinPath())).isEqualTo(KernelState.EMPTY);
  }

  @ParameterizedTest
  @EnumSource(names = {"TCP4", "UDP6"})
  void serverOnThisMachineThatGetsNoTagIsFoundByTheVip(Kind kind) {
    Ip own = Ip.parse(kind.balancer());
    LAB.program(vip(kind, Delivery.ipip(own)));
    assertThat(hostedOf(kind)).isEqualTo(line(kind.backendKey(1)).orElseThrow().handle());
    LAB.program(vip(kind, Delivery.ipip(Ip.parse(kind.backend(1)))));
    assertThat(hostedOf(kind)).isZero();
    Backend self = new Backend(new BackendKey(own, Kind.VIP_PORT), 1, 0, Delivery.L2);
    LAB.program(new Vip(kind.vipKey(), Maglev.sizeFor(1), List.of(self)));
    assertThat(hostedOf(kind)).isEqualTo(line(self.key()).orElseThrow().handle());
    LAB.test().reopen();
    assertThat(hostedOf(kind)).isEqualTo(line(self.key()).orElseThrow().handle());
    assertThat(LAB.test().datapath().unreachable()).isEmpty();
  }

  /** A pod's node that gets the address that the table names, or loses it. */
  @Test
  void backendsFollowWhereThisMachinesAddressesGo() {
    Kind kind = Kind.TCP4;
    Vip vip = vip(kind, Delivery.pod(Ip.parse("198.51.100.77")));
    LAB.program(vip);
    assertThat(line(kind.backendKey(1)).orElseThrow().way().hosted()).isFalse();
    LAB.netns().ip("addr add 198.51.100.77/24 dev eth0");
    try {
      LAB.test().datapath().networkChanged();
      assertThat(line(kind.backendKey(1)).orElseThrow().way().hosted()).isTrue();
      assertThat(LAB.test().readBack(vip.key())).contains(VipImage.desired(vip));
      LAB.test().stop();
    } finally {
      LAB.netns().ip("addr del 198.51.100.77/24 dev eth0");
    }
    LAB.test().reopen();
    assertThat(line(kind.backendKey(1)).orElseThrow().way().hosted()).isFalse();
    assertThat(LAB.test().readBack(vip.key())).contains(VipImage.desired(vip));
  }

  @ParameterizedTest
  @EnumSource(names = {"TCP4", "TCP6"})
  void wayHasTheNodesAddressesAndWhatFitsThrough(Kind kind) {
    int header = kind.ipv6 ? 40 : 20;
    Ip node = Ip.parse(kind.backend(5));
    Ip own = Ip.parse(kind.balancer());
    LAB.program(vip(kind, Delivery.pod(node)));
    Way way = line(kind.backendKey(1)).orElseThrow().way();
    assertThat(way).isEqualTo(new Way(own, Optional.of(own), 1500 - header - 20, false));
    LAB.program(vip(kind, Delivery.ipip(node)));
    Ip none = new Ip(0, 0, !kind.ipv6);
    way = line(kind.backendKey(1)).orElseThrow().way();
    assertThat(way).isEqualTo(new Way(none, Optional.of(own), 1500 - header, false));
    LAB.program(vip(kind, Delivery.NAT));
    way = line(kind.backendKey(1)).orElseThrow().way();
    assertThat(way).isEqualTo(new Way(own, Optional.empty(), 1500, false));
    String route = kind.ipv6 ? "2001:db8:0:1::105/128" : "198.51.100.105/32"; // backend 5
    LAB.netns().ip("route add " + route + " dev eth0 mtu 1400");
    try {
      LAB.program(vip(kind, Delivery.gue(node)));
      LAB.test().datapath().networkChanged();
      way = line(kind.backendKey(1)).orElseThrow().way();
      assertThat(way.mtu()).isEqualTo(1400 - header - 20);
    } finally {
      LAB.netns().ip("route del " + route);
      LAB.test().datapath().networkChanged();
    }
  }

  /** As long as translated flows may live, they are looked for; and by the next agent as well. */
  @Test
  void flowsAreLookedUpFirstFromTheFirstBackendByNatOnAndForLongAfterTheLast() {
    LAB.program(vip(Kind.TCP4, Delivery.pod(Ip.parse(Kind.TCP4.backend(5)))));
    assertThat(looksForFlows()).isFalse();
    LAB.program(vip(Kind.TCP4, Delivery.NAT));
    assertThat(looksForFlows()).isTrue();
    LAB.program(vip(Kind.TCP4, Delivery.pod(Ip.parse(Kind.TCP4.backend(5)))));
    LAB.test().datapath().settle();
    assertThat(looksForFlows()).isTrue();
    LAB.test().reopen();
    LAB.test().datapath().settle();
    assertThat(looksForFlows()).isTrue();
    LAB.test().remove(Kind.TCP4.vipKey());
    LAB.program(vip(Kind.TCP4, Delivery.L2));
    assertThat(looksForFlows()).isFalse();
  }

  private static boolean looksForFlows() {
    int[] flags = {0};
    KernelState.forEach(
        LAB.test().pinPath(),
        "vips",
        (value, index) ->
            VipLine.read(value, 0)
                .filter(line -> line.key().isPresent())
                .ifPresent(line -> flags[0] = line.flags()));
    return (flags[0] & Layouts.Vip.FLOWS) != 0;
  }

  @Test
  void serverBehindARouterIsNotReachedByItsMacAddress() {
    Backend far = new Backend(new BackendKey(Ip.parse("192.0.2.9"), 80), 1, 0, Delivery.L2);
    LAB.program(new Vip(Kind.TCP4.vipKey(), Maglev.sizeFor(1), List.of(far)));
    assertThat(LAB.test().datapath().unreachable())
        .singleElement()
        .satisfies(p -> assertThat(p.message()).contains("gateway 198.51.100.254", "IPIP or GUE"));
    LAB.program(vip(Kind.TCP4, Delivery.L2));
    assertThat(LAB.test().datapath().unreachable()).isEmpty();
  }

  @Test
  void segmentsOfClientsAreToFitIntoTunnelsOfEitherFamily() {
    int[] mss = new int[2];
    LAB.configure(
        config -> {
          mss[0] = config.getShort(Layouts.Config.MSS_IPV4);
          mss[1] = config.getShort(Layouts.Config.MSS_IPV6);
          assertThat(Wire.port(config, Layouts.Config.TUNNEL_PORT)).isEqualTo(6080);
        });
    assertThat(mss).containsExactly(1500 - 60 - 40, 1500 - 60 - 60);
  }
}
