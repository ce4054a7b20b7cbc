// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.fabric8.kubernetes.api.model.Condition;
import io.fabric8.kubernetes.api.model.ConditionBuilder;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Optional;

/** Conditions of any kind of object: their transition times move only when their statuses do. */
final class Conditions {

  private Conditions() {}

  /** The condition of a type; empty if it is not there. */
  static Optional<Condition> of(List<Condition> conditions, String type) {
    return conditions == null
        ? Optional.empty()
        : conditions.stream().filter(c -> type.equals(c.getType())).findFirst();
  }

  /**
   * @param before the conditions until now; {@code null} at the first visit
   * @param now becomes the transition time if the status changes
   */
  static Condition next(
      List<Condition> before, String type, Verdict verdict, long generation, Instant now) {
    String since =
        of(before, type)
            .filter(c -> verdict.status().text().equals(c.getStatus()))
            .map(Condition::getLastTransitionTime)
            .orElseGet(() -> now.truncatedTo(ChronoUnit.SECONDS).toString());
    return new ConditionBuilder()
        .withType(type)
        .withStatus(verdict.status().text())
        .withReason(verdict.reason())
        .withMessage(verdict.message())
        .withObservedGeneration(generation)
        .withLastTransitionTime(since)
        .build();
  }
}
