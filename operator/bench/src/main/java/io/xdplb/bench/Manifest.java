// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/** Manifests as a user writes them. */
final class Manifest {

  private Manifest() {}

  /** A LoadBalancer of one TCP listener; backends have the listener's port. */
  static String loadBalancer(String name, String address, int port, List<String> backends) {
    return loadBalancer(name, address, List.of("TCP"), port, backends, port, Optional.empty());
  }

  /**
   * A LoadBalancer of a listener for each protocol, all of one port.
   *
   * @param encapsulation how DSR reaches the backends; absent: NAT
   */
  static String loadBalancer(
      String name,
      String address,
      List<String> protocols,
      int port,
      List<String> backends,
      int targetPort,
      Optional<String> encapsulation) {
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
                .map(protocol -> listener(protocol, port, backends, targetPort, encapsulation))
                .collect(Collectors.joining()));
  }

  /** How many listeners a manifest from here has. */
  static int listeners(String manifest) {
    return (int) manifest.lines().filter(line -> line.startsWith("    protocol:")).count();
  }

  private static String listener(
      String protocol,
      int port,
      List<String> backends,
      int targetPort,
      Optional<String> encapsulation) {
    return """
          - name: %s
            protocol: %s
            port: %d
            backends:
            - static: {addresses: [%s], port: %d%s}
        """
        .formatted(
            protocol.toLowerCase(Locale.ROOT),
            protocol,
            port,
            backends.stream().map(backend -> '"' + backend + '"').collect(Collectors.joining(", ")),
            targetPort,
            encapsulation.map(how -> ", encapsulation: " + how).orElse(""));
  }
}
