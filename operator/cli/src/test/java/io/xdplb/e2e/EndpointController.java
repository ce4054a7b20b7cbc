// SPDX-License-Identifier: Apache-2.0
package io.xdplb.e2e;

import io.fabric8.kubernetes.api.model.IntOrString;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointPort;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointPortBuilder;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSliceBuilder;
import io.xdplb.testing.kernel.Host;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/**
 * Writes the EndpointSlices of a Service as the controller of that name does, with servers of a
 * topology as its pods: a slice a family, ports by the name of the Service's port, a named target
 * port looked up in the pods.
 */
final class EndpointController {

  private EndpointController() {}

  /**
   * The slices of a Service.
   *
   * @param deployments whose pods the Service may select
   * @param hosts the pods
   * @param node the Node that a pod is on; empty if it is on none
   */
  static List<EndpointSlice> slices(
      Service service,
      List<Deployment> deployments,
      List<Host> hosts,
      Function<Host, Optional<String>> node) {
    List<EndpointPort> ports =
        service.getSpec().getPorts().stream()
            .map(
                port ->
                    new EndpointPortBuilder()
                        .withName(port.getName() == null ? "" : port.getName())
                        .withProtocol(port.getProtocol() == null ? "TCP" : port.getProtocol())
                        .withPort(number(port.getTargetPort(), service, deployments))
                        .build())
            .toList();
    return List.of(
        slice(service, "IPv4", ports, hosts, Host::ipv4, node),
        slice(service, "IPv6", ports, hosts, Host::ipv6, node));
  }

  private static EndpointSlice slice(
      Service service,
      String family,
      List<EndpointPort> ports,
      List<Host> hosts,
      Function<Host, String> address,
      Function<Host, Optional<String>> node) {
    String name = service.getMetadata().getName();
    var slice =
        new EndpointSliceBuilder()
            .withNewMetadata()
            .withName(name + "-" + family.toLowerCase(Locale.ROOT))
            .withLabels(Map.of("kubernetes.io/service-name", name))
            .endMetadata()
            .withAddressType(family)
            .withPorts(ports);
    for (Host host : hosts) {
      slice
          .addNewEndpoint()
          .withAddresses(address.apply(host))
          .withNodeName(node.apply(host).orElse(null))
          .withNewConditions()
          .withReady(true)
          .withServing(true)
          .withTerminating(false)
          .endConditions()
          .endEndpoint();
    }
    return slice.build();
  }

  private static int number(IntOrString target, Service service, List<Deployment> deployments) {
    if (target.getIntVal() != null) {
      return target.getIntVal();
    }
    return deployments.stream()
        .map(deployment -> deployment.getSpec().getTemplate())
        .filter(
            pod ->
                pod.getMetadata()
                    .getLabels()
                    .entrySet()
                    .containsAll(service.getSpec().getSelector().entrySet()))
        .flatMap(pod -> pod.getSpec().getContainers().stream())
        .flatMap(container -> container.getPorts().stream())
        .filter(port -> target.getStrVal().equals(port.getName()))
        .findFirst()
        .orElseThrow(
            () ->
                new AssertionError(
                    "no pod of Service %s has a port named %s"
                        .formatted(service.getMetadata().getName(), target.getStrVal())))
        .getContainerPort();
  }
}
