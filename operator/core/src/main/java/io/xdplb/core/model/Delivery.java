// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.model;

import java.util.Objects;

/**
 * How packets reach a backend. Whether they are translated here and what they are wrapped in are
 * independent, but only these combinations exist:
 *
 * <pre>
 *  nat    encapsulation  node  agent
 *  true   NONE           -     false   {@link #NAT}: on the wire as it is
 *  true   GUE            yes   true    {@link #natVia}: a pod that only its node reaches
 *  false  GUE            yes   true    {@link #pod}: its node translates and lets it answer
 *  false  GUE            yes   false   {@link #gue}: a server that has the VIP
 *  false  IPIP           yes   false   {@link #ipip}: a server that has the VIP
 *  false  NONE           -     false   {@link #L2}: a server that has the VIP, on a link of ours
 * </pre>
 *
 * @param nat whether destination and source are rewritten here, so that answers come back here;
 *     else the client gets its answer directly (DSR)
 * @param encapsulation what is put around
 * @param node where the outer packet goes, of any family; {@code null} exactly without
 *     encapsulation
 * @param agent whether the receiver at {@code node} is an agent of ours, which translates
 * @param remembered with {@link #pod} only: whether flows are remembered here while the ring
 *     changes, as those of servers are. Else the agent of the node knows whom to ask, by the ring
 *     that it has; that must be the same as here
 */
public record Delivery(
    boolean nat, Encapsulation encapsulation, Ip node, boolean agent, boolean remembered) {

  /** Translated here, and sent as it is. */
  public static final Delivery NAT = new Delivery(true, Encapsulation.NONE, null, false);

  /** Unchanged, but for the MAC addresses. */
  public static final Delivery L2 = new Delivery(false, Encapsulation.NONE, null, false);

  /**
   * @throws IllegalArgumentException for any other combination
   */
  public Delivery {
    Objects.requireNonNull(encapsulation, "encapsulation");
    if ((node == null) != (encapsulation == Encapsulation.NONE)) {
      throw new IllegalArgumentException(
          node == null
              ? encapsulation + " needs the address of a node to send to"
              : "node " + node + " without an encapsulation: nothing is sent to it");
    }
    if (agent && encapsulation != Encapsulation.GUE) {
      throw new IllegalArgumentException("an agent is reached by GUE, not by " + encapsulation);
    }
    if (nat && encapsulation != Encapsulation.NONE && !agent) {
      throw new IllegalArgumentException("NAT by way of " + node + " needs an agent there and GUE");
    }
    if (remembered && (nat || !agent)) {
      throw new IllegalArgumentException("only of DSR to a pod it is said that it is remembered");
    }
  }

  /** One of which it is not said that it is remembered. */
  public Delivery(boolean nat, Encapsulation encapsulation, Ip node, boolean agent) {
    this(nat, encapsulation, node, agent, false);
  }

  /** The same where nodes may have different rings. */
  public Delivery amongDifferentRings() {
    return nat || !agent ? this : new Delivery(nat, encapsulation, node, agent, true);
  }

  /** DSR to a pod, by the agent of its node. */
  public static Delivery pod(Ip node) {
    return new Delivery(false, Encapsulation.GUE, node, true);
  }

  /** DSR in GUE to a server that has the VIP itself and takes GUE by its own means. */
  public static Delivery gue(Ip server) {
    return new Delivery(false, Encapsulation.GUE, server, false);
  }

  /** DSR in a plain IP header to a server that has the VIP itself. */
  public static Delivery ipip(Ip server) {
    return new Delivery(false, Encapsulation.IPIP, server, false);
  }

  /** Translated here, then handed to the agent of the pod's node. */
  public static Delivery natVia(Ip node) {
    return new Delivery(true, Encapsulation.GUE, node, true);
  }

  /** As {@code NAT}, {@code NAT in GUE via 198.51.100.1} or {@code DSR in IPIP to 198.51.100.9}. */
  @Override
  public String toString() {
    if (encapsulation == Encapsulation.NONE) {
      return nat ? "NAT" : "DSR by MAC address";
    }
    return (nat ? "NAT in " : "DSR in ")
        + encapsulation
        + (agent ? " via " : " to ")
        + node
        + (remembered ? ", remembered" : "");
  }
}
