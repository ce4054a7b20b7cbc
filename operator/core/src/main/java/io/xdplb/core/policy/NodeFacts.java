// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.policy;

import java.util.Map;
import java.util.Set;

/**
 * What decides whether a node announces anything.
 *
 * @param isThere whether it is one: whose Node was deleted is about to go, and others no longer
 *     take what it sends them
 * @param labels of its Node
 * @param taints keys of its taints
 */
public record NodeFacts(boolean isThere, Map<String, String> labels, Set<String> taints) {

  /** A machine without a cluster. */
  public static final NodeFacts NONE = new NodeFacts(true, Map.of(), Set.of());

  /** A node whose Node is not there. */
  public static final NodeFacts GONE = new NodeFacts(false, Map.of(), Set.of());

  public NodeFacts {
    labels = Map.copyOf(labels);
    taints = Set.copyOf(taints);
  }

  /** See {@link NodeExclusion}. */
  public boolean mayAnnounce() {
    return isThere && NodeExclusion.of(labels, taints).isEmpty();
  }
}
