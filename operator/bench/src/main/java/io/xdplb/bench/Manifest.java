// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import java.util.List;
import java.util.stream.Collectors;

/** Manifests as a user writes them. */
final class Manifest {

  private Manifest() {}

  /** A LoadBalancer of one TCP listener; backends have the listener's port. */
  static String loadBalancer(String name, String address, int port, List<String> backends) {
    return loadBalancer(name, address, List.of("TCP"), port, backends, port);
  }

  /** A LoadBalancer of a listener for each protocol, all of one port. */
  static String loadBalancer(
      String name,
      String address,
      List<String> protocols,
      int port,
      List<String> backends,
      int targetPort) {
    return """
        apiVersion: xdplb.io/v1alpha1
        kind: LoadBalancer
        metadata: {name: %s}
        spec:
          addresses: {requested: ["%s"]}
          listeners:
        %s"""
        .formatted(
            name,
            address,
            protocols.stream()
                .map(protocol -> listener(protocol, port, backends, targetPort))
                .collect(Collectors.joining()));
  }

  private static String listener(String protocol, int port, List<String> backends, int targetPort) {
    return """
          - name: %s
            protocol: %s
            port: %d
            backends:
            - static: {addresses: [%s], port: %d}
        """
        .formatted(
            protocol.toLowerCase(java.util.Locale.ROOT),
            protocol,
            port,
            backends.stream().map(backend -> '"' + backend + '"').collect(Collectors.joining(", ")),
            targetPort);
  }
}
