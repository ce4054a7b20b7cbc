// SPDX-License-Identifier: Apache-2.0
package io.xdplb.api.v1alpha1;

/**
 * The Leases (coordination.k8s.io/v1) by which agents say that they are alive, one a node: {@code
 * spec.holderIdentity} is the node's name. Liveness is told from the Lease alone, so that nothing
 * that changes by itself is in a NodeState.
 */
public final class NodeLeases {

  /** The label that all of them have, and nothing else. */
  public static final String LABEL = "xdplb.io/lease";

  /** Its value. */
  public static final String LABEL_VALUE = "agent";

  private static final String PREFIX = "xdplb-agent-";

  private NodeLeases() {}

  /** The name of a node's Lease; the end of a node name that is too long is left out. */
  public static String nameOf(String node) {
    String name = PREFIX + node;
    return name.length() <= Limits.NAME_LENGTH
        ? name
        : name.substring(0, Limits.NAME_LENGTH - 9) + "-" + "%08x".formatted(node.hashCode());
  }
}
