// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.ipam;

import io.xdplb.api.v1alpha1.Selector;
import java.util.List;
import java.util.Map;

/** Tells whether labels are selected, as Kubernetes does it. */
public final class Selectors {

  private Selectors() {}

  /** Whether labels are selected: all that the selector says holds. */
  public static boolean matches(Selector selector, Map<String, String> labels) {
    Map<String, String> equal = selector.matchLabels() == null ? Map.of() : selector.matchLabels();
    List<Selector.Requirement> requirements =
        selector.matchExpressions() == null ? List.of() : selector.matchExpressions();
    return equal.entrySet().stream().allMatch(e -> e.getValue().equals(labels.get(e.getKey())))
        && requirements.stream().allMatch(requirement -> holds(requirement, labels));
  }

  private static boolean holds(Selector.Requirement requirement, Map<String, String> labels) {
    String value = labels.get(requirement.key());
    List<String> values = requirement.values() == null ? List.of() : requirement.values();
    return switch (requirement.operator()) {
      case In -> value != null && values.contains(value);
      case NotIn -> value == null || !values.contains(value);
      case Exists -> value != null;
      case DoesNotExist -> value == null;
    };
  }
}
