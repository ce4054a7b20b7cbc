// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import io.xdplb.core.maglev.Maglev;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.BackendKey;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;

/**
 * A listener and the endpoints of all its groups.
 *
 * @param isLocal whether a node uses only the endpoints on it; then each has a node
 */
record ResolvedListener(ValidSpec.Listener spec, List<Group> groups, boolean isLocal) {

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
    Map<BackendKey, Integer> weights = new HashMap<>();
    if (isLocal) {
      // The same endpoint is on one node: that by which it is reached.
      reaches.values().stream()
          .map(Reach::node)
          .distinct()
          .forEach(
              node ->
                  shares(endpoints -> endpoints.takersOn(node), isIpv4)
                      .forEach(
                          (key, weight) -> {
                            if (node.equals(reaches.get(key).node())) {
                              weights.put(key, weight);
                            }
                          }));
    } else {
      weights.putAll(shares(GroupEndpoints::takers, isIpv4));
    }
    return drains.entrySet().stream()
        .map(
            e ->
                new Backend(
                    e.getKey(),
                    weights.getOrDefault(e.getKey(), 0),
                    e.getValue(),
                    reaches.get(e.getKey()).delivery(),
                    isLocal ? reaches.get(e.getKey()).node() : null))
        .toList();
  }

  /**
   * The size of a ring that suits them: on each node, where each has its own.
   *
   * @param backends of one family
   */
  int ringSize(List<Backend> backends) {
    Map<String, Long> weights = new HashMap<>();
    backends.forEach(
        backend ->
            weights.merge(isLocal ? backend.onlyOn() : "", (long) backend.weight(), Long::sum));
    return Maglev.sizeFor(weights.values().stream().mapToLong(Long::longValue).max().orElse(0));
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
