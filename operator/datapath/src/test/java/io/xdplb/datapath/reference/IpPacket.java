// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath.reference;

import io.xdplb.core.model.Ip;
import io.xdplb.datapath.DropReason;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Set;

/**
 * An IP packet as it was received.
 *
 * @param bytes from the IP header to the end of the frame, which may be behind the packet's end
 * @param length of the packet in bytes, as its header says
 * @param protocol behind all extension headers
 * @param layer4 where layer 4 begins
 * @param extensions how many IPv6 extension headers there are
 * @param faults for what it is to be dropped, should it be for a VIP
 * @param ports null if it has none, or is at fault
 */
record IpPacket(
    byte[] bytes,
    boolean ipv6,
    Ip source,
    Ip destination,
    int length,
    int tos,
    int ttl,
    int protocol,
    int layer4,
    int extensions,
    Set<DropReason> faults,
    Ports ports) {
  static final int IPIP = 4;
  static final int TCP = 6;
  static final int UDP = 17;
  static final int IPV6 = 41;
  static final int ICMP = 1;
  static final int ICMPV6 = 58;

  static final int FIN = 0x01;
  static final int SYN = 0x02;
  static final int RST = 0x04;
  static final int ACK = 0x10;

  static final int IPV4_HEADER = 20;
  static final int IPV6_HEADER = 40;
  static final int TCP_HEADER = 20;
  static final int UDP_HEADER = 8;

  /** More are not looked at: row 8. */
  static final int MOST_EXTENSIONS = 6;

  private static final int FRAGMENT_HEADER = 44;
  private static final int ENCRYPTED = 50;
  private static final int AUTHENTICATION = 51;
  private static final int MORE_OR_OFFSET = 0x3fff;
  private static final int DONT_FRAGMENT = 0x4000;

  /**
   * Ports, and what TCP says with them.
   *
   * @param flags of TCP; 0 for UDP
   */
  record Ports(int source, int destination, int flags) {}

  /** Null if there is not even a header to read. */
  static IpPacket read(byte[] bytes, boolean ipv6) {
    if (bytes.length < (ipv6 ? IPV6_HEADER : IPV4_HEADER)) {
      return null;
    }
    return ipv6 ? readIpv6(bytes) : readIpv4(bytes);
  }

  private static IpPacket readIpv4(byte[] bytes) {
    int header = (bytes[0] & 0xf) * 4;
    int length = word(bytes, 2);
    Ip source = Ip.ofBytes(Arrays.copyOfRange(bytes, 12, 16));
    Ip destination = Ip.ofBytes(Arrays.copyOfRange(bytes, 16, 20));
    boolean malformed =
        (bytes[0] & 0xf0) != 0x40
            || header < IPV4_HEADER
            || length < header
            || length > bytes.length;
    boolean fragment = (word(bytes, 6) & MORE_OR_OFFSET) != 0;
    return behindHeaders(
        bytes,
        false,
        source,
        destination,
        length,
        bytes[1] & 0xff,
        bytes[8] & 0xff,
        bytes[9] & 0xff,
        header,
        0,
        malformed,
        fragment,
        false);
  }

  private static IpPacket readIpv6(byte[] bytes) {
    int length = IPV6_HEADER + word(bytes, 4);
    Ip source = Ip.ofBytes(Arrays.copyOfRange(bytes, 8, 24));
    Ip destination = Ip.ofBytes(Arrays.copyOfRange(bytes, 24, 40));
    boolean malformed = (bytes[0] & 0xf0) != 0x60 || length > bytes.length;
    int next = bytes[6] & 0xff;
    int at = IPV6_HEADER;
    int extensions = 0;
    boolean tooMany = false;
    while (isExtension(next) && !malformed && !tooMany) {
      tooMany = extensions == MOST_EXTENSIONS;
      malformed = at + 8 > bytes.length;
      if (!malformed && !tooMany) {
        next = bytes[at] & 0xff;
        at += ((bytes[at + 1] & 0xff) + 1) * 8;
        extensions++;
      }
    }
    malformed |= at > length;
    tooMany |=
        malformed && (next == AUTHENTICATION || next == ENCRYPTED); // whichever is seen first
    return behindHeaders(
        bytes,
        true,
        source,
        destination,
        length,
        word(bytes, 0) >> 4 & 0xff,
        bytes[7] & 0xff,
        next,
        at,
        extensions,
        malformed,
        next == FRAGMENT_HEADER,
        tooMany);
  }

  private static IpPacket behindHeaders(
      byte[] bytes,
      boolean ipv6,
      Ip source,
      Ip destination,
      int length,
      int tos,
      int ttl,
      int protocol,
      int layer4,
      int extensions,
      boolean malformedHeaders,
      boolean fragment,
      boolean tooMany) {
    boolean malformed = malformedHeaders;
    Ports ports = null;
    if (!malformed && !fragment && !tooMany && (protocol == TCP || protocol == UDP)) {
      int room = length - layer4;
      int header = protocol == TCP ? TCP_HEADER : UDP_HEADER;
      malformed = room < header;
      if (!malformed) {
        boolean tcp = protocol == TCP;
        int claimed = tcp ? (bytes[layer4 + 12] >> 4 & 0xf) * 4 : word(bytes, layer4 + 4);
        malformed = claimed < header || claimed > room;
        int flags = tcp ? bytes[layer4 + 13] & 0xff : 0;
        ports = malformed ? null : new Ports(word(bytes, layer4), word(bytes, layer4 + 2), flags);
      }
    }
    Set<DropReason> faults = Set.of();
    if (malformed || fragment || tooMany) {
      faults = EnumSet.noneOf(DropReason.class);
      if (malformed) {
        faults.add(DropReason.MALFORMED);
      }
      if (fragment) {
        faults.add(DropReason.FRAGMENT);
      }
      if (tooMany) {
        faults.add(DropReason.EXTENSION_HEADERS);
      }
    }
    return new IpPacket(
        bytes,
        ipv6,
        source,
        destination,
        length,
        tos,
        ttl,
        protocol,
        layer4,
        extensions,
        faults,
        ports);
  }

  /** Hop-by-hop options, routing, destination options: what may stand before TCP and UDP. */
  static boolean isExtension(int header) {
    return header == 0 || header == 43 || header == 60;
  }

  /** Sixteen bits in network order. */
  static int word(byte[] bytes, int at) {
    return (bytes[at] & 0xff) << 8 | bytes[at + 1] & 0xff;
  }

  boolean tcp() {
    return protocol == TCP;
  }

  boolean udp() {
    return protocol == UDP;
  }

  boolean isIcmp() {
    return protocol == (ipv6 ? ICMPV6 : ICMP);
  }

  boolean has(int flag) {
    return ports != null && (ports.flags() & flag) != 0;
  }

  /** Whether it may begin a flow: a datagram, or a SYN that is no answer to one. */
  boolean begins() {
    return udp() || has(SYN) && !has(ACK);
  }

  boolean dontFragment() {
    return ipv6 || (word(bytes, 6) & DONT_FRAGMENT) != 0;
  }

  /** The length of the TCP header. */
  int tcpHeader() {
    return (bytes[layer4 + 12] >> 4 & 0xf) * 4;
  }

  /** The length that the UDP header says. */
  int udpLength() {
    return word(bytes, layer4 + 4);
  }

  /** Up to where a checksum of layer 4 reaches. */
  int layer4End() {
    return udp() ? layer4 + udpLength() : length;
  }

  /** Where the checksum of layer 4 is. */
  int checksumAt() {
    return layer4 + (tcp() ? 16 : udp() ? 6 : 2);
  }

  int sequence() {
    return ByteBuffer.wrap(bytes).getInt(layer4 + 4);
  }

  int acknowledgement() {
    return ByteBuffer.wrap(bytes).getInt(layer4 + 8);
  }

  /** The sum over all that the checksum of layer 4 covers, the checksum itself included. */
  int layer4Sum() {
    int end = layer4End();
    int sum = Sums.of(bytes, layer4, end);
    return protocol == ICMP
        ? sum
        : Sums.add(sum, Sums.pseudoHeader(source, destination, end - layer4, protocol));
  }

  /** The sum over an IPv4 header, its checksum included. */
  int headerSum() {
    return Sums.of(bytes, 0, layer4);
  }
}
