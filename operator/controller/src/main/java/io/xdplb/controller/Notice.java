// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.fabric8.kubernetes.api.model.Condition;
import io.xdplb.api.v1alpha1.LoadBalancerStatus;
import io.xdplb.core.compile.Problem;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Something that happened to a LoadBalancer, for an Event.
 *
 * @param isWarning whether somebody should look
 * @param reason one word
 * @param note for a person
 */
record Notice(boolean isWarning, String reason, String note) {

  /** Reasons of a condition that is False because somebody wants it so, or for a moment. */
  static final Set<String> EXPECTED =
      Set.of(
          StatusComposer.PROGRAMMING,
          Announced.ANNOUNCING,
          StatusComposer.WITHDRAWING,
          StatusComposer.WITHDRAWN,
          StatusComposer.TEMPLATE);

  /**
   * What to write Events of when a status takes the place of another. Nothing when nothing changed;
   * so whoever writes the status only when it changes writes none twice, over a restart too.
   *
   * @param before {@code null} at the first visit
   * @param advice that {@code after} carries in ResolvedRefs
   */
  static List<Notice> between(
      LoadBalancerStatus before, LoadBalancerStatus after, List<Problem> advice) {
    List<Notice> notices = new ArrayList<>();
    boolean refused =
        StatusComposer.condition(after, StatusComposer.ACCEPTED)
            .filter(c -> c.getStatus().equals(Verdict.Status.FALSE.text()))
            .isPresent();
    boolean withoutAddress =
        after.addresses() == null
            && StatusComposer.condition(after, StatusComposer.ADDRESS_ALLOCATED)
                .filter(c -> c.getStatus().equals(Verdict.Status.FALSE.text()))
                .isPresent();
    for (String type :
        List.of(
            StatusComposer.ACCEPTED,
            StatusComposer.ADDRESS_ALLOCATED,
            StatusComposer.RESOLVED_REFS,
            StatusComposer.PROGRAMMED,
            Announced.ANNOUNCED)) {
      Condition now = StatusComposer.condition(after, type).orElseThrow();
      Optional<Condition> then = StatusComposer.condition(before, type);
      boolean saidAlready =
          refused && (isOfNodes(type) || type.equals(StatusComposer.ADDRESS_ALLOCATED))
              || withoutAddress && isOfNodes(type)
              || type.equals(Announced.ANNOUNCED)
                  && now.getStatus().equals(Verdict.Status.FALSE.text())
                  && EXPECTED.contains(now.getReason());
      if (!saidAlready && isNews(type, then, now)) {
        notices.add(new Notice(isWarning(now), now.getReason(), now.getMessage()));
      }
    }
    String said =
        StatusComposer.condition(before, StatusComposer.RESOLVED_REFS)
            .map(Condition::getMessage)
            .orElse("");
    advice.stream()
        .filter(problem -> !said.contains(problem.toString()))
        .map(problem -> new Notice(true, problem.reason().name(), problem.toString()))
        .forEach(notices::add);
    return notices;
  }

  /** Of what nodes do, which moves by itself. */
  private static boolean isOfNodes(String type) {
    return type.equals(StatusComposer.PROGRAMMED) || type.equals(Announced.ANNOUNCED);
  }

  private static boolean isNews(String type, Optional<Condition> then, Condition now) {
    boolean isOfNodes = isOfNodes(type);
    boolean isFalse = now.getStatus().equals(Verdict.Status.FALSE.text());
    if (now.getStatus().equals(Verdict.Status.UNKNOWN.text())) {
      return false;
    }
    if (then.isEmpty()) {
      return isFalse || type.equals(StatusComposer.ACCEPTED) || isOfNodes;
    }
    if (!then.get().getStatus().equals(now.getStatus())
        || !then.get().getReason().equals(now.getReason())) {
      return true;
    }
    // Another refusal is news; that other nodes lag is not.
    return isFalse && !isOfNodes && !then.get().getMessage().equals(now.getMessage());
  }

  private static boolean isWarning(Condition condition) {
    return condition.getStatus().equals(Verdict.Status.FALSE.text())
        && !EXPECTED.contains(condition.getReason());
  }
}
