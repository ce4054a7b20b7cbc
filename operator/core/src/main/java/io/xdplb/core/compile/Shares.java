// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import io.xdplb.core.maglev.Maglev;
import io.xdplb.core.model.BackendKey;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * From the weights of groups to the weights of their endpoints. The weight of a group is shared
 * equally by those of its endpoints that take new flows; an endpoint in several groups adds up. A
 * group without such endpoints leaves its share to the others.
 *
 * <p>The result is exact, in the smallest whole numbers that express it, as long as these add up to
 * no more than the slots of the largest ring. Otherwise they are rounded to that sum, by largest
 * remainder and to no less than 1.
 */
final class Shares {

  /** One slot a unit in the largest ring: finer differences would not show. */
  static final int MAX_UNITS = Maglev.MAX_SIZE;

  /**
   * A group that takes new flows.
   *
   * @param weight at least 1
   * @param takers its endpoints that take new flows
   */
  record Group(int weight, Set<BackendKey> takers) {}

  private Shares() {}

  /** The weight of each endpoint that takes new flows, at least 1. */
  static SortedMap<BackendKey, Integer> of(List<Group> groups) {
    List<Group> some = groups.stream().filter(group -> !group.takers().isEmpty()).toList();
    BigInteger denominator =
        some.stream()
            .map(group -> BigInteger.valueOf(group.takers().size()))
            .reduce(BigInteger.ONE, Shares::leastCommonMultiple);
    SortedMap<BackendKey, BigInteger> exact = new TreeMap<>();
    for (Group group : some) {
      BigInteger each =
          denominator
              .divide(BigInteger.valueOf(group.takers().size()))
              .multiply(BigInteger.valueOf(group.weight()));
      group.takers().forEach(taker -> exact.merge(taker, each, BigInteger::add));
    }
    BigInteger divisor = exact.values().stream().reduce(BigInteger.ZERO, BigInteger::gcd);
    exact.replaceAll((endpoint, share) -> share.divide(divisor));
    SortedMap<BackendKey, Integer> units = new TreeMap<>();
    if (sum(exact.values()).compareTo(BigInteger.valueOf(MAX_UNITS)) <= 0) {
      exact.forEach((endpoint, share) -> units.put(endpoint, share.intValueExact()));
    } else {
      round(exact, units);
    }
    return units;
  }

  private static void round(
      SortedMap<BackendKey, BigInteger> exact, SortedMap<BackendKey, Integer> units) {
    Map<BackendKey, BigInteger> rest = new TreeMap<>(exact);
    long budget = MAX_UNITS;
    // Whoever would get less than one unit gets one; that leaves less for the others, of whom some
    // may then get less than one, and so on.
    boolean again = true;
    while (again) {
      BigInteger total = sum(rest.values());
      BigInteger left = BigInteger.valueOf(budget);
      List<BackendKey> small = new ArrayList<>();
      rest.forEach(
          (endpoint, share) -> {
            if (share.multiply(left).compareTo(total) < 0) {
              small.add(endpoint);
            }
          });
      small.forEach(endpoint -> units.put(endpoint, 1));
      rest.keySet().removeAll(small);
      budget -= small.size();
      again = !small.isEmpty();
    }
    roundByLargestRemainder(rest, budget, units);
  }

  private static void roundByLargestRemainder(
      Map<BackendKey, BigInteger> shares, long budget, Map<BackendKey, Integer> units) {
    record Remainder(BackendKey endpoint, BigInteger value) {}
    BigInteger total = sum(shares.values());
    List<Remainder> remainders = new ArrayList<>();
    for (Map.Entry<BackendKey, BigInteger> share : shares.entrySet()) {
      BigInteger[] ideal =
          share.getValue().multiply(BigInteger.valueOf(budget)).divideAndRemainder(total);
      units.put(share.getKey(), ideal[0].intValueExact());
      remainders.add(new Remainder(share.getKey(), ideal[1]));
    }
    long missing = budget - shares.keySet().stream().mapToLong(units::get).sum();
    // A stable sort: of equal remainders the smaller key comes first.
    remainders.sort(Comparator.comparing(Remainder::value).reversed());
    remainders.stream()
        .limit(missing)
        .forEach(remainder -> units.merge(remainder.endpoint(), 1, Integer::sum));
  }

  private static BigInteger leastCommonMultiple(BigInteger a, BigInteger b) {
    return a.divide(a.gcd(b)).multiply(b);
  }

  private static BigInteger sum(Collection<BigInteger> numbers) {
    return numbers.stream().reduce(BigInteger.ZERO, BigInteger::add);
  }
}
