// SPDX-License-Identifier: Apache-2.0
package io.xdplb.lan;

import io.xdplb.core.model.Ip;
import java.nio.ByteBuffer;
import java.util.Optional;

/** Ethernet frames by which a node speaks of an address. */
public final class LanFrames {

  static final int ETH_P_ARP = 0x0806;
  static final int ETH_P_IPV6 = 0x86dd;

  private static final int MAC_LENGTH = 6;
  private static final int SHORTEST_FRAME = 60;
  private static final int ARP_LENGTH = 28;
  private static final int ARP_REQUEST = 1;
  private static final byte[] BROADCAST = {-1, -1, -1, -1, -1, -1};
  private static final byte[] NOBODY = new byte[MAC_LENGTH];

  private static final int ICMPV6 = 58;
  private static final int HOP_LIMIT = 255;
  private static final int SOLICITATION = 135;
  static final int ADVERTISEMENT = 136;
  private static final int OVERRIDE = 0x2000_0000;
  private static final byte TARGET_LINK_LAYER = 2;
  private static final int IPV6_HEADER = 40;
  private static final Ip UNSPECIFIED = new Ip(0, 0, false);
  private static final Ip ALL_NODES = Ip.parse("ff02::1");

  private LanFrames() {}

  /**
   * Tells all hosts that an address has moved here: an ARP announcement (RFC 5227, 3), or an
   * unsolicited neighbour advertisement (RFC 4861, 7.2.6).
   *
   * @param mac of the interface that sends it
   */
  public static byte[] announcement(Ip address, byte[] mac) {
    return address.isIpv4() ? arp(mac, address, address) : advertisement(address, mac);
  }

  /**
   * Asks whether anybody has an address: an ARP probe (RFC 5227, 2.1.1), or the solicitation of
   * duplicate address detection (RFC 4862, 5.4.2).
   */
  public static byte[] probe(Ip address, byte[] mac) {
    return address.isIpv4() ? arp(mac, new Ip(0, 0, true), address) : solicitation(address, mac);
  }

  /** The group of those who listen for questions about an IPv6 address (RFC 4291, 2.7.1). */
  public static Ip solicitedNode(Ip address) {
    return new Ip(
        0xff02_0000_0000_0000L, 1L << 32 | 0xff00_0000L | address.low() & 0xff_ffff, false);
  }

  private static byte[] arp(byte[] mac, Ip sender, Ip target) {
    return ethernet(SHORTEST_FRAME, BROADCAST, mac, ETH_P_ARP)
        .putShort((short) 1) // Ethernet
        .putShort((short) 0x0800)
        .put((byte) MAC_LENGTH)
        .put((byte) 4)
        .putShort((short) ARP_REQUEST)
        .put(mac)
        .put(sender.bytes())
        .put(NOBODY)
        .put(target.bytes())
        .array();
  }

  private static byte[] advertisement(Ip address, byte[] mac) {
    ByteBuffer message =
        ByteBuffer.allocate(32)
            .put((byte) ADVERTISEMENT)
            .put((byte) 0)
            .putShort((short) 0)
            .putInt(OVERRIDE)
            .put(address.bytes())
            .put(TARGET_LINK_LAYER)
            .put((byte) 1)
            .put(mac);
    return ipv6(address, ALL_NODES, mac, message);
  }

  private static byte[] solicitation(Ip address, byte[] mac) {
    ByteBuffer message =
        ByteBuffer.allocate(24)
            .put((byte) SOLICITATION)
            .put((byte) 0)
            .putShort((short) 0)
            .putInt(0)
            .put(address.bytes());
    return ipv6(UNSPECIFIED, solicitedNode(address), mac, message);
  }

  private static byte[] ipv6(Ip source, Ip destination, byte[] mac, ByteBuffer message) {
    byte[] payload = message.array();
    int length = payload.length;
    ByteBuffer.wrap(payload).putShort(2, checksum(source, destination, payload));
    byte[] group = {0x33, 0x33, 0, 0, 0, 0};
    System.arraycopy(destination.bytes(), 12, group, 2, 4);
    return ethernet(14 + IPV6_HEADER + length, group, mac, ETH_P_IPV6)
        .putInt(6 << 28)
        .putShort((short) length)
        .put((byte) ICMPV6)
        .put((byte) HOP_LIMIT)
        .put(source.bytes())
        .put(destination.bytes())
        .put(payload)
        .array();
  }

  private static ByteBuffer ethernet(int length, byte[] to, byte[] from, int type) {
    return ByteBuffer.allocate(length).put(to).put(from).putShort((short) type);
  }

  /** RFC 4443, 2.3. */
  private static short checksum(Ip source, Ip destination, byte[] payload) {
    ByteBuffer words =
        ByteBuffer.allocate(IPV6_HEADER + payload.length)
            .put(source.bytes())
            .put(destination.bytes())
            .putInt(payload.length)
            .putInt(ICMPV6)
            .put(payload)
            .flip();
    int sum = 0;
    while (words.hasRemaining()) {
      sum += words.getShort() & 0xffff;
    }
    sum = (sum & 0xffff) + (sum >>> 16);
    return (short) ~(sum + (sum >>> 16));
  }

  /** Who says by an ARP frame that it has an address; empty if it says that of none, or is none. */
  static Optional<Claim> arpClaim(int ifindex, ByteBuffer frame) {
    if (frame.remaining() < 14 + ARP_LENGTH
        || frame.getInt(14) != 0x0001_0800
        || frame.getShort(18) != 0x0604) {
      return Optional.empty();
    }
    byte[] sender = new byte[4];
    frame.get(28, sender);
    byte[] mac = new byte[MAC_LENGTH];
    frame.get(22, mac);
    Ip address = Ip.ofBytes(sender);
    return address.low() == 0 ? Optional.empty() : Optional.of(new Claim(ifindex, address, mac));
  }

  /** Who says by a neighbour advertisement that it has an address. */
  static Optional<Claim> advertisedClaim(int ifindex, ByteBuffer message) {
    if (message.remaining() < 24 || (message.get(0) & 0xff) != ADVERTISEMENT) {
      return Optional.empty();
    }
    byte[] target = new byte[16];
    message.get(8, target);
    byte[] mac = new byte[MAC_LENGTH];
    for (int at = 24; at + 8 <= message.remaining(); at += 8 * (message.get(at + 1) & 0xff)) {
      if (message.get(at) == TARGET_LINK_LAYER) {
        message.get(at + 2, mac);
      }
      if (message.get(at + 1) == 0) {
        return Optional.empty();
      }
    }
    return Optional.of(new Claim(ifindex, Ip.ofBytes(target), mac));
  }

  /**
   * A host says that it has an address.
   *
   * @param ifindex where it was heard
   * @param mac the host's; zero if it did not say
   */
  public record Claim(int ifindex, Ip address, byte[] mac) {}
}
