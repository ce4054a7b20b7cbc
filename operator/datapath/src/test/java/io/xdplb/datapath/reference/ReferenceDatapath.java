// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath.reference;

import io.xdplb.datapath.DropReason;
import io.xdplb.datapath.reference.Table.Address;
import io.xdplb.datapath.reference.Table.Backend;
import io.xdplb.datapath.reference.Table.Listener;
import java.util.Arrays;

/** What is to become of a frame that comes in: the rows of the contract, in the model's words. */
final class ReferenceDatapath {
  private static final int ECHO_REQUEST = 8;
  private static final int ECHO_REQUEST_V6 = 128;
  private static final int FIRST_OF_NEIGHBOUR_DISCOVERY = 133;
  private static final int LAST_OF_NEIGHBOUR_DISCOVERY = 137;
  private static final int ICMP_HEADER = 8;
  private static final int CONGESTION = 3;

  private final Machine machine;
  private final Announcing announcing;
  private final Answers answers;
  private final Translation translation;
  private final Delivery delivery;
  private final Balancing balancing;

  ReferenceDatapath(Machine machine, Announcing announcing) {
    this.machine = machine;
    this.announcing = announcing;
    answers = new Answers(machine);
    Forwarding forwarding = new Forwarding(machine, answers);
    translation = new Translation(machine, forwarding, answers);
    delivery = new Delivery(machine, forwarding, answers);
    balancing = new Balancing(machine, translation, forwarding, delivery, answers);
  }

  Translation translation() {
    return translation;
  }

  /**
   * A frame that has no IP packet, or one that is for many, is nobody's to judge, unless it asks
   * for an address.
   *
   * @return null for such a frame: it passes as it is
   */
  Outcome receive(Arrival arrival) {
    IpPacket packet = arrival.packet();
    if (packet == null) {
      return null;
    }
    if (arrival.frame().toGroup()) {
      return announcing.solicitation(arrival);
    }
    Address address = machine.table().addresses.get(packet.destination());
    if (address != null) {
      Outcome outcome = toVip(arrival, address, false);
      if (outcome != null) {
        return outcome;
      }
    }
    Outcome outcome = translation.answer(arrival);
    if (outcome == null && packet.faults().isEmpty()) {
      outcome = address == null ? announcing.solicitation(arrival) : null;
      if (outcome == null) {
        outcome = translation.errorOnTheWay(arrival, IcmpError.read(packet));
      }
      if (outcome == null && machine.table().isTunnelEnd(packet.destination())) {
        outcome = announcing.hello(arrival);
        outcome = outcome == null ? decapsulate(arrival) : outcome;
      }
    }
    if (outcome != null) {
      return outcome;
    }
    return Outcome.pass(arrival.frame());
  }

  /** Null: nobody's but this machine's own, as any packet to its address. */
  private Outcome toVip(Arrival arrival, Address address, boolean balanced) {
    IpPacket packet = arrival.packet();
    Listener listener =
        packet.ports() == null
            ? null
            : address.listener(packet.protocol(), packet.ports().destination());
    if (!packet.faults().isEmpty()) {
      return address.own ? null : Outcome.drop(packet.faults());
    }
    if (listener != null) {
      return balancing.balance(arrival, listener, balanced);
    }
    if (packet.isIcmp() && packet.extensions() == 0) {
      return balanced ? balancedError(arrival, address) : icmp(arrival, address);
    }
    if (address.own) {
      return null;
    }
    if (packet.ports() != null) {
      return answers.refuse(arrival, DropReason.NO_LISTENER, true, address.reject);
    }
    return Outcome.drop(DropReason.NO_LISTENER, DropReason.ICMP, DropReason.EXTENSION_HEADERS);
  }

  private Outcome icmp(Arrival arrival, Address address) {
    IpPacket packet = arrival.packet();
    if (packet.length() < packet.layer4() + ICMP_HEADER) {
      return address.own ? null : Outcome.drop(DropReason.MALFORMED, DropReason.ICMP);
    }
    int type = packet.bytes()[packet.layer4()] & 0xff;
    int code = packet.bytes()[packet.layer4() + 1];
    if (type == (packet.ipv6() ? ECHO_REQUEST_V6 : ECHO_REQUEST) && code == 0) {
      if (address.own) {
        return null;
      }
      return Machine.isBadSource(packet)
          ? Outcome.drop(DropReason.BAD_SOURCE)
          : answers.echo(arrival);
    }
    if (packet.ipv6()
        && type >= FIRST_OF_NEIGHBOUR_DISCOVERY
        && type <= LAST_OF_NEIGHBOUR_DISCOVERY) {
      Outcome outcome = announcing.solicitation(arrival);
      return outcome == null ? Outcome.pass(arrival.frame()) : outcome;
    }
    IcmpError error = IcmpError.read(packet);
    Listener listener = about(error, address);
    if (listener == null) {
      return address.own ? null : Outcome.drop(DropReason.ICMP);
    }
    return packet.ttl() <= 1
        ? Outcome.drop(DropReason.TTL_EXCEEDED)
        : balancing.errorToBackend(arrival, error, listener);
  }

  /** The listener that an error is about, which the VIP's own packet is said to have caused. */
  private static Listener about(IcmpError error, Address address) {
    return error != null && error.source().equals(address.ip)
        ? address.listener(error.protocol(), error.sourcePort())
        : null;
  }

  /** An edge passes on errors and no other messages, and only to whom it passes on the flow. */
  private Outcome balancedError(Arrival arrival, Address address) {
    IcmpError error = IcmpError.read(arrival.packet());
    Listener listener = about(error, address);
    if (listener == null || listener.hosted == null) {
      return Outcome.drop(
          DropReason.ICMP,
          DropReason.NOT_HOSTED,
          DropReason.NO_LISTENER,
          DropReason.MALFORMED,
          DropReason.TTL_EXCEEDED);
    }
    return arrival.packet().ttl() <= 1
        ? Outcome.drop(DropReason.TTL_EXCEEDED)
        : balancing.errorToBackend(arrival, error, listener);
  }

  /** Rows 3, 25, 48, 49, 61. Null if it is not ours to open. */
  private Outcome decapsulate(Arrival arrival) {
    IpPacket outer = arrival.packet();
    if (outer.extensions() > 0 || !outer.ipv6() && outer.layer4() != IpPacket.IPV4_HEADER) {
      return null;
    }
    boolean gue =
        outer.udp() && outer.ports() != null && outer.ports().destination() == Table.TUNNEL_PORT;
    byte[] bytes = outer.bytes();
    int at = outer.layer4();
    int inner = outer.protocol();
    int control = 0;
    long tag = 0;
    Backend endpoint = null;
    if (gue) {
      at += IpPacket.UDP_HEADER + Tunnels.GUE_HEADER;
      if (at > outer.layer4End()
          || bytes[at - 12] != Tunnels.GUE_FIRST_BYTE
          || IpPacket.word(bytes, at - 10) != 0) {
        return null;
      }
      inner = bytes[at - 11];
      control = bytes[at - 8] & 0xff;
      tag = tag(bytes, at - 7);
      endpoint = machine.table().endpoint(tag);
    }
    if (inner != IpPacket.IPIP && inner != IpPacket.IPV6) {
      return null;
    }
    boolean ipv6 = inner == IpPacket.IPV6;
    byte[] within = Arrays.copyOfRange(bytes, Math.min(at, bytes.length), bytes.length);
    IpPacket packet = IpPacket.read(within, ipv6);
    Address vip = packet == null ? null : machine.table().addresses.get(packet.destination());
    boolean peer = machine.table().peers.contains(outer.source());
    if (!gue && (!peer || vip == null)) {
      return null; // there may be tunnels on this machine that are none of ours
    }
    if (!peer) {
      return Outcome.drop(DropReason.UNKNOWN_PEER);
    }
    boolean version = packet != null && (within[0] & 0xf0) == (ipv6 ? 0x60 : 0x40);
    if (!version || packet.length() > outer.layer4End() - at) {
      return Outcome.drop(DropReason.MALFORMED);
    }
    int ecn = ecn(outer.tos() & 3, packet.tos() & 3);
    if (ecn < 0) {
      return Outcome.drop(DropReason.CONGESTION_MARK);
    }
    byte[] out = marked(packet, ecn);
    Arrival opened = arrival.with(arrival.frame().with(ipv6, out));
    arrival.note("opened: control", control, "for", endpoint == null ? vip : endpoint);
    if (endpoint != null) {
      return delivery.deliver(opened, endpoint, control);
    }
    if (!gue) {
      Outcome outcome = toVip(opened, vip, true);
      return outcome == null ? Outcome.pass(opened.frame()) : outcome;
    }
    return vip == null
        ? Outcome.drop(DropReason.NOT_HOSTED)
        : delivery.stray(opened, vip, Backend.order(tag), control);
  }

  private static long tag(byte[] bytes, int at) {
    long tag = 0;
    for (int i = 0; i < 7; i++) {
      tag = tag << 8 | bytes[at + i] & 0xff;
    }
    return tag;
  }

  /** RFC 6040, section 4.2: what the inner packet leaves with; below 0: it is dropped. */
  private static int ecn(int outer, int inner) {
    if (outer == CONGESTION) {
      return inner == 0 ? -1 : CONGESTION;
    }
    return outer == 1 && inner == 2 ? 1 : inner;
  }

  /** The packet with another mark. Whether it is well-formed beyond its version is judged later. */
  private static byte[] marked(IpPacket packet, int ecn) {
    byte[] bytes = packet.bytes().clone();
    int before = packet.tos();
    int tos = before & 0xfc | ecn;
    if (packet.ipv6()) {
      bytes[0] = (byte) (0x60 | tos >> 4);
      bytes[1] = (byte) (bytes[1] & 0xf | tos << 4);
    } else {
      bytes[1] = (byte) tos;
      int sum = Sums.of(packet.bytes(), 0, IpPacket.IPV4_HEADER);
      bytes[10] = 0;
      bytes[11] = 0;
      int rest = Sums.of(bytes, 0, IpPacket.IPV4_HEADER);
      int checksum = Sums.checksum(sum, rest);
      bytes[10] = (byte) (checksum >> 8);
      bytes[11] = (byte) checksum;
    }
    return bytes;
  }
}
