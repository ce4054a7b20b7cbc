// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.packet;

import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * An IPv6 extension header (RFC 8200, section 4).
 *
 * @param type the number by which the header before it names this one
 * @param bytes all of it; the first byte, the next header, is filled in when the chain is known
 */
record ExtensionHeader(int type, byte[] bytes) {
  static final int FRAGMENT = 44;
  static final int AUTHENTICATION = 51;
  static final int MOBILITY = 135;

  private static final int PAD_N = 1;
  private static final int LONGEST_PAD_N = 2 + 255;

  /**
   * One whose content means nothing: PadN options (RFC 8200, section 4.2). Read as a routing header
   * it is one of a type that was given up, read as an authentication header one with a made-up key.
   *
   * @param length all of it in bytes: 8 to 2048 in steps of 8; of an authentication header 12 to
   *     1028 in steps of 4
   */
  static ExtensionHeader padding(int type, int length) {
    boolean authentication = type == AUTHENTICATION;
    int step = authentication ? 4 : 8;
    int least = authentication ? 12 : 8;
    int most = authentication ? 255 * 4 + 8 : 256 * 8;
    if (length < least || length > most || length % step != 0) {
      throw new IllegalArgumentException("no length of an extension header: " + length);
    }
    byte[] bytes = new byte[length];
    bytes[1] = (byte) (authentication ? length / 4 - 2 : length / 8 - 1);
    for (int at = 2; at < length; ) {
      // A PadN has two bytes at least, so one may not leave a single byte to the next.
      int pad = Math.min(length - at, LONGEST_PAD_N - 1);
      pad -= length - at - pad == 1 ? 1 : 0;
      bytes[at] = PAD_N;
      bytes[at + 1] = (byte) (pad - 2);
      at += pad;
    }
    return new ExtensionHeader(type, bytes);
  }

  /** A fragment header (RFC 8200, section 4.5). */
  static ExtensionHeader fragment(int offset, boolean more, int id) {
    ByteBuffer header = ByteBuffer.allocate(8).putShort((short) 0);
    header.putShort((short) (offset & ~7 | (more ? 1 : 0))).putInt(id);
    return new ExtensionHeader(FRAGMENT, header.array());
  }

  /** The header with the number of what follows it. */
  byte[] before(int next) {
    byte[] copy = Arrays.copyOf(bytes, bytes.length);
    copy[0] = (byte) next;
    return copy;
  }

  /** Whether {@code type} is that of a header with more headers behind it. */
  static boolean isOne(int type) {
    return switch (type) {
      case Frame.HOP_BY_HOP,
          Frame.ROUTING,
          Frame.DESTINATION_OPTIONS,
          FRAGMENT,
          AUTHENTICATION,
          MOBILITY ->
          true;
      default -> false;
    };
  }

  /** How long a header is whose second byte is {@code length}. */
  static int length(int type, int length) {
    return switch (type) {
      case FRAGMENT -> 8;
      case AUTHENTICATION -> (length + 2) * 4;
      default -> (length + 1) * 8;
    };
  }
}
