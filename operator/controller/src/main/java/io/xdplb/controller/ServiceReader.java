// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.fabric8.kubernetes.api.model.ClientIPConfig;
import io.fabric8.kubernetes.api.model.OwnerReference;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServicePort;
import io.fabric8.kubernetes.api.model.ServiceSpec;
import io.fabric8.kubernetes.api.model.SessionAffinityConfig;
import io.xdplb.api.v1alpha1.IpFamily;
import io.xdplb.api.v1alpha1.Limits;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.IpFamilyPolicy;
import io.xdplb.core.service.ServiceInput;
import io.xdplb.core.service.ServiceMapping;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** From Kubernetes' Service to what the mapping to a LoadBalancer has to know of it. Pure. */
final class ServiceReader {

  /** The finalizer that Kubernetes has for load balancers of Services. */
  static final String FINALIZER = "service.kubernetes.io/load-balancer-cleanup";

  private ServiceReader() {}

  /** Whether a Service is ours by type and class, whatever becomes of it. */
  static boolean isOurs(Service service, boolean isDefault) {
    ServiceSpec spec = service.getSpec();
    return spec != null
        && ServiceMapping.isOurs(spec.getType(), spec.getLoadBalancerClass(), isDefault);
  }

  /** One that has a spec. */
  static ServiceInput read(Service service) {
    ServiceSpec spec = service.getSpec();
    return new ServiceInput(
        service.getMetadata().getName(),
        annotations(service),
        orEmpty(spec.getPorts()).stream().map(ServiceReader::port).toList(),
        orEmpty(spec.getIpFamilies()).stream()
            .flatMap(
                family ->
                    Arrays.stream(IpFamily.values()).filter(known -> known.name().equals(family)))
            .toList(),
        Arrays.stream(IpFamilyPolicy.values())
            .filter(policy -> policy.name().equals(spec.getIpFamilyPolicy()))
            .findFirst()
            .orElse(null),
        spec.getLoadBalancerIP(),
        orEmpty(spec.getLoadBalancerSourceRanges()),
        "Local".equals(spec.getExternalTrafficPolicy()),
        Optional.ofNullable(spec.getHealthCheckNodePort()).filter(port -> port > 0).orElse(null),
        "ClientIP".equals(spec.getSessionAffinity())
            ? Optional.ofNullable(spec.getSessionAffinityConfig())
                .map(SessionAffinityConfig::getClientIP)
                .map(ClientIPConfig::getTimeoutSeconds)
                .orElse(Limits.DEFAULT_AFFINITY_SECONDS)
            : null);
  }

  /** An absent protocol means TCP. */
  static ServiceInput.Port port(ServicePort port) {
    return new ServiceInput.Port(
        port.getName(), port.getProtocol() == null ? "TCP" : port.getProtocol(), port.getPort());
  }

  static Map<String, String> annotations(Service service) {
    Map<String, String> annotations = service.getMetadata().getAnnotations();
    return annotations == null ? Map.of() : annotations;
  }

  /** The name of the Service that a LoadBalancer was made for; empty for one of a user. */
  static Optional<String> owner(LoadBalancer balancer) {
    return orEmpty(balancer.getMetadata().getOwnerReferences()).stream()
        .filter(owner -> Boolean.TRUE.equals(owner.getController()))
        .filter(owner -> "Service".equals(owner.getKind()) && "v1".equals(owner.getApiVersion()))
        .map(OwnerReference::getName)
        .filter(name -> ServiceMapping.balancerName(name).equals(balancer.getMetadata().getName()))
        .findFirst();
  }

  /** Whether it was this operator that gave a Service its finalizer. */
  static boolean hasOurFinalizer(Service service) {
    return service.hasFinalizer(FINALIZER)
        && orEmpty(service.getMetadata().getManagedFields()).stream()
            .filter(entry -> OperatorRuntime.FIELD_MANAGER.equals(entry.getManager()))
            .filter(entry -> entry.getFieldsV1() != null)
            .map(entry -> entry.getFieldsV1().getAdditionalProperties().get("f:metadata"))
            .anyMatch(
                metadata ->
                    metadata instanceof Map<?, ?> fields
                        && fields.get("f:finalizers") instanceof Map<?, ?> finalizers
                        && finalizers.containsKey("v:\"" + FINALIZER + "\""));
  }

  private static <T> List<T> orEmpty(List<T> list) {
    return list == null ? List.of() : list;
  }
}
