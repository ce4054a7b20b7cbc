// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.model;

import inet.ipaddr.AddressStringException;
import inet.ipaddr.IPAddress;
import inet.ipaddr.IPAddressNetwork.IPAddressGenerator;
import inet.ipaddr.IPAddressString;
import inet.ipaddr.IPAddressStringParameters;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.util.Optional;

/**
 * An IPv4 or IPv6 address, without zone or prefix length. Kept as two longs, because an agent holds
 * tens of thousands of them.
 *
 * @param high the upper 64 bits of an IPv6 address; 0 for IPv4
 * @param low the lower 64 bits of an IPv6 address; for IPv4 the 32 bits of the address
 * @param isIpv4 which family
 */
public record Ip(long high, long low, boolean isIpv4) implements Comparable<Ip> {

  private static final IPAddressStringParameters PLAIN =
      new IPAddressStringParameters.Builder()
          .allowEmpty(false)
          .allowAll(false)
          .allowSingleSegment(false)
          .allowPrefix(false)
          .allowMask(false)
          .allowWildcardedSeparator(false)
          .getIPv4AddressParametersBuilder()
          .allow_inet_aton(false)
          .allowLeadingZeros(false)
          .getParentBuilder()
          .getIPv6AddressParametersBuilder()
          .allowZone(false)
          .allowBase85(false)
          .getParentBuilder()
          .toParams();

  /**
   * Parses an address in its usual text form.
   *
   * @throws IllegalArgumentException if {@code text} is not a single plain address; an IPv4-mapped
   *     IPv6 address is refused too, since packets to it carry the IPv4 address
   */
  public static Ip parse(String text) {
    IPAddress address;
    try {
      address = new IPAddressString(text, PLAIN).toAddress();
    } catch (AddressStringException | IllegalArgumentException e) {
      address = null;
    }
    if (address == null || address.isMultiple()) {
      throw new IllegalArgumentException(
          "not an IPv4 or IPv6 address: \"" + text + "\" (no prefix length, zone or range)");
    }
    if (address.isIPv6() && address.toIPv6().isIPv4Mapped()) {
      throw new IllegalArgumentException("an IPv4-mapped IPv6 address: \"" + text + "\"");
    }
    return ofBytes(address.getBytes());
  }

  /**
   * From 4 or 16 bytes in network order.
   *
   * @throws IllegalArgumentException for any other length
   */
  public static Ip ofBytes(byte[] bytes) {
    return switch (bytes.length) {
      case 4 -> new Ip(0, ByteBuffer.wrap(bytes).getInt() & 0xffff_ffffL, true);
      case 16 -> new Ip(ByteBuffer.wrap(bytes).getLong(), ByteBuffer.wrap(bytes).getLong(8), false);
      default -> throw new IllegalArgumentException(bytes.length + " bytes are no IP address");
    };
  }

  /** 4 or 16 bytes in network order. */
  public byte[] bytes() {
    return isIpv4
        ? ByteBuffer.allocate(4).putInt((int) low).array()
        : ByteBuffer.allocate(16).putLong(high).putLong(low).array();
  }

  /** The address after this one; empty after the last one of the family. */
  public Optional<Ip> next() {
    if (isIpv4) {
      return low == 0xffff_ffffL ? Optional.empty() : Optional.of(new Ip(0, low + 1, true));
    }
    return high == -1 && low == -1
        ? Optional.empty()
        : Optional.of(new Ip(low == -1 ? high + 1 : high, low + 1, false));
  }

  /** The address before this one; empty before the first one of the family. */
  public Optional<Ip> previous() {
    return high == 0 && low == 0
        ? Optional.empty()
        : Optional.of(new Ip(low == 0 ? high - 1 : high, low - 1, isIpv4));
  }

  /**
   * The address that is so many after this one.
   *
   * @throws IllegalArgumentException if the family has no such address
   */
  public Ip plus(BigInteger count) {
    BigInteger sum = value().add(count);
    if (sum.signum() < 0 || sum.bitLength() > (isIpv4 ? 32 : 128)) {
      throw new IllegalArgumentException("no address is " + count + " after " + this);
    }
    return new Ip(sum.shiftRight(64).longValue(), sum.longValue(), isIpv4);
  }

  /** How many addresses this one is after another one of the same family. */
  public BigInteger distanceFrom(Ip other) {
    return value().subtract(other.value());
  }

  private BigInteger value() {
    return new BigInteger(1, bytes());
  }

  /** IPv4 before IPv6, then by value. */
  @Override
  public int compareTo(Ip other) {
    if (isIpv4 != other.isIpv4) {
      return isIpv4 ? -1 : 1;
    }
    int byHigh = Long.compareUnsigned(high, other.high);
    return byHigh != 0 ? byHigh : Long.compareUnsigned(low, other.low);
  }

  /** Canonical text (RFC 5952 for IPv6). */
  @Override
  public String toString() {
    return new IPAddressGenerator().from(bytes()).toCanonicalString();
  }
}
