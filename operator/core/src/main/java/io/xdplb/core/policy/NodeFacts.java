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

  public NodeFacts {
    labels = Map.copyOf(labels);
    taints = Set.copyOf(taints);
  }

  /** See {@link NodeExclusion}. */
  public boolean mayAnnounce() {
    return NodeExclusion.of(labels, taints).isEmpty();
  }
}
