// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import io.xdplb.api.v1alpha1.Protocol;

/**
 * What endpoints are resolved by. A Service may have the same port number for TCP and for UDP, with
 * different target ports.
 *
 * @param service name of the Service, in the namespace of the LoadBalancer
 * @param protocol of the listener that refers to it
 * @param port the Service's port number
 */
public record ServicePort(String service, Protocol protocol, int port) {

  /** As {@code echo:80/TCP}. */
  @Override
  public String toString() {
    return service + ":" + port + "/" + protocol;
  }
}
