// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Delivery;
import io.xdplb.core.model.Encapsulation;
import io.xdplb.core.model.Ip;
import java.util.Optional;

/**
 * How packets get from this machine to a backend. Depends on the machine's addresses and routes,
 * and changes with them.
 *
 * @param nat this machine's address towards the backend where a packet is translated; the
 *     unspecified address where none is
 * @param outerSource this machine's address towards the end of the tunnel; empty without one
 * @param mtu the largest packet, before encapsulation, that can go there; 0 if not known
 * @param hosted the backend is on this machine: its packets go no way at all
 */
record Way(Ip nat, Optional<Ip> outerSource, int mtu, boolean hosted) {
  private static final int MOST = 0xffff;

  static Way of(BackendKey backend, Delivery delivery, Network network) {
    Ip target = target(backend, delivery);
    boolean hosted = isHosted(backend, delivery, network);
    int mtu = hosted ? 0 : network.mtuTowards(target);
    int overhead = OuterHeader.bytes(delivery.encapsulation(), target.isIpv4());
    return new Way(
        nat(backend, delivery, network),
        Optional.ofNullable(delivery.node()).map(network::sourceTowards),
        Math.min(Math.max(0, mtu - overhead), MOST),
        hosted);
  }

  /** Where the packets leave for: the end of the tunnel, else the backend itself. */
  static Ip target(BackendKey backend, Delivery delivery) {
    return delivery.node() == null ? backend.address() : delivery.node();
  }

  /** Whether it is on this machine. A packet that is only translated cannot be delivered here. */
  static boolean isHosted(BackendKey backend, Delivery delivery, Network network) {
    boolean onlyTranslated = delivery.nat() && delivery.encapsulation() == Encapsulation.NONE;
    return !onlyTranslated && network.isOwn(target(backend, delivery));
  }

  /** Whether packets to it are ever translated here: also DSR's are if a node is the client. */
  static boolean translates(Delivery delivery) {
    return delivery.nat() || delivery.agent();
  }

  /**
   * Through a tunnel the answer comes back by way of the node at its end, and must come in where
   * the program is: not by the overlay that may be the route to the backend itself.
   */
  private static Ip nat(BackendKey backend, Delivery delivery, Network network) {
    boolean ipv4 = backend.address().isIpv4();
    if (!translates(delivery)) {
      return new Ip(0, 0, ipv4);
    }
    boolean byNode = delivery.node() != null && delivery.node().isIpv4() == ipv4;
    return network.sourceTowards(byNode ? delivery.node() : backend.address());
  }
}
