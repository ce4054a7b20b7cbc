// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import io.xdplb.api.v1alpha1.LoadBalancerSpec;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.ObjectName;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * A LoadBalancer, the addresses that it has, and the endpoints of the Services it refers to.
 *
 * @param name of the LoadBalancer
 * @param spec as the user wrote it, valid or not; {@code null} if absent
 * @param addresses those that it has, whether it requested them or got them from a pool; each once.
 *     Without any there is a table without VIPs
 * @param services what is known of each of {@link Compiler#servicePorts}; one that is missing
 *     counts as {@link ServiceEndpoints.Unknown}
 * @param nodes what is known of the nodes that the endpoints are on or for, by name; empty where
 *     there are no nodes, as in the standalone mode. Others than these nodes make no difference
 */
public record CompileInput(
    ObjectName name,
    LoadBalancerSpec spec,
    List<Ip> addresses,
    Map<ServicePort, ServiceEndpoints> services,
    Map<String, NodeInfo> nodes) {
  public CompileInput {
    Objects.requireNonNull(name, "name");
    addresses = List.copyOf(addresses);
    services = Map.copyOf(services);
    nodes = Map.copyOf(nodes);
  }

  /** One that has the addresses that it requests. */
  public CompileInput(
      ObjectName name,
      LoadBalancerSpec spec,
      Map<ServicePort, ServiceEndpoints> services,
      Map<String, NodeInfo> nodes) {
    this(name, spec, SpecValidator.requested(spec), services, nodes);
  }

  /** One that has the addresses that it requests, without nodes. */
  public CompileInput(
      ObjectName name, LoadBalancerSpec spec, Map<ServicePort, ServiceEndpoints> services) {
    this(name, spec, services, Map.of());
  }
}
