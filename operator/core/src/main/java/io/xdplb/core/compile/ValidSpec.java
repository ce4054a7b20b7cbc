// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.core.model.Ip;
import java.util.List;

/**
 * A LoadBalancerSpec of which everything holds that can be said without its endpoints.
 *
 * @param addresses each once
 * @param listeners in the order of the spec
 * @param drainSeconds of static backends
 */
record ValidSpec(List<Ip> addresses, List<Listener> listeners, int drainSeconds) {

  /** A listener; {@code where} is its path in the LoadBalancer. */
  record Listener(String where, String name, Protocol protocol, int port, List<Group> groups) {}

  /** A group of backends that shares a weight, 0 to 1000. */
  sealed interface Group {
    String where();

    int weight();
  }

  /** The endpoints of a Service. */
  record ServiceGroup(String where, int weight, ServicePort servicePort) implements Group {}

  /** Endpoints by address. */
  record StaticGroup(String where, int weight, List<Ip> addresses, int port) implements Group {}
}
