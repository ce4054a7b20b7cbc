// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import io.xdplb.api.v1alpha1.ForwardingTableSpec.HealthCheck;
import io.xdplb.api.v1alpha1.ForwardingTableSpec.LocalEndpoints;
import io.xdplb.core.model.Ip;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;

/** What nodes say of their pods where they are asked, counted as kube-proxy counts them. */
final class HealthChecks {

  private HealthChecks() {}

  /**
   * The health check of a load balancer; empty if it has none. It is said of the Service that the
   * first listener refers to: that of a Service has no others.
   */
  static Optional<HealthCheck> of(ValidSpec spec, List<ResolvedListener> listeners) {
    Optional<String> service =
        spec.listeners().stream()
            .flatMap(listener -> listener.groups().stream())
            .filter(ValidSpec.ServiceGroup.class::isInstance)
            .map(group -> ((ValidSpec.ServiceGroup) group).servicePort().service())
            .findFirst();
    if (spec.healthCheckNodePort() == null || service.isEmpty()) {
      return Optional.empty();
    }
    List<LocalEndpoints> nodes =
        counts(listeners).entrySet().stream()
            .map(node -> new LocalEndpoints(node.getKey(), node.getValue()))
            .toList();
    return Optional.of(
        new HealthCheck(spec.healthCheckNodePort(), service.get(), nodes.isEmpty() ? null : nodes));
  }

  /** A pod counts once, whatever ports it has, and whether it has one family or both. */
  private static SortedMap<String, Integer> counts(List<ResolvedListener> listeners) {
    SortedMap<String, Integer> counts = new TreeMap<>();
    for (boolean isIpv4 : new boolean[] {true, false}) {
      Map<String, Set<Ip>> addresses = new TreeMap<>();
      listeners.stream()
          .flatMap(listener -> listener.groups().stream())
          .map(group -> group.ofFamily(isIpv4).readyByNode())
          .forEach(
              ready ->
                  ready.forEach(
                      (node, pods) -> {
                        Set<Ip> known = addresses.computeIfAbsent(node, n -> new TreeSet<>());
                        pods.forEach(pod -> known.add(pod.address()));
                      }));
      addresses.forEach((node, ips) -> counts.merge(node, ips.size(), Math::max));
    }
    return counts;
  }
}
