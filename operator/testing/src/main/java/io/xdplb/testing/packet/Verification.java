// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.packet;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/** Looks for what is wrong with the lengths and checksums of a packet. */
final class Verification {
  private final Packet packet;
  private final IpHeader ip;
  private final byte[] bytes;
  private final Packet.Place place;
  private final List<String> problems = new ArrayList<>();

  Verification(Packet packet, IpHeader ip, Packet.Place place) {
    this.packet = packet;
    this.ip = ip;
    this.bytes = ip.bytes();
    this.place = place;
  }

  List<String> problems() {
    boolean whole = ip.end() <= bytes.length;
    if (ip.end() < ip.layer4() || !whole && place != Packet.Place.QUOTE) {
      problems.add("the IP length ends at " + ip.end() + " of " + bytes.length + " bytes");
      return problems;
    }
    if (place == Packet.Place.INNER && ip.end() < bytes.length) {
      problems.add((bytes.length - ip.end()) + " bytes behind the packet");
    }
    headerChecksum();
    if (whole && !ip.isPart()) {
      layer4();
    }
    if (packet.hasQuote()) {
      within("quoted", packet::quoted);
    }
    if (packet.hasInner()) {
      within("inner", packet::inner);
    }
    return problems;
  }

  private void headerChecksum() {
    if (ip.ipv6()) {
      return;
    }
    if (ip.layer4() < ip.start() + 20) {
      problems.add("IPv4 header length");
    } else if (new InternetChecksum().add(bytes, ip.start(), ip.layer4()).value() != 0) {
      problems.add("IPv4 header checksum");
    }
  }

  private void layer4() {
    int length = ip.end() - ip.layer4();
    switch (ip.protocol()) {
      case Frame.TCP -> {
        int header = length < 20 ? 0 : (bytes[ip.layer4() + 12] >> 4 & 0xf) * 4;
        if (header < 20 || header > length) {
          problems.add("TCP header length " + header + " of " + length);
        }
        checksum(length, ip.pseudoHeader(length));
      }
      case Frame.UDP -> udp(length);
      case Frame.ICMP -> checksum(length, new InternetChecksum());
      case Frame.ICMPV6 -> checksum(length, ip.pseudoHeader(length));
      default -> {} // others have no checksum, or one that is not ours to know
    }
  }

  private void udp(int available) {
    int length = available < 8 ? 0 : ByteBuffer.wrap(bytes).getShort(ip.layer4() + 4) & 0xffff;
    if (length < 8 || length > available) {
      problems.add("UDP length " + length + " of " + available);
      return;
    }
    boolean none = packet.checksum() == 0;
    if (none && ip.ipv6()) {
      problems.add("UDP checksum 0 over IPv6");
    }
    if (!none) {
      checksum(length, ip.pseudoHeader(length));
    }
  }

  private void checksum(int length, InternetChecksum begun) {
    if (begun.add(bytes, ip.layer4(), ip.layer4() + length).value() != 0) {
      problems.add("layer 4 checksum");
    }
  }

  private void within(String what, Supplier<Packet> reading) {
    try {
      reading.get().problems().forEach(problem -> problems.add(what + ": " + problem));
    } catch (IllegalArgumentException e) {
      problems.add(what + ": " + e.getMessage());
    }
  }
}
