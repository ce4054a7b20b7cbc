// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * For whom an endpoint is, as an EndpointSlice says (discovery/v1, EndpointHints). No names mean
 * that nothing is said.
 *
 * @param nodes names of nodes
 * @param zones names of zones
 */
public record Hints(Set<String> nodes, Set<String> zones) {

  /** Nothing said. */
  public static final Hints NONE = new Hints(Set.of(), Set.of());

  public Hints {
    nodes = Set.copyOf(nodes);
    zones = Set.copyOf(zones);
  }

  /** Of one endpoint that two EndpointSlices list: what only one of them says is not said. */
  Hints and(Hints other) {
    return new Hints(both(nodes, other.nodes), both(zones, other.zones));
  }

  private static Set<String> both(Set<String> some, Set<String> others) {
    return some.isEmpty() || others.isEmpty()
        ? Set.of()
        : Stream.concat(some.stream(), others.stream()).collect(Collectors.toUnmodifiableSet());
  }
}
