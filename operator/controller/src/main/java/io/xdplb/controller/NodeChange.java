// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.xdplb.api.v1alpha1.NodeStateStatus;
import io.xdplb.api.v1alpha1.NodeStateStatus.Session;
import io.xdplb.api.v1alpha1.NodeStateStatus.TableException;
import io.xdplb.core.model.ObjectName;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * How a node's evidence differs from what it was.
 *
 * @param concernsAll what holds for every table has changed
 * @param addresses where the node is reached has changed
 * @param epoch it has reached another epoch of the Membership
 * @param sessions its BGP sessions have changed, or whether it has a vote
 * @param buckets whose digests differ
 * @param tables whose exceptions differ
 */
record NodeChange(
    boolean concernsAll,
    boolean addresses,
    boolean epoch,
    boolean sessions,
    Set<String> buckets,
    Set<ObjectName> tables) {

  private static final NodeStateStatus NOTHING =
      new NodeStateStatus(null, null, null, null, null, null, null, null);

  /** Either may be {@code null}: nothing reported. */
  static NodeChange between(NodeStateStatus before, NodeStateStatus now) {
    NodeStateStatus then = before == null ? NOTHING : before;
    NodeStateStatus next = now == null ? NOTHING : now;
    return new NodeChange(
        (before == null) != (now == null)
            || !orEmpty(then.interfaces()).equals(orEmpty(next.interfaces())),
        !orEmpty(then.addresses()).equals(orEmpty(next.addresses())),
        !Objects.equals(epoch(then), epoch(next)),
        !sessions(then).equals(sessions(next)) || (epoch(then) == null) != (epoch(next) == null),
        differing(orEmpty(then.bucketHashes()), orEmpty(next.bucketHashes())),
        differing(byTable(then), byTable(next)));
  }

  private static List<Session> sessions(NodeStateStatus status) {
    return orEmpty(status.announcing() == null ? null : status.announcing().sessions());
  }

  private static Long epoch(NodeStateStatus status) {
    return status.announcing() == null ? null : status.announcing().epoch();
  }

  private static Map<ObjectName, TableException> byTable(NodeStateStatus status) {
    return orEmpty(status.exceptions()).stream()
        .collect(
            Collectors.toMap(e -> new ObjectName(e.namespace(), e.name()), e -> e, (a, b) -> a));
  }

  private static <K, V> Set<K> differing(Map<K, V> before, Map<K, V> now) {
    Set<K> keys = new HashSet<>(before.keySet());
    keys.addAll(now.keySet());
    keys.removeIf(key -> Objects.equals(before.get(key), now.get(key)));
    return keys;
  }

  private static <T> List<T> orEmpty(List<T> list) {
    return list == null ? List.of() : list;
  }

  private static <K, V> Map<K, V> orEmpty(Map<K, V> map) {
    return map == null ? new HashMap<>() : map;
  }
}
