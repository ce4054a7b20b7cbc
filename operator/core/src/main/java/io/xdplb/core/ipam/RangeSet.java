// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.ipam;

import io.xdplb.core.model.Ip;
import io.xdplb.core.model.IpRange;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.TreeMap;

/**
 * A set of addresses of both families, kept as ranges that do not touch: its memory is proportional
 * to the gaps in it, however many addresses there are.
 */
final class RangeSet {

  private static final Ip LOWEST_IPV4 = new Ip(0, 0, true);
  private static final Ip LOWEST_IPV6 = new Ip(0, 0, false);

  /** Last addresses by first ones. */
  private final NavigableMap<Ip, Ip> ranges = new TreeMap<>();

  void add(IpRange range) {
    Ip first = range.first();
    Ip last = range.last();
    // What overlaps or touches becomes one range.
    Map.Entry<Ip, Ip> below = ranges.floorEntry(first);
    if (below != null && reaches(below.getValue(), first)) {
      first = below.getKey();
      last = max(last, below.getValue());
    }
    for (Map.Entry<Ip, Ip> next = ranges.ceilingEntry(first);
        next != null && reaches(last, next.getKey());
        next = ranges.higherEntry(first)) {
      last = max(last, next.getValue());
      ranges.remove(next.getKey());
      ranges.put(first, last);
    }
    ranges.put(first, last);
  }

  void add(Ip ip) {
    add(new IpRange(ip, ip));
  }

  void remove(IpRange range) {
    Ip first = range.first();
    Ip last = range.last();
    for (Map.Entry<Ip, Ip> at = overlapping(range);
        at != null && at.getKey().compareTo(last) <= 0;
        at = ranges.higherEntry(at.getKey())) {
      ranges.remove(at.getKey());
      if (at.getKey().compareTo(first) < 0) {
        ranges.put(at.getKey(), first.previous().orElseThrow());
      }
      if (at.getValue().compareTo(last) > 0) {
        ranges.put(last.next().orElseThrow(), at.getValue());
        return;
      }
    }
  }

  void remove(Ip ip) {
    remove(new IpRange(ip, ip));
  }

  boolean contains(Ip ip) {
    return intersects(new IpRange(ip, ip));
  }

  /** Whether the two have an address in common. */
  boolean intersects(IpRange range) {
    Map.Entry<Ip, Ip> at = overlapping(range);
    return at != null && at.getKey().compareTo(range.last()) <= 0;
  }

  /** The lowest address of a family that is not below another one. */
  Optional<Ip> from(Ip lowest) {
    Map.Entry<Ip, Ip> below = ranges.floorEntry(lowest);
    if (below != null && below.getValue().compareTo(lowest) >= 0) {
      return Optional.of(lowest);
    }
    return Optional.ofNullable(ranges.ceilingKey(lowest))
        .filter(ip -> ip.isIpv4() == lowest.isIpv4());
  }

  /** The lowest address of a family. */
  Optional<Ip> lowest(boolean isIpv4) {
    return from(isIpv4 ? LOWEST_IPV4 : LOWEST_IPV6);
  }

  /** How many addresses of a family there are. */
  BigInteger size(boolean isIpv4) {
    return ranges(isIpv4).stream().map(IpRange::size).reduce(BigInteger.ZERO, BigInteger::add);
  }

  /**
   * The address of a family that so many others of it precede.
   *
   * @param index 0 to {@code size} - 1
   */
  Ip nth(boolean isIpv4, BigInteger index) {
    BigInteger left = index;
    for (IpRange range : ranges(isIpv4)) {
      if (left.compareTo(range.size()) < 0) {
        return range.first().plus(left);
      }
      left = left.subtract(range.size());
    }
    throw new IndexOutOfBoundsException(index + " of " + size(isIpv4) + " addresses");
  }

  /** All of it, in order. */
  List<IpRange> ranges() {
    List<IpRange> all = new ArrayList<>(ranges.size());
    ranges.forEach((first, last) -> all.add(new IpRange(first, last)));
    return all;
  }

  private List<IpRange> ranges(boolean isIpv4) {
    return ranges().stream().filter(range -> range.first().isIpv4() == isIpv4).toList();
  }

  /** The lowest range that ends at or after the first address of another; it may begin after it. */
  private Map.Entry<Ip, Ip> overlapping(IpRange range) {
    Map.Entry<Ip, Ip> below = ranges.floorEntry(range.first());
    return below != null && below.getValue().compareTo(range.first()) >= 0
        ? below
        : ranges.ceilingEntry(range.first());
  }

  /** Whether no address lies between the end of a range and the beginning of a higher one. */
  private static boolean reaches(Ip end, Ip beginning) {
    return end.compareTo(beginning) >= 0 || end.next().filter(beginning::equals).isPresent();
  }

  private static Ip max(Ip a, Ip b) {
    return a.compareTo(b) >= 0 ? a : b;
  }
}
