// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.packet;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;

/** TCP options, for {@link Frame#tcpOptions}, by RFC 9293, 7323 and 2018. */
public final class TcpOptions {
  public static final int MAXIMUM_SEGMENT_SIZE = 2;

  private TcpOptions() {}

  /** Options in this order, then zeros (end of options) up to a multiple of 4 bytes. */
  public static byte[] of(byte[]... options) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (byte[] option : options) {
      all.writeBytes(option);
    }
    while (all.size() % 4 != 0) {
      all.write(0);
    }
    return all.toByteArray();
  }

  /** The maximum segment size. */
  public static byte[] mss(int bytes) {
    return new byte[] {MAXIMUM_SEGMENT_SIZE, 4, (byte) (bytes >> 8), (byte) bytes};
  }

  /** One byte that means nothing. */
  public static byte[] nop() {
    return new byte[] {1};
  }

  public static byte[] windowScale(int shift) {
    return new byte[] {3, 3, (byte) shift};
  }

  public static byte[] sackPermitted() {
    return new byte[] {4, 2};
  }

  public static byte[] timestamps(int value, int echo) {
    return ByteBuffer.allocate(10).put((byte) 8).put((byte) 10).putInt(value).putInt(echo).array();
  }

  /** What Linux sends in a SYN, the maximum segment size first. */
  public static byte[] linuxSyn(int mss) {
    return of(mss(mss), sackPermitted(), timestamps(0x01020304, 0), nop(), windowScale(7));
  }
}
