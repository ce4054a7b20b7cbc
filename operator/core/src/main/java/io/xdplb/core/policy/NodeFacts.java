// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.policy;

import java.util.Map;
import java.util.Set;

/**
 * What decides whether a node announces anything.
 *
 * @param labels of its Node
 * @param taints keys of its taints
 */
public record NodeFacts(Map<String, String> labels, Set<String> taints) {

  /** A machine without a cluster. */
  public static final NodeFacts NONE = new NodeFacts(Map.of(), Set.of());

  private static final String EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers";

  private static final Set<String> LEAVING =
      Set.of("ToBeDeletedByClusterAutoscaler", "node.kubernetes.io/out-of-service");

  public NodeFacts {
    labels = Map.copyOf(labels);
    taints = Set.copyOf(taints);
  }

  /**
   * Not with the label node.kubernetes.io/exclude-from-external-load-balancers, nor while it is
   * about to be deleted or out of service. A cordon does not matter.
   */
  public boolean mayAnnounce() {
    return !labels.containsKey(EXCLUDED) && taints.stream().noneMatch(LEAVING::contains);
  }
}
