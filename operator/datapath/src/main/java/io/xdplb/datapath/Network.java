// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.model.Ip;
import io.xdplb.libbpf.BpfMap;
import io.xdplb.libbpf.Interfaces;
import io.xdplb.libbpf.KernelException;
import io.xdplb.netlink.Neighbours;
import io.xdplb.netlink.Route;
import io.xdplb.netlink.Routes;
import java.io.UncheckedIOException;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The kernel's routes, neighbours and interfaces, as far as packets to backends need them. */
final class Network {
  private static final Logger log = LoggerFactory.getLogger(Network.class);

  private record NextHop(int ifindex, Ip address) {}

  private final BpfMap interfaces;
  private final Map<Ip, Route> routes = new HashMap<>();
  private final Set<NextHop> nextHops = new HashSet<>();

  Network(BpfMap interfaces) {
    this.interfaces = interfaces;
  }

  /** Forgets what was looked up, and tells the datapath the interfaces' MAC addresses. */
  void refresh() {
    routes.clear();
    nextHops.clear();
    try {
      for (NetworkInterface link : Collections.list(NetworkInterface.getNetworkInterfaces())) {
        byte[] mac = link.getHardwareAddress();
        if (mac != null && mac.length == 6) {
          byte[] value = new byte[Layouts.Mac.LAYOUT.size()];
          System.arraycopy(mac, 0, value, Layouts.Mac.ADDRESS, mac.length);
          interfaces.put(BackendTable.key(link.getIndex()), value);
        }
      }
    } catch (SocketException e) {
      throw new UncheckedIOException("cannot list the network interfaces", e);
    }
  }

  /**
   * This node's address towards a backend, as the kernel chooses it for its own connections; the
   * unspecified address if there is none.
   */
  Ip sourceTowards(Ip backend) {
    return route(backend).source().orElseGet(() -> new Ip(0, 0, backend.isIpv4()));
  }

  private Route route(Ip backend) {
    return routes.computeIfAbsent(backend, this::lookUp);
  }

  /**
   * Looks up a route, and has the MAC address of a new next hop resolved before packets need it.
   */
  private Route lookUp(Ip backend) {
    Route route = Routes.lookup(backend);
    if (route.type() == Route.Type.UNICAST) {
      NextHop hop = new NextHop(route.ifindex(), route.gateway().orElse(backend));
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
   * Why packets cannot reach a backend by NAT from here; empty if they can.
   *
   * @param attached the interfaces that the program is on: answers must come in by one of them
   */
  Optional<String> obstacle(Ip backend, Set<String> attached) {
    Route route = route(backend);
    return switch (route.type()) {
      case UNICAST -> {
        String name = Interfaces.name(route.ifindex()).orElse("ifindex " + route.ifindex());
        yield attached.contains(name)
            ? Optional.empty()
            : Optional.of(
                ("%s is reached through %s, where xdplb is not attached: answers would not be"
                        + " translated back; add --interface %s")
                    .formatted(backend, name, name));
      }
      case LOCAL ->
          Optional.of(
              backend + " is an address of this node itself, which NAT cannot reach from here");
      default ->
          Optional.of(
              "this node has no usable route to "
                  + backend
                  + " ("
                  + route.type().name().toLowerCase(java.util.Locale.ROOT)
                  + "); see `ip route get "
                  + backend
                  + "`");
    };
  }
}
