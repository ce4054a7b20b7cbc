// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath.reference;

import io.xdplb.datapath.DropReason;
import io.xdplb.datapath.reference.Routes.Hop;
import io.xdplb.datapath.reference.Routes.Nowhere;
import io.xdplb.datapath.reference.Routes.Way;
import io.xdplb.datapath.reference.Table.Backend;
import io.xdplb.datapath.reference.Table.Encapsulation;

/** To a backend on another machine, the packet itself unchanged: GUE, IPIP, L2. */
final class Forwarding {
  private final Machine machine;
  private final Answers answers;

  Forwarding(Machine machine, Answers answers) {
    this.machine = machine;
    this.answers = answers;
  }

  /** Rows 20 and 21; null if the packet fits. */
  Outcome tooBig(Arrival arrival, Backend backend) {
    if (backend.mtu == 0 || arrival.packet().length() <= backend.mtu) {
      return null;
    }
    arrival.note("too big for", backend.mtu);
    return answers.tooBig(arrival, backend);
  }

  /** Where frames for the backend, or for the other end of its tunnel, go. */
  Way way(Backend backend) {
    return machine
        .routes()
        .to(
            backend.encapsulation == Encapsulation.NONE
                ? backend.address
                : backend.outerDestination);
  }

  /** Why there is no way to a backend. */
  static DropReason reason(Way way) {
    return way instanceof Nowhere nowhere ? nowhere.reason() : DropReason.NO_ROUTE;
  }

  Outcome forward(Arrival arrival, Backend backend, int control) {
    arrival.note("to", backend, "control", control);
    IpPacket packet = arrival.packet();
    Outcome tooBig = tooBig(arrival, backend);
    if (tooBig != null) {
      return tooBig;
    }
    if (!(way(backend) instanceof Hop hop)) {
      return Outcome.drop(reason(way(backend)));
    }
    backend.counters.toBackend(packet.length());
    return backend.encapsulation == Encapsulation.NONE
        ? plain(arrival, hop)
        : send(
            arrival,
            hop,
            !backend.outerDestination.isIpv4(),
            Tunnels.encapsulate(packet, backend, control));
  }

  /** The packet as it is, between other MAC addresses. */
  Outcome plain(Arrival arrival, Hop hop) {
    return send(arrival, hop, arrival.packet().ipv6(), arrival.packet().bytes());
  }

  private static Outcome send(Arrival arrival, Hop hop, boolean ipv6, byte[] packet) {
    return Outcome.send(
        Plain.between(hop.destinationMac(), hop.sourceMac(), ipv6, packet),
        hop.ifindex(),
        arrival.ifindex());
  }
}
