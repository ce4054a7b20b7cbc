// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.packet;

import java.nio.ByteBuffer;

/**
 * ICMP (RFC 792, 1191) and ICMPv6 (RFC 4443) messages; the family is that of the addresses. What an
 * error quotes is {@link Frame#ipPacket} of a packet, or the beginning of it ({@link Frame#quote}).
 */
public final class Icmp {
  private static final int UNREACHABLE = 3;
  private static final int FRAGMENTATION_NEEDED = 4;
  private static final int TIME_EXCEEDED = 11;
  private static final int PARAMETER_PROBLEM = 12;
  private static final int UNREACHABLE_V6 = 1;
  private static final int TOO_BIG_V6 = 2;
  private static final int TIME_EXCEEDED_V6 = 3;
  private static final int PARAMETER_PROBLEM_V6 = 4;
  private static final int FIRST_INFORMATIONAL_V6 = 128;

  private Icmp() {}

  /** A ping. */
  public static Frame echoRequest(String from, String to, int id, int sequence, byte... payload) {
    return echo(from, to, ipv6(from) ? 128 : 8, id, sequence, payload);
  }

  /** The answer to one. */
  public static Frame echoReply(String from, String to, int id, int sequence, byte... payload) {
    return echo(from, to, ipv6(from) ? 129 : 0, id, sequence, payload);
  }

  /**
   * Fragmentation needed, or packet too big.
   *
   * @param mtu of the next hop, as it is written into the message
   */
  public static Frame tooBig(String from, String to, int mtu, byte[] quote) {
    return ipv6(from)
        ? error(from, to, TOO_BIG_V6, 0, mtu, quote)
        : error(from, to, UNREACHABLE, FRAGMENTATION_NEEDED, mtu, quote);
  }

  /** TTL or hop limit exceeded in transit. */
  public static Frame timeExceeded(String from, String to, byte[] quote) {
    return error(from, to, ipv6(from) ? TIME_EXCEEDED_V6 : TIME_EXCEEDED, 0, 0, quote);
  }

  /** Nobody listens on the port. */
  public static Frame portUnreachable(String from, String to, byte[] quote) {
    return ipv6(from)
        ? error(from, to, UNREACHABLE_V6, 4, 0, quote)
        : error(from, to, UNREACHABLE, 3, 0, quote);
  }

  /**
   * Something is wrong with the header.
   *
   * @param pointer the byte that is wrong, counted from the quoted header's first
   */
  public static Frame parameterProblem(String from, String to, int pointer, byte[] quote) {
    return ipv6(from)
        ? error(from, to, PARAMETER_PROBLEM_V6, 0, pointer, quote)
        : error(from, to, PARAMETER_PROBLEM, 0, pointer << 24, quote);
  }

  /**
   * Any error.
   *
   * @param word the 4 bytes between checksum and quote
   */
  public static Frame error(String from, String to, int type, int code, int word, byte[] quote) {
    byte[] rest = ByteBuffer.allocate(4 + quote.length).putInt(word).put(quote).array();
    return Frame.icmp(from, to, type, code, rest);
  }

  /** Whether a message of {@code type} quotes a packet. */
  static boolean isError(boolean ipv6, int type) {
    if (ipv6) {
      return type < FIRST_INFORMATIONAL_V6;
    }
    return switch (type) {
      case UNREACHABLE, 4, 5, TIME_EXCEEDED, PARAMETER_PROBLEM -> true; // 4 and 5: quench, redirect
      default -> false;
    };
  }

  private static Frame echo(
      String from, String to, int type, int id, int sequence, byte[] payload) {
    ByteBuffer rest = ByteBuffer.allocate(4 + payload.length);
    rest.putShort((short) id).putShort((short) sequence).put(payload);
    return Frame.icmp(from, to, type, 0, rest.array());
  }

  private static boolean ipv6(String address) {
    return address.contains(":");
  }
}
