// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.fabric8.kubernetes.api.model.Condition;
import io.xdplb.api.v1alpha1.AddressPoolStatus;
import io.xdplb.api.v1alpha1.AddressPoolStatus.Family;
import io.xdplb.core.compile.Problem;
import io.xdplb.core.ipam.PoolReport;
import java.math.BigInteger;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/** Says in a pool's status what is known. Pure. */
final class PoolStatusComposer {

  static final String OVERLAP = "Overlap";
  static final String IN_USE = "InUse";
  private static final int LISTED = 5;
  private static final BigInteger LARGEST = BigInteger.valueOf(Long.MAX_VALUE);

  private PoolStatusComposer() {}

  /**
   * @param before {@code null} at the first visit
   * @param problems of the spec
   * @param report {@code null} exactly if there are problems
   */
  static AddressPoolStatus compose(
      AddressPoolStatus before,
      long generation,
      List<Problem> problems,
      PoolReport report,
      Instant now) {
    List<Condition> conditions = before == null ? null : before.conditions();
    Verdict accepted = accepted(problems);
    Verdict ready = accepted.isTrue() ? ready(report) : accepted;
    List<Condition> next = new ArrayList<>();
    next.add(Conditions.next(conditions, StatusComposer.ACCEPTED, accepted, generation, now));
    next.add(Conditions.next(conditions, StatusComposer.READY, ready, generation, now));
    if (!ready.isTrue()) {
      next.add(
          Conditions.next(
              conditions,
              // Addresses that are still in use go by themselves; the rest somebody has to mend.
              ready.reason().equals(IN_USE) ? StatusComposer.RECONCILING : StatusComposer.STALLED,
              Verdict.yes(ready.reason(), ready.message()),
              generation,
              now));
    }
    return new AddressPoolStatus(
        generation,
        next,
        report == null ? null : family(report.capacityIpv4(), report.allocatedIpv4()),
        report == null ? null : family(report.capacityIpv6(), report.allocatedIpv6()));
  }

  /** What to write Events of when a status takes the place of another. */
  static List<Notice> news(AddressPoolStatus before, AddressPoolStatus after) {
    Condition now = Conditions.of(after.conditions(), StatusComposer.READY).orElseThrow();
    Optional<Condition> then =
        Conditions.of(before == null ? null : before.conditions(), StatusComposer.READY);
    boolean isFalse = now.getStatus().equals(Verdict.Status.FALSE.text());
    boolean isNews =
        then.map(
                c ->
                    !c.getReason().equals(now.getReason())
                        || isFalse && !c.getMessage().equals(now.getMessage()))
            .orElse(isFalse);
    return isNews ? List.of(new Notice(isFalse, now.getReason(), now.getMessage())) : List.of();
  }

  private static Verdict accepted(List<Problem> problems) {
    return problems.isEmpty()
        ? Verdict.yes("Accepted", "The spec is valid.")
        : Verdict.no(
            Decision.INVALID_SPEC,
            problems.stream().limit(LISTED).map(Problem::toString).collect(Collectors.joining("; "))
                + (problems.size() > LISTED ? "; and others" : ""));
  }

  private static Verdict ready(PoolReport report) {
    if (!report.overlapping().isEmpty()) {
      return Verdict.no(
          OVERLAP,
          "It has addresses in common with pool "
              + listed(report.overlapping())
              + "; the older pool gives them away. Change the blocks of one of them.");
    }
    if (!report.outside().isEmpty()) {
      return Verdict.no(
          IN_USE,
          "Still in use, though not in the pool any more: "
              + listed(report.outside())
              + ". They stay with the load balancers that have them and go to nobody then.");
    }
    return Verdict.yes("Ready", "Load balancers get addresses from here.");
  }

  private static String listed(List<?> all) {
    return all.stream().limit(LISTED).map(Object::toString).collect(Collectors.joining(", "))
        + (all.size() > LISTED ? " and others" : "");
  }

  private static Family family(BigInteger capacity, int allocated) {
    return new Family(capacity.min(LARGEST).longValue(), allocated);
  }
}
