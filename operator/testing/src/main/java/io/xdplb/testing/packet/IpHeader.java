// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.packet;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The headers of an IP packet, followed to where layer 4 begins. All positions are in {@code
 * bytes}.
 *
 * @param start where the IP header is
 * @param protocol of layer 4
 * @param layer4 where it begins
 * @param end where the packet ends, by its own length: behind the bytes, if they are too few
 * @param extensions the types of the IPv6 extension headers, in order
 * @param fragmentAt where the fragment header is; of IPv4 where the same fields are in the header;
 *     0 if it is no fragment
 */
record IpHeader(
    byte[] bytes,
    int start,
    boolean ipv6,
    int protocol,
    int layer4,
    int end,
    List<Integer> extensions,
    int fragmentAt) {
  private static final int IPV4_LEAST = 20;
  private static final int IPV6_FIXED = 40;

  /**
   * Follows the headers.
   *
   * @throws IllegalArgumentException with the bytes, if they end within the headers
   */
  static IpHeader of(byte[] bytes, int start) {
    need(bytes, start, 1);
    return switch (bytes[start] >> 4 & 0xf) {
      case 4 -> ipv4(bytes, start);
      case 6 -> ipv6(bytes, start);
      default -> throw new IllegalArgumentException("no IP packet:\n" + Hexdump.of(bytes));
    };
  }

  private static IpHeader ipv4(byte[] bytes, int start) {
    need(bytes, start, IPV4_LEAST);
    ByteBuffer buffer = ByteBuffer.wrap(bytes);
    int header = (bytes[start] & 0xf) * 4;
    need(bytes, start, Math.max(header, IPV4_LEAST));
    boolean fragment = (buffer.getShort(start + 6) & 0x3fff) != 0;
    return new IpHeader(
        bytes,
        start,
        false,
        bytes[start + 9] & 0xff,
        start + header,
        start + (buffer.getShort(start + 2) & 0xffff),
        List.of(),
        fragment ? start + 6 : 0);
  }

  private static IpHeader ipv6(byte[] bytes, int start) {
    need(bytes, start, IPV6_FIXED);
    ByteBuffer buffer = ByteBuffer.wrap(bytes);
    List<Integer> extensions = new ArrayList<>();
    int next = bytes[start + 6] & 0xff;
    int at = start + IPV6_FIXED;
    int fragment = 0;
    boolean later = false; // nothing that follows a later fragment's header is one
    while (ExtensionHeader.isOne(next) && !later) {
      need(bytes, at, 8);
      int length = ExtensionHeader.length(next, bytes[at + 1] & 0xff);
      need(bytes, at, length);
      if (next == ExtensionHeader.FRAGMENT) {
        fragment = at;
        later = (buffer.getShort(at + 2) & 0xfff8) != 0;
      }
      extensions.add(next);
      next = bytes[at] & 0xff;
      at += length;
    }
    int end = start + IPV6_FIXED + (buffer.getShort(start + 4) & 0xffff);
    return new IpHeader(bytes, start, true, next, at, end, List.copyOf(extensions), fragment);
  }

  private static void need(byte[] bytes, int from, int count) {
    if (from + count > bytes.length) {
      throw new IllegalArgumentException(
          "%d bytes, an IP header needs %d:\n%s"
              .formatted(bytes.length, from + count, Hexdump.of(bytes)));
    }
  }

  String source() {
    return address(ipv6 ? 8 : 12);
  }

  String destination() {
    return address(ipv6 ? 24 : 16);
  }

  private String address(int offset) {
    int from = start + offset;
    return Bytes.address(Arrays.copyOfRange(bytes, from, from + (ipv6 ? 16 : 4)));
  }

  int tos() {
    return (ipv6 ? word(0) >> 4 : word(0)) & 0xff;
  }

  int ttl() {
    return bytes[start + (ipv6 ? 7 : 8)] & 0xff;
  }

  boolean isFragment() {
    return fragmentAt != 0;
  }

  /** Whether layer 4 is incomplete in it: a fragment that is not all of its datagram. */
  boolean isPart() {
    return fragmentOffset() != 0 || moreFragments();
  }

  /** In bytes. */
  int fragmentOffset() {
    if (!isFragment()) {
      return 0;
    }
    return ipv6 ? shortAt(fragmentAt + 2) & 0xfff8 : (shortAt(fragmentAt) & 0x1fff) * 8;
  }

  boolean moreFragments() {
    return isFragment()
        && (ipv6 ? (shortAt(fragmentAt + 2) & 1) != 0 : (shortAt(fragmentAt) & 0x2000) != 0);
  }

  /** 16 bits at an offset from the IP header. */
  int word(int offset) {
    return shortAt(start + offset);
  }

  private int shortAt(int position) {
    return ByteBuffer.wrap(bytes).getShort(position) & 0xffff;
  }

  /** The sum that layer 4 begins its checksum with. */
  InternetChecksum pseudoHeader(int length) {
    int from = start + (ipv6 ? 8 : 12);
    return new InternetChecksum()
        .add(bytes, from, from + (ipv6 ? 32 : 8))
        .add(protocol)
        .add(length);
  }
}
