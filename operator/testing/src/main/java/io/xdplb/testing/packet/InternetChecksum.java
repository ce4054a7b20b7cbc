// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.packet;

/** The Internet checksum (RFC 1071), word by word over everything that it covers. */
final class InternetChecksum {
  private long sum;

  /** Adds bytes; an odd number is padded with a zero, so only the last ones may be odd. */
  InternetChecksum add(byte[] bytes, int from, int to) {
    for (int at = from; at < to; at += 2) {
      sum += (bytes[at] & 0xff) << 8 | (at + 1 < to ? bytes[at + 1] & 0xff : 0);
    }
    return this;
  }

  InternetChecksum add(byte[] bytes) {
    return add(bytes, 0, bytes.length);
  }

  InternetChecksum add(int word) {
    sum += (word >>> 16) + (word & 0xffff);
    return this;
  }

  /** The complement of the sum: 0 over data that holds its own correct checksum. */
  int value() {
    long folded = sum;
    while (folded > 0xffff) {
      folded = (folded & 0xffff) + (folded >> 16);
    }
    return (int) ~folded & 0xffff;
  }
}
