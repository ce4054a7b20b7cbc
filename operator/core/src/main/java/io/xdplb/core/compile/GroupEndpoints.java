// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import io.xdplb.core.model.BackendKey;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The endpoints of one group and one address family, and which of them take new flows: the ready
 * ones, or, if none is ready, those that are terminating and still serve (as kube-proxy does, KEP
 * 1669). An endpoint that several EndpointSlices list counts once, and as the best of them.
 */
final class GroupEndpoints {

  /** From worst to best. */
  private enum State {
    LISTED,
    FALLBACK,
    READY
  }

  private final Map<BackendKey, State> states = new TreeMap<>();

  void add(BackendKey endpoint, EndpointConditions conditions) {
    State state =
        conditions.isReady()
            ? State.READY
            : conditions.isFallback() ? State.FALLBACK : State.LISTED;
    states.merge(endpoint, state, (a, b) -> a.compareTo(b) >= 0 ? a : b);
  }

  /** All that are listed. */
  Set<BackendKey> all() {
    return states.keySet();
  }

  /** Those that take new flows, if the group does. */
  Set<BackendKey> takers() {
    State wanted = states.containsValue(State.READY) ? State.READY : State.FALLBACK;
    Set<BackendKey> takers = new TreeSet<>();
    states.forEach(
        (endpoint, state) -> {
          if (state == wanted) {
            takers.add(endpoint);
          }
        });
    return takers;
  }
}
