// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.xdplb.api.v1alpha1.NodeStateStatus;
import io.xdplb.api.v1alpha1.NodeStateStatus.Announcing;
import io.xdplb.api.v1alpha1.NodeStateStatus.Duplicate;
import io.xdplb.core.model.Ip;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * Who announces which address, as the nodes say, by address: a node that says something else than
 * before costs no more than what differs. All methods may be called from any thread.
 */
final class Announcements {

  private final Index l2 = new Index();
  private final Index routes = new Index();
  private final Index ownByState = new Index();
  private final Index ownByNode = new Index();
  private final Map<String, Map<String, Duplicate>> duplicates = new HashMap<>();

  /** Which nodes list an address, those that have listed it last at the end. */
  private static final class Index {
    private final Map<String, Set<String>> addresses = new HashMap<>();
    private final Map<String, Set<String>> nodes = new HashMap<>();

    /** Takes what a node lists now; answers which addresses are new in the list, or gone. */
    Set<String> put(String node, Collection<String> listed) {
      Set<String> before = addresses.getOrDefault(node, Set.of());
      Set<String> now = new HashSet<>(listed);
      Set<String> differing = new HashSet<>();
      for (String address : before) {
        if (!now.contains(address)) {
          differing.add(address);
          nodes.computeIfPresent(
              address, (key, names) -> names.remove(node) && names.isEmpty() ? null : names);
        }
      }
      for (String address : now) {
        if (!before.contains(address)) {
          differing.add(address);
          nodes.computeIfAbsent(address, key -> new LinkedHashSet<>()).add(node);
        }
      }
      if (now.isEmpty()) {
        addresses.remove(node);
      } else {
        addresses.put(node, now);
      }
      return differing;
    }

    List<String> nodes(String address) {
      return List.copyOf(nodes.getOrDefault(address, Set.of()));
    }
  }

  /**
   * What a node reports now.
   *
   * @param status {@code null} if it reports nothing any more
   * @return the addresses of which it says something else than before
   */
  synchronized Set<String> reported(String node, NodeStateStatus status) {
    Announcing announcing = status == null ? null : status.announcing();
    Set<String> differing = new HashSet<>(l2.put(node, list(announcing, Announcing::l2)));
    differing.addAll(routes.put(node, list(announcing, Announcing::routes)));
    differing.addAll(
        ownByState.put(
            node, status == null || status.addresses() == null ? List.of() : status.addresses()));
    Map<String, Duplicate> now =
        list(announcing, Announcing::duplicates).stream()
            .collect(Collectors.toMap(Duplicate::address, d -> d, (a, b) -> a));
    Map<String, Duplicate> before =
        now.isEmpty() ? duplicates.remove(node) : duplicates.put(node, now);
    Set<String> addresses = new HashSet<>(now.keySet());
    addresses.addAll(before == null ? Set.of() : before.keySet());
    for (String address : addresses) {
      if (!Objects.equals(now.get(address), before == null ? null : before.get(address))) {
        differing.add(address);
      }
    }
    return differing;
  }

  /**
   * The internal addresses that a Node has now.
   *
   * @return those that it did not have before, or has no more
   */
  synchronized Set<String> nodeAddresses(String node, List<String> addresses) {
    return ownByNode.put(
        node, addresses.stream().flatMap(text -> canonical(text).stream()).toList());
  }

  /** The nodes that answer ARP and NDP for an address; of several, the last one to say so last. */
  synchronized List<String> owners(String address) {
    return l2.nodes(address);
  }

  /** The nodes from which a router has a route to an address, in order. */
  synchronized List<String> routers(String address) {
    return routes.nodes(address).stream().sorted().toList();
  }

  /** A node that has an address itself; empty if none has. */
  synchronized Optional<String> ownerOfItsOwn(String address) {
    return ownByState.nodes(address).stream()
        .findFirst()
        .or(() -> ownByNode.nodes(address).stream().findFirst());
  }

  /** Who else has an address, by the node that has seen it. */
  synchronized Map<String, Duplicate> duplicates(String address) {
    return duplicates.entrySet().stream()
        .filter(entry -> entry.getValue().containsKey(address))
        .collect(Collectors.toMap(Map.Entry::getKey, entry -> entry.getValue().get(address)));
  }

  private static <T> List<T> list(Announcing announcing, Function<Announcing, List<T>> part) {
    List<T> list = announcing == null ? null : part.apply(announcing);
    return list == null ? List.of() : list;
  }

  private static Optional<String> canonical(String text) {
    try {
      return Optional.of(Ip.parse(text).toString());
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }
}
