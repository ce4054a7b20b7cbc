// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.packet;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.util.HexFormat;

/** Short ways to bytes and back. */
final class Bytes {
  private Bytes() {}

  /** Numbers from 0 to 255, one a byte. */
  static byte[] of(int... values) {
    byte[] bytes = new byte[values.length];
    for (int i = 0; i < values.length; i++) {
      bytes[i] = (byte) values[i];
    }
    return bytes;
  }

  /** Numbers of 16 bits, in network byte order. */
  static byte[] words(int... values) {
    ByteBuffer words = ByteBuffer.allocate(values.length * 2);
    for (int value : values) {
      words.putShort((short) value);
    }
    return words.array();
  }

  static byte[] mac(String text) {
    return HexFormat.ofDelimiter(":").parseHex(text);
  }

  static byte[] address(String text) {
    try {
      return InetAddress.getByName(text).getAddress(); // of a literal: asks nobody
    } catch (UnknownHostException e) {
      throw new IllegalArgumentException("no address: " + text, e);
    }
  }

  /** As {@link InetAddress} writes it. */
  static String address(byte[] bytes) {
    try {
      return InetAddress.getByAddress(bytes).getHostAddress();
    } catch (UnknownHostException e) {
      throw new AssertionError(e); // 4 or 16 bytes
    }
  }
}
