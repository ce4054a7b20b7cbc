// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath.reference;

import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * An Ethernet frame with an IP packet, without its VLAN tags.
 *
 * @param macs destination, then source
 * @param bytes from the IP header to the end of the frame
 */
record Plain(byte[] macs, boolean ipv6, byte[] bytes) {
  static final int MACS = 12;
  private static final int ETHERTYPE_IPV4 = 0x0800;
  private static final int ETHERTYPE_IPV6 = 0x86dd;
  private static final int TAG = 4;
  private static final int MOST_TAGS = 2;

  /** How many bytes of VLAN tags a frame has; -1 if no IP packet of ours to look at follows. */
  static int tags(byte[] frame) {
    int tags = 0;
    while (frame.length >= MACS + tags + 2 && isTag(IpPacket.word(frame, MACS + tags))) {
      tags += TAG;
    }
    if (tags > MOST_TAGS * TAG || frame.length < MACS + tags + 2) {
      return -1;
    }
    int type = IpPacket.word(frame, MACS + tags);
    return type == ETHERTYPE_IPV4 || type == ETHERTYPE_IPV6 ? tags : -1;
  }

  private static boolean isTag(int type) {
    return type == 0x8100 || type == 0x88a8;
  }

  /** A frame without the bytes of its tags. */
  static Plain of(byte[] frame, int tags) {
    return new Plain(
        Arrays.copyOf(frame, MACS),
        IpPacket.word(frame, MACS + tags) == ETHERTYPE_IPV6,
        Arrays.copyOfRange(frame, MACS + tags + 2, frame.length));
  }

  /** The frame, with the tags that another one has. */
  byte[] tagged(byte[] as, int tags) {
    return ByteBuffer.allocate(MACS + tags + 2 + bytes.length)
        .put(macs)
        .put(as, MACS, tags)
        .putShort((short) (ipv6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4))
        .put(bytes)
        .array();
  }

  /** Whether it goes to many: then it is nobody's to forward. */
  boolean toGroup() {
    return (macs[0] & 1) != 0;
  }

  byte[] destinationMac() {
    return Arrays.copyOf(macs, 6);
  }

  byte[] sourceMac() {
    return Arrays.copyOfRange(macs, 6, MACS);
  }

  /** Another packet between the same MAC addresses. */
  Plain with(boolean packetIpv6, byte[] packet) {
    return new Plain(macs, packetIpv6, packet);
  }

  /** The same packet, or another one, between other MAC addresses. */
  static Plain between(byte[] destinationMac, byte[] sourceMac, boolean ipv6, byte[] packet) {
    byte[] macs = Arrays.copyOf(destinationMac, MACS);
    System.arraycopy(sourceMac, 0, macs, 6, 6);
    return new Plain(macs, ipv6, packet);
  }
}
