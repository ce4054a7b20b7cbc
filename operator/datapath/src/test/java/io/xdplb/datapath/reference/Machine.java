// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath.reference;

import io.xdplb.core.model.Ip;
import io.xdplb.datapath.DropReason;
import io.xdplb.datapath.reference.IpPacket.Ports;
import io.xdplb.datapath.reference.Table.Listener;
import java.util.EnumSet;
import java.util.Set;

/**
 * What all parts of the model know: the table, the flows, the routes; and what they judge alike.
 */
record Machine(Table table, FlowTable flows, Routes routes) {

  /** Row 9: a source that no client on a network can have. */
  static boolean isBadSource(IpPacket packet) {
    Ip source = packet.source();
    if (source.equals(packet.destination())) {
      return true;
    }
    if (source.isIpv4()) {
      int first = (int) (source.low() >>> 24);
      return first == 0 || first == 127 || first >= 224; // this network, loopback, class D and E
    }
    return source.high() >>> 56 == 0xff
        || source.high() == 0 && source.low() <= 1 && source.low() >= 0;
  }

  /** Row 10: NULL, XMAS, SYN with FIN or RST. */
  static boolean hasBadFlags(IpPacket packet) {
    if (!packet.tcp()) {
      return false;
    }
    int flags = packet.ports().flags();
    boolean syn = packet.has(IpPacket.SYN);
    boolean fin = packet.has(IpPacket.FIN);
    boolean rst = packet.has(IpPacket.RST);
    boolean ack = packet.has(IpPacket.ACK);
    boolean pushUrgent = (flags & 0x28) == 0x28;
    return !syn && !fin && !rst && !ack || syn && (fin || rst) || fin && pushUrgent && !ack;
  }

  /** Why a whole packet may not go to a listener, whoever its backend is. */
  static Set<DropReason> objections(IpPacket packet, Listener listener) {
    Set<DropReason> reasons = unfit(packet);
    if (!listener.allows(packet.source())) {
      reasons.add(DropReason.SOURCE_NOT_ALLOWED);
    }
    return reasons;
  }

  /** What is wrong with a packet for anybody. */
  static Set<DropReason> unfit(IpPacket packet) {
    Set<DropReason> reasons = EnumSet.noneOf(DropReason.class);
    if (packet.ttl() <= 1) {
      reasons.add(DropReason.TTL_EXCEEDED);
    }
    if (isBadSource(packet)) {
      reasons.add(DropReason.BAD_SOURCE);
    }
    if (hasBadFlags(packet)) {
      reasons.add(DropReason.BAD_TCP_FLAGS);
    }
    return reasons;
  }

  /** The entropy of a packet in a tunnel. */
  static int entropy(IpPacket packet) {
    Ports ports = packet.ports();
    int source = ports == null ? 0 : ports.source();
    int destination = ports == null ? 0 : ports.destination();
    return (int)
        (Hashes.flow(packet.source(), source, packet.destination(), destination, packet.protocol())
            >>> 32);
  }
}
