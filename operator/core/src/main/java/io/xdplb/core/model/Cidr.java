// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.model;

import java.util.Comparator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A block of addresses. Host bits of {@code address} are cleared, so that equal blocks are equal
 * however they were written.
 *
 * @param address the first of the block
 * @param prefix length of the prefix: 0 to 32 for IPv4, 0 to 128 for IPv6
 */
public record Cidr(Ip address, int prefix) implements Comparable<Cidr> {

  private static final Comparator<Cidr> ORDER =
      Comparator.comparing(Cidr::address).thenComparingInt(Cidr::prefix);

  private static final Pattern TEXT = Pattern.compile("([^/]+)/(0|[1-9][0-9]{0,2})");

  /**
   * @throws IllegalArgumentException if the prefix is too long for the family
   */
  public Cidr {
    int bits = address.isIpv4() ? 32 : 128;
    if (prefix < 0 || prefix > bits) {
      throw new IllegalArgumentException(
          "the prefix length of " + address + "/" + prefix + " is not 0 to " + bits);
    }
    // In an IPv4 address the upper 96 bits are zero anyway.
    int unused = bits - prefix;
    long high =
        unused >= 128 ? 0 : unused > 64 ? address.high() & -1L << unused - 64 : address.high();
    long low = unused >= 64 ? 0 : address.low() & -1L << unused;
    address = new Ip(high, low, address.isIpv4());
  }

  /**
   * Parses a block as {@code 10.0.0.0/8} or {@code 2001:db8::/32}; bits beyond the prefix are
   * ignored.
   *
   * @throws IllegalArgumentException if {@code text} is anything else, also a single address
   *     without prefix length
   */
  public static Cidr parse(String text) {
    Matcher matcher = TEXT.matcher(text);
    if (!matcher.matches()) {
      throw new IllegalArgumentException(
          "not a block of addresses: \"" + text + "\" (address/prefix length, as 10.0.0.0/8)");
    }
    return new Cidr(Ip.parse(matcher.group(1)), Integer.parseInt(matcher.group(2)));
  }

  /** Whether it is a block of IPv4 addresses. */
  public boolean isIpv4() {
    return address.isIpv4();
  }

  /** Whether an address is in the block; one of the other family never is. */
  public boolean contains(Ip ip) {
    return ip.isIpv4() == isIpv4() && new Cidr(ip, prefix).equals(this);
  }

  /** IPv4 before IPv6, then by address, then the larger block first. */
  @Override
  public int compareTo(Cidr other) {
    return ORDER.compare(this, other);
  }

  /** As {@code 10.0.0.0/8}. */
  @Override
  public String toString() {
    return address + "/" + prefix;
  }
}
