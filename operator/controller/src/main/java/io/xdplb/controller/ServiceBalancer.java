// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.api.model.OwnerReference;
import io.fabric8.kubernetes.api.model.OwnerReferenceBuilder;
import io.fabric8.kubernetes.api.model.Service;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.api.v1alpha1.LoadBalancerSpec;
import io.xdplb.core.model.ObjectName;
import io.xdplb.core.service.ServiceMapping;
import java.util.List;
import java.util.Map;

/** The LoadBalancer of a Service: in its namespace, owned by it, named after it. */
final class ServiceBalancer {

  /** Label with the name of the Service. */
  static final String LABEL = "xdplb.io/service";

  private ServiceBalancer() {}

  /** The LoadBalancer's name. */
  static ObjectName nameFor(ObjectName service) {
    return new ObjectName(service.namespace(), ServiceMapping.balancerName(service.name()));
  }

  /** All that the operator says of it, for server-side apply. */
  static LoadBalancer of(Service service, LoadBalancerSpec spec) {
    ObjectName name = nameFor(Names.of(service));
    LoadBalancer balancer = new LoadBalancer();
    balancer.setMetadata(
        new ObjectMetaBuilder()
            .withName(name.name())
            .withNamespace(name.namespace())
            .withLabels(Map.of(LABEL, service.getMetadata().getName()))
            .withOwnerReferences(reference(service))
            .build());
    balancer.setSpec(spec);
    return balancer;
  }

  /** Whether there is nothing to write. */
  static boolean isAsWanted(LoadBalancer stored, LoadBalancer wanted) {
    return wanted.getSpec().equals(stored.getSpec())
        && wanted
            .getMetadata()
            .getOwnerReferences()
            .equals(stored.getMetadata().getOwnerReferences())
        && stored.getMetadata().getLabels() != null
        && stored
            .getMetadata()
            .getLabels()
            .entrySet()
            .containsAll(wanted.getMetadata().getLabels().entrySet());
  }

  /** The same, taken off all nodes, to be applied in its place. */
  static LoadBalancer withdrawn(LoadBalancer stored) {
    LoadBalancerSpec spec = stored.getSpec();
    LoadBalancer balancer = new LoadBalancer();
    balancer.setMetadata(
        new ObjectMetaBuilder()
            .withName(stored.getMetadata().getName())
            .withNamespace(stored.getMetadata().getNamespace())
            .withUid(stored.getMetadata().getUid())
            .withLabels(stored.getMetadata().getLabels())
            .withOwnerReferences(stored.getMetadata().getOwnerReferences())
            .build());
    balancer.setSpec(
        new LoadBalancerSpec(
            spec.addresses(),
            spec.listeners(),
            spec.forwarding(),
            spec.drain(),
            spec.access(),
            spec.unavailablePolicy(),
            spec.trafficPolicy(),
            spec.template(),
            true));
    return balancer;
  }

  /** Whether it has been taken off all nodes that are waited for, as its status says. */
  static boolean isWithdrawn(LoadBalancer balancer) {
    return balancer.getStatus() != null
        && balancer.getMetadata().getGeneration().equals(balancer.getStatus().observedGeneration())
        && StatusComposer.condition(balancer.getStatus(), StatusComposer.PROGRAMMED)
            .filter(c -> StatusComposer.WITHDRAWN.equals(c.getReason()))
            .isPresent();
  }

  private static List<OwnerReference> reference(Service service) {
    return List.of(
        new OwnerReferenceBuilder()
            .withApiVersion("v1")
            .withKind("Service")
            .withName(service.getMetadata().getName())
            .withUid(service.getMetadata().getUid())
            .withController(true)
            .withBlockOwnerDeletion(true)
            .build());
  }
}
