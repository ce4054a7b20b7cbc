// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Delivery;
import io.xdplb.core.model.Encapsulation;
import io.xdplb.core.model.Ip;
import io.xdplb.libbpf.BpfMap;
import io.xdplb.libbpf.Interfaces;
import io.xdplb.libbpf.KernelException;
import io.xdplb.netlink.Addresses;
import io.xdplb.netlink.Addresses.Address;
import io.xdplb.netlink.Links;
import io.xdplb.netlink.Links.Link;
import io.xdplb.netlink.Neighbours;
import io.xdplb.netlink.Route;
import io.xdplb.netlink.Routes;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The kernel's routes, neighbours and interfaces, as far as packets to backends need them. */
final class Network {
  private static final Logger log = LoggerFactory.getLogger(Network.class);
  private static final int MAC_BYTES = 6;
  private static final String LOOPBACK = "lo";

  private record NextHop(int ifindex, Ip address) {}

  private final BpfMap interfaces;
  private final Map<Ip, Route> routes = new HashMap<>();
  private final Set<NextHop> nextHops = new HashSet<>();
  private Map<Integer, Link> links = Map.of();
  private List<Address> addresses = List.of();
  private Set<Ip> own = Set.of();

  Network(BpfMap interfaces) {
    this.interfaces = interfaces;
  }

  /** Forgets what was looked up, and tells the datapath the interfaces' MAC addresses. */
  void refresh() {
    routes.clear();
    nextHops.clear();
    links = Links.list().stream().collect(Collectors.toMap(Link::ifindex, Function.identity()));
    addresses = Addresses.global();
    own = addresses.stream().map(Address::address).collect(Collectors.toUnmodifiableSet());
    for (Link link : links.values()) {
      if (link.mac().length == MAC_BYTES) {
        byte[] value = new byte[Layouts.Mac.LAYOUT.size()];
        System.arraycopy(link.mac(), 0, value, Layouts.Mac.ADDRESS, MAC_BYTES);
        interfaces.put(BackendTable.key(link.ifindex()), value);
      }
    }
  }

  /** This machine's addresses that others can reach. */
  Set<Ip> own() {
    return own;
  }

  /**
   * Those that tunnels can lead to: of the interfaces that the program is on, in the kernel's
   * order, then of the loopback interface.
   */
  List<Ip> tunnelEnds(Set<String> attached) {
    return Stream.concat(
            addresses.stream().filter(address -> attached.contains(name(address))),
            addresses.stream().filter(address -> name(address).equals(LOOPBACK)))
        .map(Address::address)
        .distinct()
        .toList();
  }

  private String name(Address address) {
    Link link = links.get(address.ifindex());
    return link == null ? "" : link.name();
  }

  boolean isOwn(Ip address) {
    return own.contains(address);
  }

  /**
   * This node's address towards another, as the kernel chooses it for its own connections; the
   * unspecified address if there is none.
   */
  Ip sourceTowards(Ip address) {
    return route(address).source().orElseGet(() -> new Ip(0, 0, address.isIpv4()));
  }

  /** The largest packet that can be sent to an address; 0 if not known. */
  int mtuTowards(Ip address) {
    Route route = route(address);
    Link link = links.get(route.ifindex());
    int most = link == null ? 0 : link.mtu();
    return route.mtu() == 0 || most == 0
        ? Math.max(most, route.mtu())
        : Math.min(most, route.mtu());
  }

  /**
   * The largest packet of a client that reaches this machine through a tunnel, whichever family the
   * tunnel has; 0 if none can come in.
   *
   * @param attached the interfaces that the program is on
   */
  int tunnelMtu(Set<String> attached) {
    return addresses.stream()
        .filter(address -> attached.contains(name(address)))
        .mapToInt(
            address ->
                links.get(address.ifindex()).mtu()
                    - OuterHeader.bytes(Encapsulation.GUE, address.address().isIpv4()))
        .min()
        .orElse(0);
  }

  private Route route(Ip address) {
    return routes.computeIfAbsent(address, this::lookUp);
  }

  /**
   * Looks up a route, and has the MAC address of a new next hop resolved before packets need it.
   */
  private Route lookUp(Ip address) {
    Route route = Routes.lookup(address);
    if (route.type() == Route.Type.UNICAST) {
      NextHop hop = new NextHop(route.ifindex(), route.gateway().orElse(address));
      if (nextHops.add(hop)) {
        resolve(hop);
      }
    }
    return route;
  }

  /** Has the kernel resolve or confirm the MAC addresses of the next hops. */
  void refreshNeighbours() {
    nextHops.forEach(Network::resolve);
  }

  private static void resolve(NextHop hop) {
    try {
      Neighbours.resolve(hop.ifindex(), hop.address());
    } catch (KernelException e) {
      log.debug("next hop", e); // the interface has just gone or is down; its event comes
    }
  }

  /**
   * Why packets cannot reach a backend from here; empty if they can.
   *
   * @param attached the interfaces that the program is on: answers to what is translated must come
   *     in by one of them
   */
  Optional<String> obstacle(BackendKey backend, Delivery delivery, Set<String> attached) {
    Ip target = Way.target(backend, delivery);
    if (!delivery.nat() && isOwn(target)) {
      return Optional.empty(); // its packets need no way
    }
    Route route = route(target);
    return switch (route.type()) {
      case UNICAST -> onTheWay(target, delivery, route, attached);
      case LOCAL ->
          Optional.of(
              target + " is an address of this node itself, which NAT cannot reach from here");
      default ->
          Optional.of(
              "this node has no usable route to "
                  + target
                  + " ("
                  + route.type().name().toLowerCase(Locale.ROOT)
                  + "); see `ip route get "
                  + target
                  + "`");
    };
  }

  private static Optional<String> onTheWay(
      Ip target, Delivery delivery, Route route, Set<String> attached) {
    String name = Interfaces.name(route.ifindex()).orElse("ifindex " + route.ifindex());
    if (delivery.nat() && !attached.contains(name)) {
      return Optional.of(
          ("%s is reached through %s, where xdplb is not attached: answers would not be translated"
                  + " back; add --interface %s")
              .formatted(target, name, name));
    }
    boolean byMac = !delivery.nat() && delivery.encapsulation() == Encapsulation.NONE;
    if (byMac && route.gateway().isPresent()) {
      return Optional.of(
          ("%s is reached through the gateway %s: L2 needs the server on a link of this node; choose"
                  + " IPIP or GUE for it")
              .formatted(target, route.gateway().get()));
    }
    return Optional.empty();
  }
}
