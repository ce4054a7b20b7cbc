// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import io.xdplb.core.model.BackendKey;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * The endpoints of one group and one address family that can be reached, and which of them take new
 * flows: the ready ones, or, if none is ready, those that are terminating and still serve (as
 * kube-proxy does, KEP 1669). An endpoint that several EndpointSlices list counts once, and as the
 * best of them.
 */
final class GroupEndpoints {

  /** From worst to best. */
  private enum State {
    LISTED,
    FALLBACK,
    READY
  }

  private record Listed(State state, Hints hints, Reach reach) {

    Listed better(Listed other) {
      int order = state.compareTo(other.state);
      return order != 0
          ? (order > 0 ? this : other)
          : new Listed(state, hints.and(other.hints), Reach.preferred(reach, other.reach));
    }
  }

  private final Map<BackendKey, Listed> endpoints = new TreeMap<>();
  private boolean unreached;
  private Set<String> hintedNodes;
  private Set<String> hintedZones;

  /** One that is not reached takes no flows and keeps none. */
  void add(BackendKey endpoint, EndpointConditions conditions, Hints hints, Reach reach) {
    if (!reach.isReached()) {
      unreached = true;
      return;
    }
    hintedNodes = null;
    hintedZones = null;
    State state =
        conditions.isReady()
            ? State.READY
            : conditions.isFallback() ? State.FALLBACK : State.LISTED;
    endpoints.merge(endpoint, new Listed(state, hints, reach), Listed::better);
  }

  /** All that are listed and reached. */
  Set<BackendKey> all() {
    return endpoints.keySet();
  }

  /** How one of them is reached. */
  Reach reach(BackendKey endpoint) {
    return endpoints.get(endpoint).reach();
  }

  /** Whether endpoints are missing because the forwarding mode has no way to reach them. */
  boolean lacksUnreached() {
    return unreached;
  }

  /** The ready ones on each node that has some. */
  Map<String, Set<BackendKey>> readyByNode() {
    Map<String, Set<BackendKey>> ready = new TreeMap<>();
    endpoints.forEach(
        (endpoint, listed) -> {
          if (listed.state() == State.READY && listed.reach().node() != null) {
            ready.computeIfAbsent(listed.reach().node(), n -> new TreeSet<>()).add(endpoint);
          }
        });
    return ready;
  }

  /** Those that take new flows, if the group does. */
  Set<BackendKey> takers() {
    return takers(listed -> true);
  }

  /** Those that take the new flows of one node, if only those on it do. */
  Set<BackendKey> takersOn(String node) {
    return takers(listed -> node.equals(listed.reach().node()));
  }

  /**
   * Those that take the new flows of one node: as kube-proxy does, those with a hint for the node
   * if every ready endpoint has hints for nodes and one is for this; else the same with zones; else
   * all. Where none is ready hints do not count.
   *
   * @param zone of the node; {@code null} if it is in none
   */
  Set<BackendKey> takersFor(String node, String zone) {
    if (hintedNodes().contains(node)) {
      return ready(hints -> hints.nodes().contains(node));
    }
    return takersFor(zone);
  }

  /** Those that take the new flows of the nodes of a zone for which no hint is by their names. */
  Set<BackendKey> takersFor(String zone) {
    return zone != null && hintedZones().contains(zone)
        ? ready(hints -> hints.zones().contains(zone))
        : takers();
  }

  /** The nodes for which endpoints are by name; empty if some ready one does not say. */
  Set<String> hintedNodes() {
    if (hintedNodes == null) {
      hintedNodes = hinted(Hints::nodes);
    }
    return hintedNodes;
  }

  /** The zones for which endpoints are; empty if some ready one does not say. */
  Set<String> hintedZones() {
    if (hintedZones == null) {
      hintedZones = hinted(Hints::zones);
    }
    return hintedZones;
  }

  private Set<String> hinted(Function<Hints, Set<String>> names) {
    Set<String> all = new HashSet<>();
    for (Listed listed : endpoints.values()) {
      if (listed.state() == State.READY) {
        if (names.apply(listed.hints()).isEmpty()) {
          return Set.of();
        }
        all.addAll(names.apply(listed.hints()));
      }
    }
    return all;
  }

  private Set<BackendKey> ready(Predicate<Hints> wanted) {
    return takers(listed -> listed.state() == State.READY && wanted.test(listed.hints()));
  }

  private Set<BackendKey> takers(Predicate<Listed> among) {
    State wanted =
        endpoints.values().stream()
                .anyMatch(listed -> among.test(listed) && listed.state() == State.READY)
            ? State.READY
            : State.FALLBACK;
    Set<BackendKey> takers = new TreeSet<>();
    endpoints.forEach(
        (endpoint, listed) -> {
          if (among.test(listed) && listed.state() == wanted) {
            takers.add(endpoint);
          }
        });
    return takers;
  }
}
