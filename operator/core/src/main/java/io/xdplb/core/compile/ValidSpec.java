// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import io.xdplb.api.v1alpha1.LoadBalancerSpec.Forwarding.Mode;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.StaticBackends.Encapsulation;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.TrafficPolicy.Prefer;
import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.core.model.Access;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.VipKey;
import java.util.List;

/**
 * A LoadBalancerSpec of which everything holds that can be said without its endpoints.
 *
 * @param addresses each once
 * @param listeners in the order of the spec
 * @param mode how backends are to be reached
 * @param drainSeconds of static backends
 * @param access of both families
 * @param isLocal whether a node uses only the endpoints on it
 * @param healthCheckNodePort port on which nodes say whether they have ready pods; {@code null} for
 *     none
 * @param prefer which pods a node prefers; {@code null} for what the hints of endpoints say
 */
record ValidSpec(
    List<Ip> addresses,
    List<Listener> listeners,
    Mode mode,
    int drainSeconds,
    Access access,
    boolean isLocal,
    Integer healthCheckNodePort,
    Prefer prefer) {

  /**
   * A listener.
   *
   * @param where its path in the LoadBalancer
   * @param endPort {@code port} for a single port
   * @param affinitySeconds 0 for none
   */
  record Listener(
      String where,
      String name,
      Protocol protocol,
      int port,
      int endPort,
      int affinitySeconds,
      List<Group> groups) {

    VipKey vip(Ip address) {
      return new VipKey(address, protocol, port, endPort);
    }

    /** The port of a backend: packets to a range of ports keep theirs. */
    int backendPort(int own) {
      return endPort == port ? own : 0;
    }
  }

  /** A group of backends that shares a weight, 0 to 1000. */
  sealed interface Group {
    String where();

    int weight();
  }

  /** The endpoints of a Service. */
  record ServiceGroup(String where, int weight, ServicePort servicePort) implements Group {}

  /**
   * Endpoints by address.
   *
   * @param encapsulation how DSR reaches them; {@code null} for NAT
   */
  record StaticGroup(
      String where, int weight, List<Ip> addresses, int port, Encapsulation encapsulation)
      implements Group {}
}
