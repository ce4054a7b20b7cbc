// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath.reference;

import io.xdplb.core.model.Ip;
import java.util.Arrays;

/**
 * An ICMP error that quotes a TCP segment or a UDP datagram as far as its ports (RFC 792, RFC
 * 4443): rows 14 to 17, and 19.
 *
 * @param packet the error itself
 * @param quoted where the quoted IP header begins
 * @param quotedLayer4 where the quoted ports are
 * @param protocol of the quoted packet
 * @param source of the quoted packet
 */
record IcmpError(
    IpPacket packet,
    int quoted,
    int quotedLayer4,
    int protocol,
    Ip source,
    int sourcePort,
    Ip destination,
    int destinationPort) {
  private static final int HEADER = 8;
  private static final int QUOTED_LAYER4 = 8;
  private static final int FRAGMENT_HEADER = 44;
  private static final int MOST_EXTENSIONS = 6;

  /** The other ends of a quoted packet and of the error about it; null: as it is. */
  record Ends(
      Ip quotedSource,
      int quotedSourcePort,
      Ip quotedDestination,
      int quotedDestinationPort,
      Ip source,
      Ip destination) {}

  static boolean isError(boolean ipv6, int type) {
    return ipv6 ? type >= 1 && type <= 4 : type == 3 || type == 4 || type == 11 || type == 12;
  }

  /**
   * Null for what is none, is not whole, goes to another than whom it quotes, or quotes no flow: a
   * later fragment, another protocol.
   */
  static IcmpError read(IpPacket packet) {
    if (!packet.isIcmp() || !packet.faults().isEmpty() || packet.extensions() > 0) {
      return null;
    }
    byte[] bytes = packet.bytes();
    int end = packet.length();
    int quoted = packet.layer4() + HEADER;
    int header = packet.ipv6() ? IpPacket.IPV6_HEADER : IpPacket.IPV4_HEADER;
    if (quoted + header > end || !isError(packet.ipv6(), bytes[packet.layer4()] & 0xff)) {
      return null;
    }
    if (bytes[quoted] >> 4 != (packet.ipv6() ? 6 : 4)) {
      return null;
    }
    return packet.ipv6() ? readIpv6(packet, quoted, end) : readIpv4(packet, quoted, end);
  }

  private static IcmpError readIpv4(IpPacket packet, int quoted, int end) {
    byte[] bytes = packet.bytes();
    int header = (bytes[quoted] & 0xf) * 4;
    if (header < IpPacket.IPV4_HEADER || (IpPacket.word(bytes, quoted + 6) & 0x1fff) != 0) {
      return null;
    }
    return of(packet, quoted, quoted + header, bytes[quoted + 9] & 0xff, 12, 4, end);
  }

  private static IcmpError readIpv6(IpPacket packet, int quoted, int end) {
    byte[] bytes = packet.bytes();
    int next = bytes[quoted + 6] & 0xff;
    int at = quoted + IpPacket.IPV6_HEADER;
    for (int i = 0; i < MOST_EXTENSIONS; i++) {
      boolean fragment = next == FRAGMENT_HEADER;
      if (!fragment && !IpPacket.isExtension(next)) {
        break;
      }
      if (at + 8 > end || fragment && (IpPacket.word(bytes, at + 2) & 0xfff8) != 0) {
        return null;
      }
      next = bytes[at] & 0xff;
      at += fragment ? 8 : ((bytes[at + 1] & 0xff) + 1) * 8;
    }
    return of(packet, quoted, at, next, 8, 16, end);
  }

  private static IcmpError of(
      IpPacket packet, int quoted, int layer4, int protocol, int addresses, int size, int end) {
    if (layer4 + QUOTED_LAYER4 > end || protocol != IpPacket.TCP && protocol != IpPacket.UDP) {
      return null;
    }
    byte[] bytes = packet.bytes();
    int source = quoted + addresses;
    Ip from = Ip.ofBytes(Arrays.copyOfRange(bytes, source, source + size));
    if (!from.equals(packet.destination())) {
      return null; // whoever is told has not caused it
    }
    return new IcmpError(
        packet,
        quoted,
        layer4,
        protocol,
        from,
        IpPacket.word(bytes, layer4),
        Ip.ofBytes(Arrays.copyOfRange(bytes, source + size, source + 2 * size)),
        IpPacket.word(bytes, layer4 + 2));
  }

  /** The packet between other ends, with one hop less to go or as many, all checksums summed up. */
  byte[] between(Ends ends, int hops) {
    IpPacket translated =
        new IpPacket(
            withQuote(ends),
            packet.ipv6(),
            packet.source(),
            packet.destination(),
            packet.length(),
            packet.tos(),
            packet.ttl(),
            packet.protocol(),
            packet.layer4(),
            0,
            packet.faults(),
            null);
    int wanted = packet.layer4Sum();
    Rewrite outer = new Rewrite(translated).destination(ends.destination());
    outer.ttl(packet.ttl() - hops);
    if (ends.source() != null) {
      outer.source(ends.source());
    }
    return outer.bytes(wanted);
  }

  /** The bytes with another quote; the error's own headers and checksum as they were. */
  private byte[] withQuote(Ends ends) {
    byte[] bytes = packet.bytes().clone();
    int headerSum = packet.ipv6() ? 0 : Sums.of(bytes, quoted, quotedHeaderEnd());
    int sum = quotedSum(bytes, source, destination);
    Ip newDestination = ends.quotedDestination() == null ? destination : ends.quotedDestination();
    int addresses = quoted + (packet.ipv6() ? 8 : 12);
    byte[] first = ends.quotedSource().bytes();
    byte[] second = newDestination.bytes();
    System.arraycopy(first, 0, bytes, addresses, first.length);
    System.arraycopy(second, 0, bytes, addresses + first.length, second.length);
    put(bytes, quotedLayer4, ends.quotedSourcePort());
    put(bytes, quotedLayer4 + 2, ends.quotedDestinationPort());
    if (!packet.ipv6()) {
      put(bytes, quoted + 10, 0);
      int rest = Sums.of(bytes, quoted, quotedHeaderEnd());
      put(bytes, quoted + 10, Sums.checksum(headerSum, rest));
    }
    int at = quotedLayer4 + (protocol == IpPacket.TCP ? 16 : 6);
    if (at + 2 <= packet.length() && (protocol == IpPacket.TCP || IpPacket.word(bytes, at) != 0)) {
      put(bytes, at, 0);
      int rest = quotedSum(bytes, ends.quotedSource(), newDestination);
      put(
          bytes,
          at,
          protocol == IpPacket.TCP ? Sums.checksum(sum, rest) : Sums.udpChecksum(sum, rest));
    }
    return bytes;
  }

  private int quotedHeaderEnd() {
    return quoted + (packet.bytes()[quoted] & 0xf) * 4;
  }

  /** Over as much as is quoted; the rest is the same before and after. */
  private int quotedSum(byte[] bytes, Ip from, Ip to) {
    int sum = Sums.of(bytes, quotedLayer4, packet.length());
    return Sums.add(sum, Sums.pseudoHeader(from, to, 0, protocol));
  }

  private static void put(byte[] bytes, int at, int word) {
    bytes[at] = (byte) (word >> 8);
    bytes[at + 1] = (byte) word;
  }
}
