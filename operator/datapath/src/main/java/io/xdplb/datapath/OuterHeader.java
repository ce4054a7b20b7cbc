// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.model.Encapsulation;
import io.xdplb.core.model.Ip;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * What is put around a packet, as far as it is the same for all packets to a backend. See {@code
 * bpf/src/tunnel.h}.
 */
final class OuterHeader {
  /** UDP port of GUE (RFC draft-ietf-intarea-gue, IANA). */
  static final int GUE_PORT = 6080;

  private static final int GUE_FIRST_BYTE = 0x02;
  private static final int GUE_BYTES = 12;
  private static final int UDP_BYTES = 8;
  private static final int IPV4_BYTES = 20;
  private static final int IPV6_BYTES = 40;

  private static final int PROTOCOL_IPV4 = 4;
  private static final int PROTOCOL_UDP = 17;
  private static final int PROTOCOL_IPV6 = 41;
  private static final int TTL = 64;
  private static final int DONT_FRAGMENT = 0x4000;

  private OuterHeader() {}

  /** How many bytes it has. */
  static int bytes(Encapsulation encapsulation, boolean outerIpv4) {
    int ip = outerIpv4 ? IPV4_BYTES : IPV6_BYTES;
    return switch (encapsulation) {
      case NONE -> 0;
      case GUE -> ip + UDP_BYTES + GUE_BYTES;
      case IPIP -> ip;
    };
  }

  /**
   * The one's complement sum, folded to 16 bits, of words loaded in native order (RFC 1071): for an
   * outer IPv4 of its header with total length and checksum 0; for IPv6 with GUE of what its UDP
   * checksum covers and is the same for all packets; for IPv6 without GUE 0, since nothing has a
   * checksum.
   *
   * @param innerIpv4 family of the packet inside
   * @param tag see {@link Tag}
   */
  static int sum(
      Encapsulation encapsulation, Ip source, Ip destination, boolean innerIpv4, long tag) {
    int inner = innerIpv4 ? PROTOCOL_IPV4 : PROTOCOL_IPV6;
    ByteBuffer words = ByteBuffer.allocate(IPV6_BYTES + UDP_BYTES + GUE_BYTES);
    boolean gue = encapsulation == Encapsulation.GUE;
    if (destination.isIpv4()) {
      words.putShort((short) 0x4500).putShort((short) 0).putShort((short) 0);
      words.putShort((short) DONT_FRAGMENT);
      words.put((byte) TTL).put((byte) (gue ? PROTOCOL_UDP : inner)).putShort((short) 0);
      words.put(source.bytes()).put(destination.bytes());
    } else if (gue) {
      words.put(source.bytes()).put(destination.bytes()).putShort((short) PROTOCOL_UDP);
      words.putShort((short) GUE_PORT);
      words.put((byte) GUE_FIRST_BYTE).put((byte) inner).putShort((short) 0);
      words.order(ByteOrder.nativeOrder()).putLong(tag);
    }
    return sum(words.flip().order(ByteOrder.nativeOrder()));
  }

  private static int sum(ByteBuffer words) {
    int sum = 0;
    while (words.hasRemaining()) {
      sum += words.getShort() & 0xffff;
    }
    while (sum >>> 16 != 0) {
      sum = (sum & 0xffff) + (sum >>> 16);
    }
    return sum;
  }
}
