// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import io.xdplb.core.model.Delivery;
import io.xdplb.core.model.Ip;
import java.util.Comparator;
import java.util.Objects;

/**
 * How packets reach one endpoint, and why in this way.
 *
 * @param delivery how; {@code null} if the forwarding mode has no way to reach it
 * @param why the reason
 * @param node name of the node that it is on; {@code null} for a server, or if unknown
 */
record Reach(Delivery delivery, Why why, String node) {

  /** The reasons, as the status of a LoadBalancer names them. */
  enum Why {
    /** The mode leaves no choice. */
    AsRequested,
    /** A server, and the spec says how DSR reaches it. */
    EncapsulationGiven,
    /** A pod on a node that takes encapsulated packets. */
    AgentOnNode,
    /** A server, and the spec does not say how DSR reaches it. */
    NoEncapsulation,
    /** A pod on a node without an agent. */
    NoAgentOnNode,
    /** A pod on a node of which nothing is known. */
    NodeUnknown,
    /** A pod on a node with an agent and without an address to send to. */
    NoNodeAddress
  }

  private static final Comparator<Ip> ADDRESS = Comparator.nullsLast(Comparator.<Ip>naturalOrder());

  /** What somebody asked for comes before DSR to a pod, and that before NAT. */
  private static final Comparator<Reach> ORDER =
      Comparator.<Reach>comparingInt(reach -> reach.delivery().nat() ? 2 : reach.isPod() ? 1 : 0)
          .thenComparing(reach -> reach.delivery().node(), ADDRESS)
          .thenComparing(Reach::why)
          .thenComparing(Reach::node, Comparator.nullsLast(Comparator.naturalOrder()));

  Reach {
    Objects.requireNonNull(why, "why");
  }

  boolean isReached() {
    return delivery != null;
  }

  /** Which of two applies to an endpoint that is listed twice, whatever their order. */
  static Reach preferred(Reach a, Reach b) {
    return ORDER.compare(a, b) <= 0 ? a : b;
  }

  private boolean isPod() {
    return delivery.agent();
  }
}
