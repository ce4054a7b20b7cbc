// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath.reference;

import io.xdplb.core.model.Ip;
import io.xdplb.datapath.reference.Table.Backend;
import io.xdplb.datapath.reference.Table.Encapsulation;
import java.nio.ByteBuffer;

/** Outer headers: rows 25, 27 and 29. */
final class Tunnels {
  static final int GUE_HEADER = 12;
  static final int GUE_FIRST_BYTE = 2;
  static final int MARK = 0x0f;
  static final int FINAL = 0x10;
  static final int NAT = 0x20;
  static final int AGAIN = 0x40;
  static final int ROUND = 0x80;

  private static final int TTL = 64;
  private static final int DONT_FRAGMENT = 0x4000;
  private static final int FIRST_PORT = 0xc000;

  private Tunnels() {}

  static int overhead(Backend backend) {
    if (backend.encapsulation == Encapsulation.NONE) {
      return 0;
    }
    int ip = backend.outerDestination.isIpv4() ? IpPacket.IPV4_HEADER : IpPacket.IPV6_HEADER;
    return backend.encapsulation == Encapsulation.IPIP ? ip : ip + IpPacket.UDP_HEADER + GUE_HEADER;
  }

  /** The packet with its outer headers; what lies behind its end stays behind. */
  static byte[] encapsulate(IpPacket inner, Backend to, int control) {
    boolean gue = to.encapsulation == Encapsulation.GUE;
    boolean ipv6 = !to.outerDestination.isIpv4();
    int family = inner.ipv6() ? IpPacket.IPV6 : IpPacket.IPIP;
    int entropy = Machine.entropy(inner);
    int length = inner.length() + (gue ? IpPacket.UDP_HEADER + GUE_HEADER : 0);
    int protocol = gue ? IpPacket.UDP : family;
    ByteBuffer out = ByteBuffer.allocate(overhead(to) + inner.bytes().length);
    if (ipv6) {
      out.putInt(6 << 28 | inner.tos() << 20 | entropy & 0xfffff);
      out.putShort((short) length).put((byte) protocol).put((byte) TTL);
      out.put(to.outerSource.bytes()).put(to.outerDestination.bytes());
    } else {
      out.put((byte) 0x45).put((byte) inner.tos());
      out.putShort((short) (length + IpPacket.IPV4_HEADER)).putShort((short) 0);
      out.putShort((short) DONT_FRAGMENT).put((byte) TTL).put((byte) protocol).putShort((short) 0);
      out.put(to.outerSource.bytes()).put(to.outerDestination.bytes());
      int sum = Sums.of(out.array(), 0, IpPacket.IPV4_HEADER);
      out.putShort(10, (short) Sums.checksum(Sums.RIGHT, sum));
    }
    int udp = out.position();
    if (gue) {
      out.putShort((short) (FIRST_PORT | entropy & 0x3fff)).putShort((short) Table.TUNNEL_PORT);
      out.putShort((short) length).putShort((short) 0);
      out.put((byte) GUE_FIRST_BYTE).put((byte) family).putShort((short) 0);
      out.putLong((long) control << 56 | to.tag);
    }
    out.put(inner.bytes());
    if (gue && ipv6 && needsNoReading(inner)) {
      int sum = outerSum(out.array(), udp, length, to, inner);
      out.putShort(udp + 6, (short) Sums.udpChecksum(Sums.RIGHT, sum));
    }
    return out.array();
  }

  /**
   * Whether the inner packet's own checksums tell what it sums up to. Otherwise the outer one is
   * left out, which RFC 6935 allows for tunnels.
   */
  private static boolean needsNoReading(IpPacket inner) {
    if (inner.ports() == null || inner.extensions() > 0) {
      return false;
    }
    return inner.tcp()
        || IpPacket.word(inner.bytes(), inner.checksumAt()) != 0
            && inner.udpLength() == inner.length() - inner.layer4();
  }

  /** As if the inner packet's own checksums were right: an error in there is for its receiver. */
  private static int outerSum(byte[] out, int udp, int length, Backend to, IpPacket inner) {
    Ip source = to.outerSource;
    int pseudo = Sums.pseudoHeader(source, to.outerDestination, length, IpPacket.UDP);
    int sum = Sums.add(pseudo, Sums.of(out, udp, udp + length));
    int wrong = inner.layer4Sum();
    if (!inner.ipv6()) {
      wrong = Sums.add(wrong, inner.headerSum());
    }
    return Sums.checksum(sum, wrong); // the difference
  }
}
