// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.model.Delivery;
import io.xdplb.core.model.Ip;

/** Family of the outer header, and who is at the ends of the tunnels in the {@link PacketLab}. */
enum Outer {
  IPV4,
  IPV6;

  private Kind kind() {
    return this == IPV4 ? Kind.TCP4 : Kind.TCP6;
  }

  /** The balancer: what comes encapsulated to it is for pods on it. */
  String edge() {
    return kind().balancer();
  }

  /** 1 to 20. */
  String node(int number) {
    return kind().backend(number);
  }

  /** To a pod on the node of this number. */
  Delivery pod(int node) {
    return Delivery.pod(Ip.parse(node(node)));
  }

  /** To a pod on the balancer itself. */
  Delivery here() {
    return Delivery.pod(Ip.parse(edge()));
  }

  /**
   * The largest packet of a client, before it is encapsulated in GUE, that fits into 1500 bytes.
   */
  int fits() {
    return 1500 - (this == IPV4 ? 20 : 40) - 8 - 12;
  }
}
