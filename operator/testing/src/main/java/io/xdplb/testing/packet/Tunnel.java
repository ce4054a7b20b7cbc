// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.packet;

import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * Encapsulations around a whole IP packet of either family. Each is a {@link Frame} with the inner
 * packet as its payload: identification 0, don't fragment, TTL or hop limit 64, and what else a
 * frame can be told ({@link Frame#tos}, {@link Frame#flowLabel}, {@link Frame#macs}, …) is said of
 * the outer header.
 */
public final class Tunnel {
  /** The port of GUE (IANA). */
  public static final int GUE_PORT = 6080;

  /** The protocol number of an IPv4 packet. */
  public static final int IPV4 = 4;

  /** The protocol number of an IPv6 packet. */
  public static final int IPV6 = 41;

  private Tunnel() {}

  /**
   * What a GUE header (variant 0, no flags; draft-ietf-intarea-gue, section 3) says here: beside
   * the protocol, 8 bytes of private data.
   *
   * @param control the first of them
   * @param tag the other 7, the first one the most significant: 0 to 2^56 - 1
   */
  public record Gue(int control, long tag) {
    static final int BYTES = 12;

    /** Data of 8 bytes are two words of 32 bits: what the header's length counts. */
    static final int FIRST_BYTE = 2;

    static final int TAG_BITS = 56;

    public Gue {
      if (control < 0 || control > 0xff || tag < 0 || tag >>> TAG_BITS != 0) {
        throw new IllegalArgumentException("no control byte and tag: " + control + ", " + tag);
      }
    }

    /** Reads the header that {@code payload} begins with. */
    static Gue of(byte[] payload) {
      if (payload.length < BYTES) {
        throw new IllegalArgumentException("no GUE header:\n" + Hexdump.of(payload));
      }
      byte[] inner = Arrays.copyOfRange(payload, BYTES, payload.length);
      ByteBuffer header = ByteBuffer.wrap(payload);
      if (header.get(0) != FIRST_BYTE
          || header.get(1) != protocol(inner)
          || header.getShort(2) != 0) {
        throw new IllegalArgumentException("not the GUE header expected:\n" + Hexdump.of(payload));
      }
      long data = header.getLong(4);
      return new Gue((int) (data >>> TAG_BITS), data & (1L << TAG_BITS) - 1);
    }

    byte[] before(byte[] inner) {
      return ByteBuffer.allocate(BYTES + inner.length)
          .put((byte) FIRST_BYTE)
          .put((byte) protocol(inner))
          .putShort((short) 0)
          .putLong((long) control << TAG_BITS | tag)
          .put(inner)
          .array();
    }
  }

  /** As the other, around what {@code inner} has from its IP header on. */
  public static Frame gue(
      Frame inner, Gue gue, String from, int sourcePort, String to, int destinationPort) {
    return gue(inner.ipPacket(), gue, from, sourcePort, to, destinationPort);
  }

  /**
   * GUE over UDP. The UDP checksum is 0 over IPv4, and computed over IPv6.
   *
   * @param inner an IP packet, from its header on
   */
  public static Frame gue(
      byte[] inner, Gue gue, String from, int sourcePort, String to, int destinationPort) {
    Frame outer = Frame.udp(from, sourcePort, to, destinationPort).id(0).payload(gue.before(inner));
    return from.contains(":") ? outer : outer.withoutChecksum();
  }

  /** As the other, around what {@code inner} has from its IP header on. */
  public static Frame ipInIp(Frame inner, String from, String to) {
    return ipInIp(inner.ipPacket(), from, to);
  }

  /** IP in IP, in all four ways that the two families allow (RFC 2003, 2473, 4213). */
  public static Frame ipInIp(byte[] inner, String from, String to) {
    return Frame.ip(from, to, protocol(inner), inner).id(0);
  }

  private static int protocol(byte[] packet) {
    return packet.length > 0 && (packet[0] & 0xf0) == 0x60 ? IPV6 : IPV4;
  }
}
