// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.ipam;

import io.xdplb.api.v1alpha1.AddressPoolSpec.Strategy;
import io.xdplb.core.digest.Sha256;
import io.xdplb.core.model.Ip;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The addresses of a pool: which of them are free, in the order of its strategy, and how many each
 * namespace has.
 */
final class PoolState {

  /** Addresses whose order of release is remembered; the first of more than that are as new. */
  private static final int REMEMBERED = 65_536;

  /** Addresses that the strategy Hash tries before it takes the next free one. */
  private static final int HASH_ATTEMPTS = 8;

  private final Pool pool;
  private final RangeSet addresses;

  /** With LeastRecentlyReleased those that nobody has had yet, else all. */
  private final RangeSet free = new RangeSet();

  /** With LeastRecentlyReleased those that somebody has had, the first to be released first. */
  private final Set<Ip> released = new LinkedHashSet<>();

  private final Map<String, Integer> perNamespace = new HashMap<>();
  private int allocatedIpv4;
  private int allocatedIpv6;

  /**
   * @param addresses those that no older pool has; all of them are free
   */
  PoolState(Pool pool, RangeSet addresses) {
    this.pool = pool;
    this.addresses = addresses;
    addresses.ranges().forEach(free::add);
  }

  Pool pool() {
    return pool;
  }

  RangeSet addresses() {
    return addresses;
  }

  boolean has(boolean isIpv4) {
    return addresses.lowest(isIpv4).isPresent();
  }

  /** The address is no longer to be had. */
  void take(Ip ip) {
    if (!released.remove(ip)) {
      free.remove(ip);
    }
  }

  /** The address can be had again. */
  void give(Ip ip) {
    if (pool.strategy() == Strategy.LeastRecentlyReleased) {
      released.add(ip);
      if (released.size() > REMEMBERED) {
        Iterator<Ip> first = released.iterator();
        free.add(first.next());
        first.remove();
      }
    } else {
      free.add(ip);
    }
  }

  /** Free addresses in the order in which they were released, as far as that is known. */
  List<Ip> releaseOrder() {
    return List.copyOf(released);
  }

  /** What of these is free was released in this order. */
  void released(Collection<Ip> inOrder) {
    if (pool.strategy() == Strategy.LeastRecentlyReleased) {
      for (Ip ip : inOrder) {
        if (free.contains(ip)) {
          free.remove(ip);
          give(ip);
        }
      }
    }
  }

  /** Counts an address that a namespace has from now on, and had not before. */
  void count(String namespace) {
    perNamespace.merge(namespace, 1, Integer::sum);
  }

  /** The opposite of {@link #count}. */
  void discount(String namespace) {
    perNamespace.computeIfPresent(namespace, (n, count) -> count == 1 ? null : count - 1);
  }

  /** Counts an address that somebody has from now on, or (-1) nobody has any more. */
  void countAllocated(Ip ip, int difference) {
    if (ip.isIpv4()) {
      allocatedIpv4 += difference;
    } else {
      allocatedIpv6 += difference;
    }
  }

  int allocated(boolean isIpv4) {
    return isIpv4 ? allocatedIpv4 : allocatedIpv6;
  }

  /**
   * Whether a namespace may have another address.
   *
   * @param more how many it is about to get besides
   */
  boolean hasQuota(String namespace, int more) {
    return pool.maxPerNamespace().isEmpty()
        || perNamespace.getOrDefault(namespace, 0) + more < pool.maxPerNamespace().getAsInt();
  }

  /** The free address that a load balancer gets next; empty if there is none of the family. */
  Optional<Ip> next(boolean isIpv4, String balancer) {
    return switch (pool.strategy()) {
      case Sequential -> free.lowest(isIpv4);
      case LeastRecentlyReleased ->
          free.lowest(isIpv4)
              .or(() -> released.stream().filter(ip -> ip.isIpv4() == isIpv4).findFirst());
      case Hash -> hashed(isIpv4, balancer);
    };
  }

  private Optional<Ip> hashed(boolean isIpv4, String balancer) {
    BigInteger size = addresses.size(isIpv4);
    if (free.lowest(isIpv4).isEmpty()) {
      return Optional.empty();
    }
    List<Ip> tried = new ArrayList<>();
    for (int attempt = 0; attempt < HASH_ATTEMPTS; attempt++) {
      byte[] digest =
          Sha256.start().digest((balancer + "#" + attempt).getBytes(StandardCharsets.UTF_8));
      Ip ip = addresses.nth(isIpv4, new BigInteger(1, digest).mod(size));
      if (free.contains(ip)) {
        return Optional.of(ip);
      }
      tried.add(ip);
    }
    return free.from(tried.get(0)).or(() -> free.lowest(isIpv4));
  }
}
