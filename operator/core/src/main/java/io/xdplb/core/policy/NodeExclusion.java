// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.policy;

import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Why a node announces nothing, whatever policies say. A cordon alone is no reason. */
public final class NodeExclusion {

  /** The label, with any value, by which Kubernetes keeps load balancers from a node. */
  public static final String LABEL = "node.kubernetes.io/exclude-from-external-load-balancers";

  /** Keys of taints of nodes that are about to go, or are gone. */
  public static final List<String> TAINTS =
      List.of("ToBeDeletedByClusterAutoscaler", "node.kubernetes.io/out-of-service");

  private NodeExclusion() {}

  /**
   * What excludes a node.
   *
   * @param labels of the Node
   * @param taints keys of its taints
   * @return {@code label …} or {@code taint …}; empty if nothing does
   */
  public static Optional<String> of(Map<String, String> labels, Collection<String> taints) {
    return labels.containsKey(LABEL)
        ? Optional.of("label " + LABEL)
        : TAINTS.stream().filter(taints::contains).findFirst().map(taint -> "taint " + taint);
  }
}
