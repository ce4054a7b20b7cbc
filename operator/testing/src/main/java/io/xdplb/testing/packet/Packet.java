// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.packet;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.OptionalInt;

/**
 * What a frame says, and whether it is right: VLAN tags, an IP packet with options, extension
 * headers or a fragment header, and in it TCP, UDP, ICMP with what it quotes, or another IP packet.
 */
public final class Packet {
  private static final int NO_ETHERNET = -1;
  private static final int NO_GUE = -1;
  private static final int ADDRESSES = 12;

  /** What a packet is part of; it decides what can be asked of it. */
  enum Place {
    /** In a frame, perhaps with padding behind it. */
    FRAME,
    /** Within another packet, to its end. */
    INNER,
    /** Quoted by an ICMP error, perhaps not to its end. */
    QUOTE
  }

  private final byte[] bytes;
  private final int ethernet;
  private final IpHeader ip;
  private final int guePort;
  private final Place place;
  private final ByteBuffer buffer;

  private Packet(byte[] bytes, int ethernet, int ipAt, int guePort, Place place) {
    this.bytes = bytes;
    this.ethernet = ethernet;
    this.guePort = guePort;
    this.place = place;
    ip = IpHeader.of(bytes, ipAt);
    buffer = ByteBuffer.wrap(bytes);
    boolean ports = ip.protocol() == Frame.TCP || ip.protocol() == Frame.UDP;
    boolean hasLayer4 = place != Place.QUOTE && ip.fragmentOffset() == 0;
    if (ports && hasLayer4 && bytes.length < ip.layer4() + 8) {
      throw new IllegalArgumentException("no TCP or UDP:\n" + Hexdump.of(bytes));
    }
  }

  /**
   * Reads a frame; UDP is never taken for GUE.
   *
   * @throws IllegalArgumentException with the bytes, if it is too short or holds no IP packet
   */
  public static Packet of(byte[] frame) {
    return of(frame, NO_GUE);
  }

  /**
   * Reads a frame.
   *
   * @param guePort UDP to this port is GUE
   * @throws IllegalArgumentException with the bytes, if it is too short or holds no IP packet
   */
  public static Packet of(byte[] frame, int guePort) {
    int at = ADDRESSES;
    while (at + 4 <= frame.length && isVlan(frame, at)) {
      at += 4;
    }
    Packet packet = new Packet(frame, 0, at + 2, guePort, Place.FRAME);
    int type = packet.buffer.getShort(at) & 0xffff;
    if (type != (packet.ipv6() ? Frame.ETHERTYPE_IPV6 : Frame.ETHERTYPE_IPV4)) {
      throw new IllegalArgumentException("no IP packet:\n" + Hexdump.of(frame));
    }
    return packet;
  }

  /** Reads an IP packet, from its header on. */
  public static Packet ofIp(byte[] packet) {
    return new Packet(packet, NO_ETHERNET, 0, NO_GUE, Place.INNER);
  }

  private static boolean isVlan(byte[] frame, int at) {
    int type = ByteBuffer.wrap(frame).getShort(at) & 0xffff;
    return type == 0x8100 || type == 0x88a8;
  }

  public String destinationMac() {
    return HexFormat.ofDelimiter(":").formatHex(bytes, inFrame(), 6);
  }

  public String sourceMac() {
    return HexFormat.ofDelimiter(":").formatHex(bytes, inFrame() + 6, ADDRESSES);
  }

  /** The tags' 16 bits, the outermost first. */
  public List<Integer> vlans() {
    List<Integer> tags = new ArrayList<>();
    for (int at = inFrame() + ADDRESSES; isVlan(bytes, at); at += 4) {
      tags.add(buffer.getShort(at + 2) & 0xffff);
    }
    return tags;
  }

  private int inFrame() {
    if (ethernet == NO_ETHERNET) {
      throw new IllegalStateException("a packet within another has no Ethernet header");
    }
    return ethernet;
  }

  public boolean ipv6() {
    return ip.ipv6();
  }

  /** As {@link java.net.InetAddress} writes it. */
  public String source() {
    return ip.source();
  }

  public String destination() {
    return ip.destination();
  }

  /** Of layer 4, behind all extension headers. */
  public int protocol() {
    return ip.protocol();
  }

  /** DSCP and ECN. */
  public int tos() {
    return ip.tos();
  }

  /** TTL or hop limit. */
  public int ttl() {
    return ip.ttl();
  }

  /** The identification of IPv4, or of an IPv6 fragment. */
  public int id() {
    return ipv6() ? buffer.getInt(ip.fragmentAt() + 4) : ip.word(4);
  }

  /** Of IPv6. */
  public int flowLabel() {
    return (ip.word(0) & 0xf) << 16 | ip.word(2);
  }

  /** Of IPv4. */
  public boolean dontFragment() {
    return (ip.word(6) & 0x4000) != 0;
  }

  public boolean isFragment() {
    return ip.isFragment();
  }

  /** In bytes. */
  public int fragmentOffset() {
    return ip.fragmentOffset();
  }

  public boolean moreFragments() {
    return ip.moreFragments();
  }

  /** The types of the IPv6 extension headers in order, a fragment header among them. */
  public List<Integer> extensions() {
    return ip.extensions();
  }

  public int sourcePort() {
    return buffer.getShort(ip.layer4()) & 0xffff;
  }

  public int destinationPort() {
    return buffer.getShort(ip.layer4() + 2) & 0xffff;
  }

  /** Of TCP, UDP, ICMP. */
  public int checksum() {
    int offset =
        switch (protocol()) {
          case Frame.TCP -> 16;
          case Frame.UDP -> 6;
          default -> 2;
        };
    return buffer.getShort(ip.layer4() + offset) & 0xffff;
  }

  public int tcpFlags() {
    return bytes[ip.layer4() + 13] & 0xff;
  }

  /** The maximum segment size among TCP's options. */
  public OptionalInt mss() {
    int end = ip.layer4() + tcpHeader();
    int at = ip.layer4() + 20;
    while (at < end && bytes[at] != 0) {
      if (bytes[at] == TcpOptions.MAXIMUM_SEGMENT_SIZE) {
        return OptionalInt.of(buffer.getShort(at + 2) & 0xffff);
      }
      at += bytes[at] == 1 ? 1 : Math.max(2, bytes[at + 1] & 0xff);
    }
    return OptionalInt.empty();
  }

  private int tcpHeader() {
    return (bytes[ip.layer4() + 12] >> 4 & 0xf) * 4;
  }

  public int icmpType() {
    return bytes[ip.layer4()] & 0xff;
  }

  public int icmpCode() {
    return bytes[ip.layer4() + 1] & 0xff;
  }

  /** The 4 bytes behind ICMP's checksum: an MTU, a pointer, an echo's id and sequence number. */
  public int icmpWord() {
    return buffer.getInt(ip.layer4() + 4);
  }

  /** What follows the header of TCP, UDP or ICMP, of a later fragment and of others: layer 4. */
  public byte[] payload() {
    int header =
        ip.fragmentOffset() > 0
            ? 0
            : switch (protocol()) {
              case Frame.TCP -> tcpHeader();
              case Frame.UDP, Frame.ICMP, Frame.ICMPV6 -> 8;
              default -> 0;
            };
    return Arrays.copyOfRange(bytes, ip.layer4() + header, Math.min(ip.end(), bytes.length));
  }

  /** The IP packet alone, without Ethernet header and padding. */
  public byte[] ipPacket() {
    return Arrays.copyOfRange(bytes, ip.start(), Math.min(ip.end(), bytes.length));
  }

  /** Whether it is an ICMP error, and so quotes a packet. */
  public boolean hasQuote() {
    return (protocol() == Frame.ICMP && !ipv6() || protocol() == Frame.ICMPV6 && ipv6())
        && ip.fragmentOffset() == 0
        && bytes.length > ip.layer4() + 8
        && Icmp.isError(ipv6(), icmpType());
  }

  /**
   * What an ICMP error quotes.
   *
   * @throws IllegalArgumentException if that ends within its IP headers
   */
  public Packet quoted() {
    return new Packet(payload(), NO_ETHERNET, 0, NO_GUE, Place.QUOTE);
  }

  /** Whether it is GUE. One that ends before its ports, as a quote may, is not. */
  public boolean isGue() {
    return protocol() == Frame.UDP
        && ip.fragmentOffset() == 0
        && ip.layer4() + 4 <= buffer.limit()
        && destinationPort() == guePort;
  }

  /**
   * The GUE header's data.
   *
   * @throws IllegalArgumentException if the header is not what {@link Tunnel.Gue} says, or names
   *     another protocol than that of what follows
   */
  public Tunnel.Gue gue() {
    return Tunnel.Gue.of(payload());
  }

  /** Whether there is an IP packet in it. */
  public boolean hasInner() {
    boolean ipInIp = protocol() == Tunnel.IPV4 || protocol() == Tunnel.IPV6;
    return (isGue() || ipInIp) && !ip.isPart();
  }

  /**
   * The packet in an encapsulation, to the outer packet's end.
   *
   * @throws IllegalArgumentException if it ends within its IP headers, or if its version is another
   *     than the outer header's protocol says
   */
  public Packet inner() {
    if (isGue()) {
      gue();
      byte[] payload = payload();
      return ofIp(Arrays.copyOfRange(payload, Tunnel.Gue.BYTES, payload.length));
    }
    Packet inner = ofIp(payload());
    if (inner.ipv6() != (protocol() == Tunnel.IPV6)) {
      throw new IllegalArgumentException("protocol " + protocol() + " around\n" + inner);
    }
    return inner;
  }

  /**
   * What is wrong with lengths and checksums, also of the packet inside and of the one that is
   * quoted; empty if nothing is.
   */
  public List<String> problems() {
    return new Verification(this, ip, place).problems();
  }

  @Override
  public String toString() {
    boolean ports =
        (protocol() == Frame.TCP || protocol() == Frame.UDP)
            && ip.fragmentOffset() == 0
            && bytes.length >= ip.layer4() + 4;
    return "%s%s > %s%s protocol %d ttl %d %s\n%s"
        .formatted(
            source(),
            ports ? ":" + sourcePort() : "",
            destination(),
            ports ? ":" + destinationPort() : "",
            protocol(),
            ttl(),
            problems(),
            Hexdump.of(bytes));
  }
}
