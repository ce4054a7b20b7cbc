// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.model;

import java.math.BigInteger;

/**
 * Consecutive addresses of one family.
 *
 * @param first the lowest
 * @param last the highest, not below {@code first}
 */
public record IpRange(Ip first, Ip last) {

  /**
   * @throws IllegalArgumentException if the two are of different families or in the wrong order
   */
  public IpRange {
    if (first.isIpv4() != last.isIpv4() || first.compareTo(last) > 0) {
      throw new IllegalArgumentException(
          first + " to " + last + " is no range: write the lower address of one family first");
    }
  }

  /** All addresses of a block. */
  public static IpRange of(Cidr block) {
    Ip first = block.address();
    BigInteger size = BigInteger.ONE.shiftLeft((first.isIpv4() ? 32 : 128) - block.prefix());
    return new IpRange(first, first.plus(size.subtract(BigInteger.ONE)));
  }

  /** Whether an address is in the range; one of the other family never is. */
  public boolean contains(Ip ip) {
    return ip.isIpv4() == first.isIpv4() && first.compareTo(ip) <= 0 && ip.compareTo(last) <= 0;
  }

  /** How many addresses there are. */
  public BigInteger size() {
    return last.distanceFrom(first).add(BigInteger.ONE);
  }
}
