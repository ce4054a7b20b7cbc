// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.packet;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/**
 * What a frame says, and whether it is right: an untagged frame with an IPv4 packet or an IPv6
 * packet without extension headers, carrying TCP or UDP.
 */
public final class Packet {
  private static final int ETHERNET = 14;

  private final byte[] frame;
  private final ByteBuffer buffer;
  private final boolean ipv6;
  private final int layer4;

  private Packet(byte[] frame) {
    this.frame = frame;
    buffer = ByteBuffer.wrap(frame);
    ipv6 = frame.length > ETHERNET && (frame[ETHERNET] & 0xf0) == 0x60;
    if (frame.length < ETHERNET + (ipv6 ? 40 : 20)) {
      throw new IllegalArgumentException("no IP packet:\n" + Hexdump.of(frame));
    }
    layer4 = ETHERNET + (ipv6 ? 40 : (frame[ETHERNET] & 0xf) * 4);
    if (frame.length < layer4 + 8) {
      throw new IllegalArgumentException("no TCP or UDP:\n" + Hexdump.of(frame));
    }
  }

  /**
   * Reads a frame.
   *
   * @throws IllegalArgumentException with the bytes, if it is too short
   */
  public static Packet of(byte[] frame) {
    return new Packet(frame);
  }

  public String destinationMac() {
    return HexFormat.ofDelimiter(":").formatHex(frame, 0, 6);
  }

  public String sourceMac() {
    return HexFormat.ofDelimiter(":").formatHex(frame, 6, 12);
  }

  /** As {@link InetAddress} writes it. */
  public String source() {
    return ipv6 ? address(ETHERNET + 8, 16) : address(ETHERNET + 12, 4);
  }

  public String destination() {
    return ipv6 ? address(ETHERNET + 24, 16) : address(ETHERNET + 16, 4);
  }

  public int protocol() {
    return frame[ETHERNET + (ipv6 ? 6 : 9)] & 0xff;
  }

  /** TTL or hop limit. */
  public int ttl() {
    return frame[ETHERNET + (ipv6 ? 7 : 8)] & 0xff;
  }

  public int sourcePort() {
    return buffer.getShort(layer4) & 0xffff;
  }

  public int destinationPort() {
    return buffer.getShort(layer4 + 2) & 0xffff;
  }

  /** Of TCP, UDP. */
  public int checksum() {
    return buffer.getShort(layer4 + (protocol() == Frame.TCP ? 16 : 6)) & 0xffff;
  }

  /** What is wrong with lengths and checksums; empty if nothing is. */
  public List<String> problems() {
    List<String> problems = new ArrayList<>();
    int end = ETHERNET + (ipv6 ? 40 : 0) + (buffer.getShort(ETHERNET + (ipv6 ? 4 : 2)) & 0xffff);
    if (end > frame.length || end < layer4) {
      problems.add("the IP length ends at " + end + " of " + frame.length + " bytes");
      return problems;
    }
    if (!ipv6 && new InternetChecksum().add(frame, ETHERNET, layer4).value() != 0) {
      problems.add("IPv4 header checksum");
    }
    if (protocol() == Frame.UDP && checksum() == 0 && !ipv6) {
      return problems;
    }
    int length = end - layer4;
    if (protocol() == Frame.UDP) {
      length = buffer.getShort(layer4 + 4) & 0xffff;
      if (length < 8 || layer4 + length > end) {
        problems.add("UDP length " + length + " of " + (end - layer4));
        return problems;
      }
    }
    int addresses = ETHERNET + (ipv6 ? 8 : 12);
    int sum =
        new InternetChecksum()
            .add(frame, addresses, addresses + (ipv6 ? 32 : 8))
            .add(protocol())
            .add(length)
            .add(frame, layer4, layer4 + length)
            .value();
    if (sum != 0) {
      problems.add("layer 4 checksum");
    }
    if (protocol() == Frame.UDP && checksum() == 0) {
      problems.add("UDP checksum 0 over IPv6");
    }
    return problems;
  }

  private String address(int from, int length) {
    try {
      return InetAddress.getByAddress(Arrays.copyOfRange(frame, from, from + length))
          .getHostAddress();
    } catch (UnknownHostException e) {
      throw new AssertionError(e);
    }
  }

  @Override
  public String toString() {
    return "%s:%d > %s:%d protocol %d ttl %d %s\n%s"
        .formatted(
            source(),
            sourcePort(),
            destination(),
            destinationPort(),
            protocol(),
            ttl(),
            problems(),
            Hexdump.of(frame));
  }
}
