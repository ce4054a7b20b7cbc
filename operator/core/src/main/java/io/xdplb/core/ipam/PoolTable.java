// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.ipam;

import io.xdplb.core.model.Ip;
import io.xdplb.core.model.IpRange;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/** All pools, and which of them has an address. Made anew when a pool changes. */
final class PoolTable {

  private record Span(Ip last, PoolState state) {}

  private final Map<String, PoolState> byName = new HashMap<>();
  private final List<PoolState> bestFirst;
  private final NavigableMap<Ip, Span> spans = new TreeMap<>();
  private final Map<String, Set<String>> overlaps = new HashMap<>();

  PoolTable(List<Pool> pools) {
    Map<String, RangeSet> older = new HashMap<>();
    for (Pool pool : pools.stream().sorted(Pool.OLDEST_FIRST).toList()) {
      RangeSet own = pool.addresses();
      for (IpRange range : own.ranges()) {
        older.forEach(
            (name, others) -> {
              if (others.intersects(range)) {
                overlaps.computeIfAbsent(name, key -> new TreeSet<>()).add(pool.name());
                overlaps.computeIfAbsent(pool.name(), key -> new TreeSet<>()).add(name);
              }
            });
      }
      older.put(pool.name(), pool.addresses());
      byName.values().forEach(state -> state.addresses().ranges().forEach(own::remove));
      PoolState state = new PoolState(pool, own);
      byName.put(pool.name(), state);
      own.ranges().forEach(range -> spans.put(range.first(), new Span(range.last(), state)));
    }
    List<PoolState> states = new ArrayList<>(byName.values());
    states.sort((a, b) -> Pool.BEST_FIRST.compare(a.pool(), b.pool()));
    bestFirst = List.copyOf(states);
  }

  Optional<PoolState> named(String name) {
    return Optional.ofNullable(byName.get(name));
  }

  /** The pool that gives an address away. */
  Optional<PoolState> having(Ip ip) {
    Map.Entry<Ip, Span> below = spans.floorEntry(ip);
    return below == null || below.getValue().last().compareTo(ip) < 0
        ? Optional.empty()
        : Optional.of(below.getValue().state());
  }

  /** The pool that keeps everybody from having an address. */
  Optional<Pool> excluding(Ip ip) {
    IpRange only = new IpRange(ip, ip);
    return bestFirst.stream()
        .map(PoolState::pool)
        .filter(pool -> pool.excluded().stream().anyMatch(range -> has(range, only)))
        .filter(pool -> pool.blocks().stream().anyMatch(range -> has(range, only)))
        .findFirst();
  }

  List<PoolState> bestFirst() {
    return bestFirst;
  }

  /** Names of the pools that overlap one, in order. */
  List<String> overlapping(String name) {
    return List.copyOf(overlaps.getOrDefault(name, Set.of()));
  }

  private static boolean has(IpRange range, IpRange part) {
    return range.first().isIpv4() == part.first().isIpv4()
        && range.first().compareTo(part.first()) <= 0
        && range.last().compareTo(part.last()) >= 0;
  }
}
