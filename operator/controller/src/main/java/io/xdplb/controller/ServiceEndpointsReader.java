// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointHints;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import io.fabric8.kubernetes.api.model.discovery.v1.ForNode;
import io.fabric8.kubernetes.api.model.discovery.v1.ForZone;
import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.core.compile.Endpoint;
import io.xdplb.core.compile.EndpointConditions;
import io.xdplb.core.compile.Hints;
import io.xdplb.core.compile.ServiceEndpoints;
import io.xdplb.core.compile.ServicePort;
import io.xdplb.core.model.ObjectName;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * From a Service and its EndpointSlices to the endpoints of one of its ports. Pure, so that a
 * folder of manifests is read exactly as an API server is.
 *
 * <p>A slice belongs to the Service that its label {@value #SERVICE_NAME} names, in its own
 * namespace. Slices know a port by the <em>name</em> of the Service's port and carry the resolved
 * target port, which may differ from slice to slice where the target port is named (discovery/v1,
 * EndpointPort).
 */
public final class ServiceEndpointsReader {

  /** The label of an EndpointSlice that names its Service. */
  public static final String SERVICE_NAME = "kubernetes.io/service-name";

  private static final String FQDN = "FQDN";

  private ServiceEndpointsReader() {}

  /** The Service that a slice belongs to; empty for a slice that belongs to none. */
  public static Optional<ObjectName> serviceOf(EndpointSlice slice) {
    return Optional.ofNullable(slice.getMetadata().getLabels())
        .map(labels -> labels.get(SERVICE_NAME))
        .filter(name -> !name.isEmpty())
        .map(name -> new ObjectName(slice.getMetadata().getNamespace(), name));
  }

  /** The names of the nodes that a slice's endpoints are on or for, each once. */
  static List<String> nodesOf(EndpointSlice slice) {
    return slice.getEndpoints() == null
        ? List.of()
        : slice.getEndpoints().stream()
            .flatMap(
                endpoint ->
                    Stream.concat(
                        Stream.ofNullable(endpoint.getNodeName()),
                        hints(endpoint.getHints()).nodes().stream()))
            .distinct()
            .toList();
  }

  /**
   * The endpoints of a port, in the order of the slices.
   *
   * @param service {@code null} if there is none of that name
   * @param slices all slices of the Service, of both families; slices of names instead of addresses
   *     are left out
   * @param wanted which port, by number and protocol
   * @return never {@link ServiceEndpoints.Unknown}: whether the slices are all there is for the
   *     caller to know
   */
  public static ServiceEndpoints read(
      Service service, Collection<EndpointSlice> slices, ServicePort wanted) {
    if (service == null) {
      return new ServiceEndpoints.ServiceNotFound();
    }
    Optional<String> portName = portName(service, wanted);
    if (portName.isEmpty()) {
      return new ServiceEndpoints.PortNotFound();
    }
    List<Endpoint> endpoints = new ArrayList<>();
    for (EndpointSlice slice : slices) {
      if (!FQDN.equals(slice.getAddressType())) {
        read(slice, portName.get(), wanted.protocol(), endpoints);
      }
    }
    return new ServiceEndpoints.Resolved(endpoints);
  }

  private static Optional<String> portName(Service service, ServicePort wanted) {
    if (service.getSpec() == null || service.getSpec().getPorts() == null) {
      return Optional.empty();
    }
    return service.getSpec().getPorts().stream()
        .filter(port -> Objects.equals(port.getPort(), wanted.port()))
        .filter(port -> isOf(wanted.protocol(), port.getProtocol()))
        .map(port -> orEmpty(port.getName()))
        .findFirst();
  }

  private static void read(
      EndpointSlice slice, String portName, Protocol protocol, List<Endpoint> into) {
    if (slice.getPorts() == null || slice.getEndpoints() == null) {
      return;
    }
    for (var port : slice.getPorts()) {
      if (port.getPort() == null
          || !orEmpty(port.getName()).equals(portName)
          || !isOf(protocol, port.getProtocol())) {
        continue;
      }
      for (var endpoint : slice.getEndpoints()) {
        // Addresses of one endpoint are interchangeable, and consumers take the first.
        if (endpoint.getAddresses() != null && !endpoint.getAddresses().isEmpty()) {
          into.add(
              new Endpoint(
                  endpoint.getAddresses().get(0),
                  port.getPort(),
                  conditions(endpoint.getConditions()),
                  endpoint.getNodeName(),
                  hints(endpoint.getHints())));
        }
      }
    }
  }

  private static Hints hints(EndpointHints hints) {
    return hints == null
        ? Hints.NONE
        : new Hints(
            hints.getForNodes().stream().map(ForNode::getName).collect(Collectors.toSet()),
            hints.getForZones().stream().map(ForZone::getName).collect(Collectors.toSet()));
  }

  private static EndpointConditions conditions(
      io.fabric8.kubernetes.api.model.discovery.v1.EndpointConditions conditions) {
    return conditions == null
        ? EndpointConditions.ABSENT
        : new EndpointConditions(
            conditions.getReady(), conditions.getServing(), conditions.getTerminating());
  }

  /** An absent protocol means TCP, in Services and in slices. */
  private static boolean isOf(Protocol protocol, String text) {
    return protocol.name().equals(text == null ? Protocol.TCP.name() : text);
  }

  /** A Service's only port may have no name; its slices then say none or an empty one. */
  private static String orEmpty(String name) {
    return name == null ? "" : name;
  }
}
