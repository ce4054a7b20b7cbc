// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import io.xdplb.api.v1alpha1.Limits;
import io.xdplb.core.maglev.Maglev;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Place;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A listener and the endpoints of all its groups.
 *
 * @param isLocal whether a node uses only the endpoints on it; then each has a node
 * @param zoneOf the zone of a node; {@code null} if it is in none, or not known
 */
record ResolvedListener(
    ValidSpec.Listener spec, List<Group> groups, boolean isLocal, UnaryOperator<String> zoneOf) {

  private static final long UNITS_OVER_DIFFERENT_RINGS = 40;

  /**
   * A group of backends.
   *
   * @param weight of the group
   * @param drainSeconds of each of its endpoints
   */
  record Group(int weight, int drainSeconds, GroupEndpoints ipv4, GroupEndpoints ipv6) {

    GroupEndpoints ofFamily(boolean isIpv4) {
      return isIpv4 ? ipv4 : ipv6;
    }
  }

  /** The backends of the VIPs of one family, ordered by key, each once. */
  List<Backend> backends(boolean isIpv4) {
    SortedMap<BackendKey, Integer> drains = new TreeMap<>();
    for (Group group : groups) {
      for (BackendKey endpoint : group.ofFamily(isIpv4).all()) {
        drains.merge(endpoint, group.drainSeconds(), Math::max);
      }
    }
    Map<BackendKey, Reach> reaches = reaches(isIpv4);
    Map<BackendKey, Integer> weights = isLocal ? Map.of() : shares(GroupEndpoints::takers, isIpv4);
    Map<BackendKey, Map<Place, Integer>> parts =
        isLocal ? localParts(reaches, isIpv4) : hintedParts(isIpv4);
    return drains.entrySet().stream()
        .map(
            e ->
                new Backend(
                    e.getKey(),
                    weights.getOrDefault(e.getKey(), 0),
                    e.getValue(),
                    reaches.get(e.getKey()).delivery(),
                    parts.getOrDefault(e.getKey(), Map.of())))
        .toList();
  }

  /** Each node has those on it. */
  private Map<BackendKey, Map<Place, Integer>> localParts(
      Map<BackendKey, Reach> reaches, boolean isIpv4) {
    Map<BackendKey, Map<Place, Integer>> parts = new HashMap<>();
    reaches.values().stream()
        .map(Reach::node)
        .distinct()
        .forEach(
            node -> {
              Map<BackendKey, Integer> shares =
                  new HashMap<>(shares(endpoints -> endpoints.takersOn(node), isIpv4));
              // The same endpoint is on one node: that by which it is reached.
              shares.keySet().removeIf(key -> !node.equals(reaches.get(key).node()));
              put(parts, Place.node(node), shares);
            });
    return parts;
  }

  /**
   * What hints make different. Where more nodes or zones have to be told apart than a backend can
   * say, which takes several groups, nodes are not, or neither are zones.
   */
  private Map<BackendKey, Map<Place, Integer>> hintedParts(boolean isIpv4) {
    Map<BackendKey, Map<Place, Integer>> zones = new HashMap<>();
    hinted(GroupEndpoints::hintedZones, isIpv4)
        .forEach(
            zone ->
                put(
                    zones,
                    Place.zone(zone),
                    shares(endpoints -> endpoints.takersFor(zone), isIpv4)));
    Map<BackendKey, Map<Place, Integer>> all = new HashMap<>();
    zones.forEach((key, parts) -> all.put(key, new HashMap<>(parts)));
    hinted(GroupEndpoints::hintedNodes, isIpv4)
        .forEach(
            node ->
                put(
                    all,
                    Place.node(node),
                    shares(endpoints -> endpoints.takersFor(node, zoneOf.apply(node)), isIpv4)));
    return Stream.of(all, zones).filter(ResolvedListener::fits).findFirst().orElse(Map.of());
  }

  private static boolean fits(Map<BackendKey, Map<Place, Integer>> parts) {
    return parts.values().stream().allMatch(places -> places.size() <= Limits.BACKEND_PARTS);
  }

  private Set<String> hinted(Function<GroupEndpoints, Set<String>> names, boolean isIpv4) {
    return groups.stream()
        .filter(group -> group.weight() > 0)
        .flatMap(group -> names.apply(group.ofFamily(isIpv4)).stream())
        .collect(Collectors.toSet());
  }

  private static void put(
      Map<BackendKey, Map<Place, Integer>> parts, Place place, Map<BackendKey, Integer> weights) {
    weights.forEach(
        (key, weight) -> parts.computeIfAbsent(key, k -> new HashMap<>()).put(place, weight));
  }

  /**
   * The size of a ring that suits them: on each node, where each has its own. Where a node sends to
   * nodes with other rings than its own, it is no small one: when the size changes, some flows of
   * slots that move are lost then, see {@link io.xdplb.core.model.Delivery#remembered}, and a few
   * pods more should not do that.
   *
   * @param backends of one family
   */
  static int ringSize(List<Backend> backends) {
    Map<Place, Long> sums = new HashMap<>();
    backends.forEach(
        backend ->
            backend
                .parts()
                .forEach((place, weight) -> sums.merge(place, (long) weight, Long::sum)));
    long everywhereElse = backends.stream().mapToLong(Backend::weight).sum();
    long most =
        Math.max(everywhereElse, sums.values().stream().mapToLong(Long::longValue).max().orElse(0));
    boolean isOverDifferentRings = everywhereElse > 0 && !sums.isEmpty();
    return Maglev.sizeFor(isOverDifferentRings ? Math.max(most, UNITS_OVER_DIFFERENT_RINGS) : most);
  }

  private Map<BackendKey, Integer> shares(
      Function<GroupEndpoints, Set<BackendKey>> takers, boolean isIpv4) {
    return Shares.of(
        groups.stream()
            .filter(group -> group.weight() > 0)
            .map(group -> new Shares.Group(group.weight(), takers.apply(group.ofFamily(isIpv4))))
            .toList());
  }

  /** How each of its backends of one family is reached. */
  Map<BackendKey, Reach> reaches(boolean isIpv4) {
    Map<BackendKey, Reach> reaches = new HashMap<>();
    for (Group group : groups) {
      GroupEndpoints endpoints = group.ofFamily(isIpv4);
      for (BackendKey endpoint : endpoints.all()) {
        reaches.merge(endpoint, endpoints.reach(endpoint), Reach::preferred);
      }
    }
    return reaches;
  }

  /** Why its VIPs of one family have no backend that takes new flows, and what to do. */
  String whyNoneTakes(boolean isIpv4) {
    if (groups.isEmpty()) {
      return "it lists no backends; add some";
    }
    if (groups.stream().allMatch(group -> group.weight() == 0)) {
      return "all its backends have weight 0; raise one";
    }
    if (!listed(isIpv4)
        && groups.stream().anyMatch(group -> group.ofFamily(isIpv4).lacksUnreached())) {
      if (isLocal) {
        return "no node of this cluster is known to have one of its "
            + family(isIpv4)
            + " endpoints; their EndpointSlices must name it";
      }
      return "mode DSR reaches none of its "
          + family(isIpv4)
          + " endpoints; run the agent on their nodes, or use mode Auto";
    }
    if (listed(isIpv4)) {
      return "none of its "
          + family(isIpv4)
          + " endpoints that has a weight is ready; look at them"
          + " with kubectl get endpointslices";
    }
    if (listed(!isIpv4)) {
      return "its endpoints are all "
          + family(!isIpv4)
          + "; add "
          + family(isIpv4)
          + " backends or take the "
          + family(isIpv4)
          + " addresses out";
    }
    return "its backends have no endpoints; start some";
  }

  private boolean listed(boolean isIpv4) {
    return groups.stream().anyMatch(group -> !group.ofFamily(isIpv4).all().isEmpty());
  }

  static String family(boolean isIpv4) {
    return isIpv4 ? "IPv4" : "IPv6";
  }
}
