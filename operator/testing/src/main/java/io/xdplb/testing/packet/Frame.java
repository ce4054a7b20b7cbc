// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.packet;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * An Ethernet frame to be: what its fields say, with every length and checksum computed from
 * scratch when {@link #bytes} is called. Never changes; each method answers a changed copy.
 *
 * <p>The family is that of the addresses. Fields that a test does not set have the values that an
 * ordinary host sends.
 */
public final class Frame implements Cloneable {
  public static final int ICMP = 1;
  public static final int IGMP = 2;
  public static final int TCP = 6;
  public static final int UDP = 17;
  public static final int ICMPV6 = 58;
  public static final int SCTP = 132;

  public static final int HOP_BY_HOP = 0;
  public static final int ROUTING = 43;
  public static final int FRAGMENT = ExtensionHeader.FRAGMENT;
  public static final int AUTHENTICATION = ExtensionHeader.AUTHENTICATION;
  public static final int DESTINATION_OPTIONS = 60;

  public static final int FIN = 0x01;
  public static final int SYN = 0x02;
  public static final int RST = 0x04;
  public static final int PSH = 0x08;
  public static final int ACK = 0x10;
  public static final int URG = 0x20;

  static final int ETHERTYPE_IPV4 = 0x0800;
  static final int ETHERTYPE_IPV6 = 0x86dd;
  private static final int ETHERTYPE_ARP = 0x0806;
  private static final int ETHERTYPE_VLAN = 0x8100;
  private static final byte[] NONE = {};

  private record Patch(boolean ofLayer4, int offset, byte[] bytes) {}

  private byte[] sourceMac = Bytes.mac("02:00:00:00:00:0a");
  private byte[] destinationMac = Bytes.mac("02:00:00:00:00:01");
  private int[] vlans = {};
  private byte[] source;
  private byte[] destination;
  private int protocol;
  private int tos;
  private int ttl = 64;
  private int flowLabel = 0x12345;
  private int id = 0x1234;
  private byte[] ipOptions = NONE;
  private List<ExtensionHeader> extensions = List.of();
  private boolean fragment;
  private int fragmentOffset;
  private boolean moreFragments;
  private int sourcePort;
  private int destinationPort;
  private int tcpFlags = ACK;
  private int sequence = 1_000_000;
  private int acknowledgement = 2_000_000;
  private byte[] tcpOptions = NONE;
  private boolean checksum = true;
  private byte[] payload = NONE;
  private byte[] padding = NONE;
  private List<Patch> patches = List.of();
  private boolean checksumOfPatchedHeader;

  private Frame(String source, String destination, int protocol) {
    this.source = Bytes.address(source);
    this.destination = Bytes.address(destination);
    this.protocol = protocol;
  }

  /** A TCP segment, an ACK without payload. */
  public static Frame tcp(String source, int sourcePort, String destination, int destinationPort) {
    return new Frame(source, destination, TCP).ports(sourcePort, destinationPort);
  }

  /** A UDP datagram without payload. */
  public static Frame udp(String source, int sourcePort, String destination, int destinationPort) {
    return new Frame(source, destination, UDP).ports(sourcePort, destinationPort);
  }

  /** An ICMP or ICMPv6 message, by the family of the addresses. */
  public static Frame icmp(String source, String destination, int type, int code, byte[] rest) {
    boolean ipv6 = source.contains(":");
    byte[] message = ByteBuffer.allocate(4 + rest.length).put((byte) type).put((byte) code).array();
    System.arraycopy(rest, 0, message, 4, rest.length);
    return new Frame(source, destination, ipv6 ? ICMPV6 : ICMP).payload(message);
  }

  /** An IP packet of any protocol, its payload as it is. */
  public static Frame ip(String source, String destination, int protocol, byte[] payload) {
    Frame frame = new Frame(source, destination, protocol).payload(payload);
    frame.checksum = false;
    return frame;
  }

  /** An ARP request of {@code source} for {@code target}, to everybody. */
  public static byte[] arpRequest(String source, String target) {
    ByteBuffer arp = ByteBuffer.allocate(28);
    arp.putShort((short) 1).putShort((short) ETHERTYPE_IPV4).put((byte) 6).put((byte) 4);
    arp.putShort((short) 1).put(Bytes.mac("02:00:00:00:00:0a")).put(Bytes.address(source));
    arp.put(new byte[6]).put(Bytes.address(target));
    return ethernet("ff:ff:ff:ff:ff:ff", "02:00:00:00:00:0a", ETHERTYPE_ARP, arp.array());
  }

  /** A frame of any ethertype. */
  public static byte[] ethernet(String to, String from, int ethertype, byte[] payload) {
    return ByteBuffer.allocate(14 + payload.length)
        .put(Bytes.mac(to))
        .put(Bytes.mac(from))
        .putShort((short) ethertype)
        .put(payload)
        .array();
  }

  public Frame macs(String from, String to) {
    return with(
        f -> {
          f.sourceMac = Bytes.mac(from);
          f.destinationMac = Bytes.mac(to);
        });
  }

  /** VLAN tags, the outermost first. */
  public Frame vlans(int... ids) {
    return with(f -> f.vlans = ids.clone());
  }

  public Frame from(String address, int port) {
    return with(
        f -> {
          f.source = Bytes.address(address);
          f.sourcePort = port;
        });
  }

  public Frame to(String address, int port) {
    return with(
        f -> {
          f.destination = Bytes.address(address);
          f.destinationPort = port;
        });
  }

  private Frame ports(int from, int to) {
    return with(
        f -> {
          f.sourcePort = from;
          f.destinationPort = to;
        });
  }

  /** DSCP and ECN. */
  public Frame tos(int value) {
    return with(f -> f.tos = value);
  }

  /** The identification of IPv4, and of fragments. */
  public Frame id(int value) {
    return with(f -> f.id = value);
  }

  /** TTL or hop limit. */
  public Frame ttl(int value) {
    return with(f -> f.ttl = value);
  }

  /** Of IPv6: 20 bits. */
  public Frame flowLabel(int value) {
    return with(f -> f.flowLabel = value & 0xfffff);
  }

  /** As a router passes it on: TTL or hop limit one less. */
  public Frame hop() {
    return ttl(ttl - 1);
  }

  /** IPv4 options, a multiple of 4 bytes, at most 40. */
  public Frame ipOptions(byte[] options) {
    return with(f -> f.ipOptions = options.clone());
  }

  /** One more IPv6 extension header of 8 bytes after those before, its options all padding. */
  public Frame extension(int type) {
    return extension(type, 8);
  }

  /**
   * One more IPv6 extension header after those before, its options all padding.
   *
   * @param length all of it in bytes: 8 to 2048 in steps of 8; of an {@link #AUTHENTICATION} header
   *     12 to 1028 in steps of 4
   */
  public Frame extension(int type, int length) {
    return with(f -> f.extensions = and(f.extensions, ExtensionHeader.padding(type, length)));
  }

  /** As the other, with all bytes given; only the first one, the next header, is filled in. */
  public Frame extension(int type, byte[] bytes) {
    return with(f -> f.extensions = and(f.extensions, new ExtensionHeader(type, bytes.clone())));
  }

  /**
   * Makes it a fragment. The first one has layer 4 from its header on, a later one only payload.
   * IPv6 extension headers come before the fragment header.
   *
   * @param offset in bytes, a multiple of 8
   */
  public Frame fragment(int offset, boolean more) {
    return with(
        f -> {
          f.fragment = true;
          f.fragmentOffset = offset;
          f.moreFragments = more;
        });
  }

  public Frame flags(int tcp) {
    return with(f -> f.tcpFlags = tcp);
  }

  public Frame sequence(int number, int acknowledged) {
    return with(
        f -> {
          f.sequence = number;
          f.acknowledgement = acknowledged;
        });
  }

  /** TCP options, a multiple of 4 bytes, at most 40. */
  public Frame tcpOptions(byte[] options) {
    return with(f -> f.tcpOptions = options.clone());
  }

  /** UDP over IPv4 only: the sender computed no checksum. */
  public Frame withoutChecksum() {
    return with(f -> f.checksum = false);
  }

  public Frame payload(byte[] bytes) {
    return with(f -> f.payload = bytes.clone());
  }

  /** What follows the IP packet in the frame. */
  public Frame padding(byte[] bytes) {
    return with(f -> f.padding = bytes.clone());
  }

  /**
   * Writes over what was assembled: a wrong length, a reserved bit. Nothing is computed again.
   *
   * @param offset counted from the first byte of the IP header
   * @param bytes each 0 to 255
   */
  public Frame patch(int offset, int... bytes) {
    return with(f -> f.patches = and(f.patches, new Patch(false, offset, Bytes.of(bytes))));
  }

  /** As {@link #patch}, counted from the first byte behind the IP headers. */
  public Frame patchLayer4(int offset, int... bytes) {
    return with(f -> f.patches = and(f.patches, new Patch(true, offset, Bytes.of(bytes))));
  }

  /** The checksum of the IPv4 header is that of the patched header. */
  public Frame checksumOfPatchedHeader() {
    return with(f -> f.checksumOfPatchedHeader = true);
  }

  private Frame with(Consumer<Frame> change) {
    try {
      Frame copy = (Frame) clone();
      change.accept(copy);
      return copy;
    } catch (CloneNotSupportedException e) {
      throw new AssertionError(e);
    }
  }

  /** The frame, all lengths and checksums filled in. */
  public byte[] bytes() {
    ByteArrayOutputStream frame = new ByteArrayOutputStream();
    frame.writeBytes(destinationMac);
    frame.writeBytes(sourceMac);
    for (int vlan : vlans) {
      frame.writeBytes(Bytes.words(ETHERTYPE_VLAN, vlan));
    }
    frame.writeBytes(Bytes.words(ipv6() ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4));
    frame.writeBytes(ipPacket());
    frame.writeBytes(padding);
    return frame.toByteArray();
  }

  /** The IP packet alone, without Ethernet header and padding. */
  public byte[] ipPacket() {
    byte[] layer4 = layer4();
    byte[] packet = ipv6() ? ipv6(layer4) : ipv4(layer4);
    int header = packet.length - layer4.length;
    for (Patch patch : patches) {
      int at = patch.offset() + (patch.ofLayer4() ? header : 0);
      System.arraycopy(patch.bytes(), 0, packet, at, patch.bytes().length);
    }
    if (checksumOfPatchedHeader) {
      writeHeaderChecksum(packet, header);
    }
    return packet;
  }

  /** What an ICMP error quotes of it: all IP headers and the first bytes behind them. */
  public byte[] quote(int layer4Bytes) {
    byte[] packet = ipPacket();
    int length = layer4().length;
    if (layer4Bytes > length) {
      throw new IllegalArgumentException("layer 4 has only " + length + " bytes");
    }
    return Arrays.copyOf(packet, packet.length - length + layer4Bytes);
  }

  private boolean ipv6() {
    return source.length == 16;
  }

  private byte[] ipv4(byte[] layer4) {
    int header = 20 + ipOptions.length;
    ByteBuffer ip = ByteBuffer.allocate(header + layer4.length);
    ip.put((byte) (4 << 4 | header / 4)).put((byte) tos).putShort((short) ip.capacity());
    ip.putShort((short) id);
    int flags = fragment ? (moreFragments ? 0x2000 : 0) : 0x4000; // don't fragment
    ip.putShort((short) (flags | fragmentOffset / 8));
    ip.put((byte) ttl).put((byte) protocol).putShort((short) 0).put(source).put(destination);
    ip.put(ipOptions).put(layer4);
    writeHeaderChecksum(ip.array(), header);
    return ip.array();
  }

  private static void writeHeaderChecksum(byte[] ipv4, int header) {
    ByteBuffer ip = ByteBuffer.wrap(ipv4).putShort(10, (short) 0);
    ip.putShort(10, (short) new InternetChecksum().add(ipv4, 0, header).value());
  }

  private byte[] ipv6(byte[] layer4) {
    List<ExtensionHeader> chain =
        fragment
            ? and(extensions, ExtensionHeader.fragment(fragmentOffset, moreFragments, id))
            : extensions;
    ByteArrayOutputStream body = new ByteArrayOutputStream();
    for (int i = 0; i < chain.size(); i++) {
      int next = i + 1 < chain.size() ? chain.get(i + 1).type() : protocol;
      body.writeBytes(chain.get(i).before(next));
    }
    body.writeBytes(layer4);
    ByteBuffer ip = ByteBuffer.allocate(40 + body.size());
    ip.putInt(6 << 28 | tos << 20 | flowLabel).putShort((short) body.size());
    ip.put((byte) (chain.isEmpty() ? protocol : chain.get(0).type())).put((byte) ttl);
    return ip.put(source).put(destination).put(body.toByteArray()).array();
  }

  private byte[] layer4() {
    if (fragmentOffset > 0) {
      return payload;
    }
    return switch (protocol) {
      case TCP -> {
        int header = 20 + tcpOptions.length;
        ByteBuffer tcp = ByteBuffer.allocate(header + payload.length);
        tcp.putShort((short) sourcePort).putShort((short) destinationPort);
        tcp.putInt(sequence).putInt(acknowledgement);
        tcp.put((byte) (header / 4 << 4)).put((byte) tcpFlags).putShort((short) 65000);
        tcp.putInt(0).put(tcpOptions).put(payload);
        yield tcp.putShort(16, (short) checksum(tcp.array())).array();
      }
      case UDP -> {
        ByteBuffer udp = ByteBuffer.allocate(8 + payload.length);
        udp.putShort((short) sourcePort).putShort((short) destinationPort);
        udp.putShort((short) udp.capacity()).putShort((short) 0).put(payload);
        int check = checksum ? checksum(udp.array()) : 0;
        yield udp.putShort(6, (short) (checksum && check == 0 ? 0xffff : check)).array();
      }
      case ICMP, ICMPV6 -> {
        byte[] message = payload.clone();
        if (checksum) {
          ByteBuffer icmp = ByteBuffer.wrap(message).putShort(2, (short) 0);
          icmp.putShort(2, (short) checksum(message));
        }
        yield message;
      }
      default -> payload;
    };
  }

  private int checksum(byte[] layer4) {
    InternetChecksum sum = new InternetChecksum().add(layer4);
    if (protocol != ICMP) {
      sum.add(source).add(destination).add(layer4.length).add(protocol);
    }
    return sum.value();
  }

  private static <T> List<T> and(List<T> list, T last) {
    return Stream.concat(list.stream(), Stream.of(last)).toList();
  }
}
