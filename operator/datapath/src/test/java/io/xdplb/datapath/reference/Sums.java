// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath.reference;

import io.xdplb.core.model.Ip;

/**
 * One's complement sums (RFC 1071) over all that a checksum covers, never mended. A checksum is
 * right if the sum with it in place is {@link #RIGHT}. What was wrong when it came must leave as
 * wrong, or an error would be hidden: so a new checksum is the one that keeps the sum what it was.
 */
final class Sums {
  static final int RIGHT = 0xffff;

  private Sums() {}

  /** Of bytes from one offset up to another; an odd number is padded with a zero. */
  static int of(byte[] bytes, int from, int to) {
    long sum = 0;
    for (int at = from; at < to; at += 2) {
      sum += (bytes[at] & 0xff) << 8 | (at + 1 < to ? bytes[at + 1] & 0xff : 0);
    }
    return fold(sum);
  }

  static int of(Ip address) {
    return fold(
        (address.high() >>> 32)
            + (address.high() & 0xffff_ffffL)
            + (address.low() >>> 32)
            + (address.low() & 0xffff_ffffL));
  }

  /** Of the header that TCP, UDP and ICMPv6 put before themselves (RFC 9293, RFC 8200). */
  static int pseudoHeader(Ip source, Ip destination, int length, int protocol) {
    return fold((long) of(source) + of(destination) + length + protocol);
  }

  static int add(int a, int b) {
    return fold((long) a + b);
  }

  private static int fold(long sum) {
    long folded = sum;
    while (folded > 0xffff) {
      folded = (folded & 0xffff) + (folded >>> 16);
    }
    return (int) folded;
  }

  /**
   * The checksum that makes the sum {@code wanted}, over what sums up to {@code rest} without it: 0
   * to 0xfffe, as every sender computes it that has anything but zeros to sum up, and 0xffff else.
   */
  static int checksum(int wanted, int rest) {
    return rest == 0 && wanted == RIGHT ? RIGHT : Math.floorMod(wanted - rest, 0xffff);
  }

  /** The same for UDP, where 0 says that there is none (RFC 768). */
  static int udpChecksum(int wanted, int rest) {
    int checksum = checksum(wanted, rest);
    return checksum == 0 ? 0xffff : checksum;
  }
}
