// SPDX-License-Identifier: Apache-2.0
package io.xdplb.e2e;

import io.xdplb.testing.kernel.Host;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/** Manifests as a user writes them, and EndpointSlices as the endpoint controller does. */
final class Manifests {

  /** The port of {@link #service}, of its endpoints, and of the echo servers. */
  static final int PORT = 7;

  private Manifests() {}

  /** A Service without a selector, TCP and UDP. */
  static String service(String name) {
    return """
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: %s}
        spec:
          ports:
          - {name: tcp, protocol: TCP, port: 7}
          - {name: udp, protocol: UDP, port: 7}
        """
        .formatted(name);
  }

  /** An endpoint of a slice: who, and in which state. */
  record Endpoint(Host host, boolean ready, boolean serving, boolean terminating) {

    /** Takes new connections. */
    static Endpoint ready(Host host) {
      return new Endpoint(host, true, true, false);
    }

    /** Is about to go, and still serves the connections it has. */
    static Endpoint draining(Host host) {
      return new Endpoint(host, false, true, true);
    }
  }

  /** The Service's slices of both families, with endpoints that are all ready. */
  static String slices(String service, List<Host> hosts) {
    return slicesOf(service, hosts.stream().map(Endpoint::ready).toList());
  }

  /** The Service's slices of both families. */
  static String slicesOf(String service, List<Endpoint> endpoints) {
    return slice(service, "IPv4", endpoints) + slice(service, "IPv6", endpoints);
  }

  private static String slice(String service, String family, List<Endpoint> endpoints) {
    return """
        ---
        apiVersion: discovery.k8s.io/v1
        kind: EndpointSlice
        metadata:
          name: %1$s-%2$s
          labels: {kubernetes.io/service-name: %1$s}
        addressType: %3$s
        ports:
        - {name: tcp, protocol: TCP, port: 7}
        - {name: udp, protocol: UDP, port: 7}
        endpoints: [%4$s]
        """
        .formatted(
            service,
            family.toLowerCase(java.util.Locale.ROOT),
            family,
            endpoints.stream()
                .map(
                    e ->
                        "{addresses: [\"%s\"], conditions: {ready: %s, serving: %s, terminating: %s}}"
                            .formatted(
                                family.equals("IPv4") ? e.host().ipv4() : e.host().ipv6(),
                                e.ready(),
                                e.serving(),
                                e.terminating()))
                .collect(Collectors.joining(", ")));
  }

  /** A group of a listener's backends: a Service and its weight. */
  static String group(String service, int weight) {
    return "{serviceRef: {name: %s, port: 7}, weight: %d}".formatted(service, weight);
  }

  /** A LoadBalancer that listens to TCP and UDP on one port of some addresses. */
  static String balancer(String name, List<String> vips, int port, String... groups) {
    return """
        ---
        apiVersion: xdplb.io/v1alpha1
        kind: LoadBalancer
        metadata: {name: %s}
        spec:
          addresses: {requested: ["%s"]}
          listeners:
          - {name: tcp, protocol: TCP, port: %3$d, backends: [%4$s]}
          - {name: udp, protocol: UDP, port: %3$d, backends: [%4$s]}
        """
        .formatted(
            name,
            String.join("\", \"", vips),
            port,
            Arrays.stream(groups).collect(Collectors.joining(", ")));
  }
}
