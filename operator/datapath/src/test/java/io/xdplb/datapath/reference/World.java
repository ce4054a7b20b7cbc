// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath.reference;

import io.xdplb.core.model.Cidr;
import io.xdplb.core.model.Ip;
import io.xdplb.datapath.reference.Table.Address;
import io.xdplb.datapath.reference.Table.Backend;
import io.xdplb.datapath.reference.Table.Encapsulation;
import io.xdplb.datapath.reference.Table.History;
import io.xdplb.datapath.reference.Table.Listener;
import io.xdplb.datapath.reference.Table.Slot;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.function.Consumer;

/** A table drawn at random, with every way of delivery in it; and changes of it, one at a time. */
final class World {
  private static final int ADDRESSES = 6; // of each family
  private static final int[] RING_SIZES = {1, 5, 13, 31, 61};
  private static final int[] MTUS = {0, 0, 0, 1480, 1460, 1440, 700, 300};
  private static final int FIRST_ENDPOINT = 101;
  private static final List<Cidr> KNOWN =
      List.of(Cidr.parse("192.0.2.0/24"), Cidr.parse("2001:db8:c::/48"));

  /** What a listener's backends are. */
  private enum Profile {
    TRANSLATED,
    PODS,
    SERVERS,
    MIXED,
    SERVER_HERE,
    EMPTY
  }

  /** How a backend is reached. */
  private enum Reach {
    NAT,
    NAT_BY_NODE,
    NAT_HERE,
    POD,
    POD_HERE,
    GUE_SERVER,
    GUE_SERVER_HERE,
    IPIP_SERVER,
    L2_SERVER,
    IPIP_SERVER_HERE,
    L2_SERVER_HERE;

    boolean here() {
      return name().endsWith("HERE");
    }
  }

  final Table table = new Table();
  final List<Ip> nodes = new ArrayList<>();
  final List<Ip> clients = new ArrayList<>();

  private final Random random;
  private final Handles vipHandles = new Handles();
  private final Handles backendHandles = new Handles();
  private final Consumer<Backend> removed;

  /**
   * @param removed told of each backend whose entry somebody else may have now
   */
  World(Random random, Consumer<Backend> removed) {
    this.random = random;
    this.removed = removed;
    table.natFirst = 20000;
    table.natCount = 10000;
    table.mssIpv4 = pick(0, 1400, 1300);
    table.mssIpv6 = pick(0, 1380, 1200);
    table.own.addAll(ReferenceLab.OWN);
    for (int i = 0; i < 4; i++) {
      nodes.add(ReferenceLab.host(i & 1, 10 + i, false));
      nodes.add(ReferenceLab.host(i & 1, 10 + i, true));
    }
    table.peers.addAll(nodes);
    if (random.nextBoolean()) {
      table.peers.addAll(ReferenceLab.OWN);
    }
    for (int i = 1; i <= 12; i++) {
      clients.add(Ip.parse("192.0.2." + i));
      clients.add(Ip.parse("2001:db8:c::" + i));
    }
    for (int i = 201; i <= 203; i++) { // unknown to the kernel
      clients.add(Ip.parse("203.0.113." + i));
      clients.add(Ip.parse("2001:db8:d::" + i));
    }
    clients.addAll(nodes); // pods behind masquerading
    clients.addAll(ReferenceLab.OWN);
    clients.add(ReferenceLab.host(0, 30, false)); // a backend
    clients.add(ReferenceLab.host(1, 30, true));
    for (int i = 1; i <= ADDRESSES; i++) {
      addAddress(Ip.parse("203.0.113." + i), false);
      addAddress(Ip.parse("2001:db8:f::" + i), false);
    }
    addAddress(collidingWith(ReferenceLab.OWN.get(2)), false);
    addAddress(ReferenceLab.OWN.get(0), true);
    addAddress(ReferenceLab.OWN.get(3), true);
    clients.add(collidingWith(Ip.parse("2001:db8:f::1")));
  }

  /** An IPv6 address that has the same byte of the address filter as another one. */
  private static Ip collidingWith(Ip other) {
    long wanted = Hashes.address(other) & 0xffff;
    long high = Ip.parse("2001:db8:c:1::").high();
    for (long low = 1; ; low++) {
      Ip ip = new Ip(high, low, false);
      if ((Hashes.address(ip) & 0xffff) == wanted) {
        return ip;
      }
    }
  }

  /** Whether the kernel knows the way to an address that clients have. */
  boolean isKnown(Ip client) {
    return KNOWN.stream().anyMatch(network -> network.contains(client));
  }

  private int pick(int... values) {
    return values[random.nextInt(values.length)];
  }

  <T> T pick(List<T> values) {
    return values.get(random.nextInt(values.size()));
  }

  boolean chance(int percent) {
    return random.nextInt(100) < percent;
  }

  List<Listener> listeners() {
    return table.addresses.values().stream().flatMap(a -> a.listeners.stream()).toList();
  }

  private void addAddress(Ip ip, boolean own) {
    Address address = new Address(ip, vipHandles.take());
    address.own = own;
    address.reject = chance(70);
    table.addresses.put(ip, address);
    for (int i = 1 + random.nextInt(4); i > 0; i--) {
      addListener(address);
    }
  }

  private void addListener(Address address) {
    int protocol = pick(IpPacket.TCP, IpPacket.TCP, IpPacket.UDP);
    // ranges nest; on this machine's own addresses they leave NAT's and the tunnel's ports alone
    int[][] ports = {
      {80, 80},
      {53, 53},
      {443, 443},
      {8000, 8999},
      {8100, 8199},
      {8150, 8150},
      {20000, 20100},
      {1, 65535}
    };
    int[] range = ports[random.nextInt(address.own ? 6 : ports.length)];
    boolean taken =
        address.listeners.stream()
            .anyMatch(l -> l.protocol == protocol && l.port == range[0] && l.endPort == range[1]);
    if (taken) {
      return;
    }
    Listener listener = new Listener(address, protocol, range[0], range[1], vipHandles.take());
    listener.reject = chance(70);
    listener.affinity = chance(20);
    setSources(listener);
    Profile profile = pick(Arrays.asList(Profile.values()));
    if (profile != Profile.EMPTY) {
      for (int i = 1 + random.nextInt(5); i > 0; i--) {
        addBackend(listener, profile);
      }
    }
    address.listeners.add(listener);
    Slot[] ring = new Slot[profile == Profile.EMPTY ? 0 : pick(RING_SIZES)];
    for (int i = 0; i < ring.length; i++) {
      ring[i] = new Slot(pick(listener.backends), null);
    }
    listener.ring = ring;
  }

  private void setSources(Listener listener) {
    if (chance(75)) {
      listener.sources = Optional.empty();
      return;
    }
    List<Cidr> ranges = new ArrayList<>();
    for (String range :
        List.of(
            "192.0.2.0/29",
            "192.0.2.8/31",
            "198.51.100.0/24",
            "2001:db8:c::/125",
            "2001:db8::/32",
            "0.0.0.0/0",
            "203.0.113.201/32")) {
      if (chance(30)) {
        ranges.add(Cidr.parse(range));
      }
    }
    listener.sources = Optional.of(List.copyOf(ranges)); // none at all: nobody
  }

  private void addBackend(Listener listener, Profile profile) {
    List<Reach> ways =
        switch (profile) {
          case TRANSLATED -> List.of(Reach.NAT, Reach.NAT, Reach.NAT_BY_NODE, Reach.NAT_HERE);
          case PODS -> List.of(Reach.POD, Reach.POD, Reach.POD_HERE);
          case SERVERS ->
              List.of(Reach.GUE_SERVER, Reach.GUE_SERVER_HERE, Reach.IPIP_SERVER, Reach.L2_SERVER);
          case SERVER_HERE ->
              List.of(
                  Reach.IPIP_SERVER_HERE, Reach.L2_SERVER_HERE, Reach.IPIP_SERVER, Reach.L2_SERVER);
          case MIXED ->
              List.of(
                  Reach.NAT,
                  Reach.NAT_BY_NODE,
                  Reach.NAT_HERE,
                  Reach.POD,
                  Reach.POD_HERE,
                  Reach.GUE_SERVER,
                  Reach.GUE_SERVER_HERE,
                  Reach.IPIP_SERVER,
                  Reach.L2_SERVER);
          case EMPTY -> throw new IllegalStateException("no backends are wanted");
        };
    Reach reach = pick(ways);
    boolean ipv6 = !listener.address.ip.isIpv4();
    boolean keepsPort = listener.port != listener.endPort;
    int port = keepsPort ? 0 : reach.name().contains("SERVER") ? listener.port : 8080;
    Ip address =
        reach.here()
            ? endpoint(ipv6)
            : ReferenceLab.host(random.nextInt(2), 20 + random.nextInt(14), ipv6);
    if (chance(2)) {
      address = ReferenceLab.SILENT.get(ipv6 ? 1 : 0);
    } else if (chance(2)) {
      address = Ip.parse(ipv6 ? "2001:db8:d::99" : "203.0.113.199"); // no route to it
    }
    Ip chosen = address;
    if (listener.backends.stream().anyMatch(b -> b.address.equals(chosen))) {
      return;
    }
    long tag = random.nextLong() >>> 8;
    Backend backend = new Backend(listener, address, port, backendHandles.take(), tag);
    reach(backend, reach);
    listener.backends.add(backend);
    hostedOf(listener);
  }

  private Ip endpoint(boolean ipv6) {
    int number = FIRST_ENDPOINT + random.nextInt(6); // few: VIPs share them
    return Ip.parse((ipv6 ? "2001:db8:e::" : "203.0.113.") + number);
  }

  private void reach(Backend backend, Reach reach) {
    boolean ipv6 = !backend.address.isIpv4();
    backend.nat = reach == Reach.NAT || reach == Reach.NAT_BY_NODE || reach == Reach.NAT_HERE;
    backend.listener.translated |= backend.nat;
    backend.hosted = reach.here();
    backend.agent =
        switch (reach) {
          case NAT_BY_NODE, NAT_HERE, POD, POD_HERE -> true;
          default -> false;
        };
    backend.encapsulation =
        switch (reach) {
          case NAT, L2_SERVER, L2_SERVER_HERE -> Encapsulation.NONE;
          case IPIP_SERVER, IPIP_SERVER_HERE -> Encapsulation.IPIP;
          default -> Encapsulation.GUE;
        };
    backend.outerDestination = null;
    if (backend.encapsulation != Encapsulation.NONE) {
      backend.outerDestination =
          backend.hosted ? pick(ReferenceLab.OWN) : backend.agent ? pick(nodes) : server();
      boolean outer6 = !backend.outerDestination.isIpv4();
      backend.outerSource = ReferenceLab.OWN.get((outer6 ? 2 : 0) + random.nextInt(2));
    }
    backend.natAddress =
        backend.nat || backend.agent || backend.natAddress != null
            ? ReferenceLab.OWN.get((ipv6 ? 2 : 0) + random.nextInt(2))
            : null;
    backend.mtu = backend.hosted ? 0 : pick(MTUS);
  }

  private Ip server() {
    return ReferenceLab.host(random.nextInt(2), 34 + random.nextInt(6), random.nextBoolean());
  }

  /** As the agent has it: the first one here that gets what carries no tag. */
  private static void hostedOf(Listener listener) {
    listener.hosted =
        listener.backends.stream()
            .filter(b -> b.hosted && b.encapsulation != Encapsulation.GUE)
            .findFirst()
            .orElse(null);
  }

  // ---- changes

  /** Changes something; answers what. */
  String change() {
    Listener listener = pick(listeners());
    return switch (random.nextInt(14)) {
      case 0, 1, 2, 3 -> move(listener);
      case 4 -> settle(listener);
      case 5 -> fail(listener);
      case 6 -> drain(listener);
      case 7 -> {
        addBackend(
            listener,
            pick(List.of(Profile.TRANSLATED, Profile.PODS, Profile.SERVERS, Profile.MIXED)));
        yield "a backend comes to " + listener + ", if there is room; " + move(listener);
      }
      case 8 -> redeliver(listener);
      case 9 -> {
        listener.affinity = chance(30);
        yield "affinity of " + listener;
      }
      case 10 -> {
        listener.reject = chance(60);
        listener.address.reject = chance(60);
        yield "policy of " + listener;
      }
      case 11 -> {
        setSources(listener);
        yield "sources of " + listener;
      }
      default -> replace(listener);
    };
  }

  private List<Backend> takers(Listener listener) {
    return listener.backends.stream().filter(b -> b.takesNewFlows).toList();
  }

  /** Slots get other owners, and remember the former ones. */
  private String move(Listener listener) {
    List<Backend> takers = takers(listener);
    if (takers.isEmpty() && chance(40)) {
      listener.ring = new Slot[0];
      return listener + " has nobody";
    }
    if (takers.isEmpty()) { // all are draining, or have failed
      for (int i = 0; i < listener.ring.length; i++) {
        listener.ring[i] = moved(listener.ring[i], null);
      }
      return listener + " has nobody for new flows";
    }
    if (listener.ring.length == 0) {
      listener.ring = new Slot[pick(RING_SIZES)];
      Arrays.fill(listener.ring, new Slot(takers.get(0), null));
    }
    int share = pick(10, 50, 100);
    for (int i = 0; i < listener.ring.length; i++) {
      Slot slot = listener.ring[i];
      boolean must =
          slot.current() == null || !slot.current().takesNewFlows || !slot.current().alive;
      if (must || chance(share)) {
        listener.ring[i] = moved(slot, pick(takers));
      }
    }
    return "slots of %s move to %s".formatted(listener, takers);
  }

  private static Slot moved(Slot slot, Backend to) {
    if (slot.current() == to) {
      return slot;
    }
    List<Backend> owners = new ArrayList<>();
    if (slot.current() != null && slot.current().alive) { // who has failed is no former owner
      owners.add(slot.current());
    }
    if (slot.history() != null) {
      slot.history().owners().stream()
          .filter(o -> o != to && !owners.contains(o))
          .forEach(owners::add);
    }
    int most = Math.min(owners.size(), History.MOST);
    return new Slot(
        to, owners.isEmpty() ? null : new History(List.copyOf(owners.subList(0, most)), false));
  }

  /** Time goes by: slots moved long ago, and some have no history any more. */
  private String settle(Listener listener) {
    boolean forget = chance(30);
    for (int i = 0; i < listener.ring.length; i++) {
      Slot slot = listener.ring[i];
      if (slot.history() != null) {
        History settled = new History(slot.history().owners(), true);
        listener.ring[i] = new Slot(slot.current(), forget ? null : settled);
      }
    }
    return (forget ? "forgotten histories of " : "settled slots of ") + listener;
  }

  private String fail(Listener listener) {
    if (listener.backends.isEmpty()) {
      return "nothing";
    }
    Backend backend = pick(listener.backends);
    boolean ringFollows = chance(70);
    remove(backend);
    return "%s has failed; %s"
        .formatted(backend, ringFollows ? move(listener) : "the ring is late");
  }

  private void remove(Backend backend) {
    backend.alive = false;
    backend.listener.backends.remove(backend);
    hostedOf(backend.listener);
    backendHandles.give(backend.handle);
    removed.accept(backend);
  }

  private String drain(Listener listener) {
    if (listener.backends.isEmpty()) {
      return "nothing";
    }
    Backend backend = pick(listener.backends);
    backend.takesNewFlows = !backend.takesNewFlows;
    return "%s, %s".formatted(backend, move(listener));
  }

  /** A backend is reached in another way from now on, with the same entry. */
  private String redeliver(Listener listener) {
    List<Backend> remote = listener.backends.stream().filter(b -> !b.hosted).toList();
    if (remote.isEmpty()) {
      return "nothing";
    }
    Backend backend = pick(remote);
    reach(
        backend,
        pick(
            List.of(
                Reach.NAT,
                Reach.NAT_BY_NODE,
                Reach.POD,
                Reach.GUE_SERVER,
                Reach.IPIP_SERVER,
                Reach.L2_SERVER)));
    hostedOf(listener);
    return "another way to " + backend;
  }

  /** A listener goes, and another one may get its places. */
  private String replace(Listener listener) {
    Address address = listener.address;
    listener.alive = false;
    for (Backend backend : List.copyOf(listener.backends)) {
      remove(backend);
    }
    address.listeners.remove(listener);
    vipHandles.give(listener.handle);
    Address other = pick(List.copyOf(table.addresses.values()));
    addListener(other);
    while (address.listeners.isEmpty()) {
      addListener(address);
    }
    return listener + " goes, and others come";
  }
}
