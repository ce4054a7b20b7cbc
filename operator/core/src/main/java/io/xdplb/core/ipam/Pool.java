// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.ipam;

import io.xdplb.api.v1alpha1.AddressPoolSpec.Strategy;
import io.xdplb.api.v1alpha1.Selector;
import io.xdplb.core.model.IpRange;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * An AddressPool that is valid.
 *
 * @param name of the pool
 * @param createdAt of two pools that overlap, the older one has the addresses
 * @param blocks its addresses
 * @param excluded addresses that nobody gets
 * @param autoAssign whether load balancers that name no pool get addresses from here
 * @param priority the highest one is asked first
 * @param strategy which free address is the next
 * @param releaseHold how long an address rests after it has gone from all nodes
 * @param namespaces whose load balancers may have addresses; empty for all
 * @param enforce whether that also holds for those that name the pool or an address of it
 * @param maxPerNamespace how many addresses the load balancers of a namespace may have together
 */
public record Pool(
    String name,
    Instant createdAt,
    List<IpRange> blocks,
    List<IpRange> excluded,
    boolean autoAssign,
    int priority,
    Strategy strategy,
    Duration releaseHold,
    Optional<Selector> namespaces,
    boolean enforce,
    OptionalInt maxPerNamespace) {

  static final Comparator<Pool> OLDEST_FIRST =
      Comparator.comparing(Pool::createdAt).thenComparing(Pool::name);

  static final Comparator<Pool> BEST_FIRST =
      Comparator.comparing(Pool::priority).reversed().thenComparing(Pool::name);

  public Pool {
    blocks = List.copyOf(blocks);
    excluded = List.copyOf(excluded);
  }

  /** Whether load balancers of a namespace with these labels are those that it is for. */
  boolean isFor(Map<String, String> labels) {
    return namespaces.map(selector -> Selectors.matches(selector, labels)).orElse(true);
  }

  /** Whether a load balancer of such a namespace may have an address that it asks for. */
  boolean permits(Map<String, String> labels) {
    return !enforce || isFor(labels);
  }

  /** The addresses that it would have if it were alone. */
  RangeSet addresses() {
    RangeSet addresses = new RangeSet();
    blocks.forEach(addresses::add);
    excluded.forEach(addresses::remove);
    return addresses;
  }
}
