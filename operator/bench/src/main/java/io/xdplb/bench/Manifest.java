// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import java.util.List;

/** Manifests as a user writes them. */
final class Manifest {

  private Manifest() {}

  /** A LoadBalancer of one TCP listener; backends have the listener's port. */
  static String loadBalancer(String name, String address, int port, List<String> backends) {
    return """
        apiVersion: xdplb.io/v1alpha1
        kind: LoadBalancer
        metadata: {name: %s}
        spec:
          addresses: {requested: ["%s"]}
          listeners:
          - name: main
            protocol: TCP
            port: %d
            backends:
            - static: {addresses: [%s], port: %d}
        """
        .formatted(name, address, port, String.join(", ", backends), port);
  }
}
