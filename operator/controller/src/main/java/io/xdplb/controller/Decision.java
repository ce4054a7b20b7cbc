// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.api.v1alpha1.LoadBalancerStatus.ListenerForwarding;
import io.xdplb.core.claims.VipClaims.Conflict;
import io.xdplb.core.compile.CompileResult;
import io.xdplb.core.compile.Problem;
import io.xdplb.core.compile.Problem.Concern;
import io.xdplb.core.ipam.Allocation;
import io.xdplb.core.model.VipKey;
import io.xdplb.core.table.TableHash;
import io.xdplb.core.table.Tables;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What is to be done about a LoadBalancer and said of it, before any node is asked. Pure.
 *
 * @param accepted the condition Accepted
 * @param resolvedRefs the condition ResolvedRefs
 * @param addressing the condition AddressAllocated, and the addresses
 * @param table what becomes of the ForwardingTable
 * @param readyEndpoints endpoints that take new flows; {@code null} where that is not known and the
 *     last known number stands
 * @param forwarding how the backends of each listener are reached; {@code null} where that is not
 *     known and what was last known stands
 * @param advice what is not wrong but probably not wanted either: as much of it as resolvedRefs
 *     says
 */
record Decision(
    Verdict accepted,
    Verdict resolvedRefs,
    Addressing addressing,
    Table table,
    Integer readyEndpoints,
    List<ListenerForwarding> forwarding,
    List<Problem> advice) {

  static final String INVALID_SPEC = "InvalidSpec";
  static final String ADDRESS_IN_USE = "AddressInUse";
  static final String PENDING = "Pending";
  private static final int LISTED = 5;

  /** What becomes of the ForwardingTable. */
  sealed interface Table {
    /** It is to be like this. */
    record Install(ForwardingTableSpec spec) implements Table {}

    /** Whatever is there stays. */
    record Keep() implements Table {}

    /** There is to be none. */
    record Remove() implements Table {}
  }

  /**
   * @param allocation the addresses that were compiled
   * @param result of the compiler
   * @param conflicts VIPs that an older LoadBalancer has. They are left out of the table, and the
   *     others carry traffic all the same: one address that is taken must not cost the rest
   * @param held VIPs that this LoadBalancer has
   */
  static Decision of(
      Allocation allocation, CompileResult result, List<Conflict> conflicts, Set<VipKey> held) {
    Addressing addressing =
        Addressing.of(allocation, !(result instanceof CompileResult.Refused), conflicts, held);
    if (result instanceof CompileResult.Refused refused) {
      return new Decision(
          Verdict.no(INVALID_SPEC, listed(refused.problems(Concern.ACCEPTED))),
          Verdict.unknown(INVALID_SPEC, "References are looked at once the spec is valid."),
          addressing,
          new Table.Keep(),
          null,
          null,
          List.of());
    }
    Verdict accepted = accepted(conflicts);
    if (result instanceof CompileResult.Incomplete incomplete) {
      String waitingFor =
          incomplete.waitingFor().stream()
              .map(Object::toString)
              .sorted()
              .limit(LISTED)
              .collect(Collectors.joining(", "));
      return new Decision(
          accepted,
          Verdict.unknown(PENDING, "The endpoints of " + waitingFor + " are not known yet."),
          addressing,
          new Table.Keep(),
          null,
          null,
          List.of());
    }
    CompileResult.Compiled compiled = (CompileResult.Compiled) result;
    return new Decision(
        accepted,
        resolvedRefs(compiled),
        addressing,
        rest(compiled.table(), conflicts, held),
        held.isEmpty() ? 0 : compiled.readyEndpoints(),
        held.isEmpty() ? List.of() : compiled.forwarding(),
        compiled.problems(Concern.ADVICE).stream().limit(LISTED).toList());
  }

  /** The same for a LoadBalancer that no node is to have. */
  Decision withdrawn() {
    return new Decision(
        accepted, resolvedRefs, addressing, new Table.Remove(), 0, List.of(), List.of());
  }

  private static Verdict accepted(List<Conflict> conflicts) {
    if (conflicts.isEmpty()) {
      return Verdict.yes("Accepted", "The spec is valid.");
    }
    String taken =
        conflicts.stream()
            .limit(LISTED)
            .map(conflict -> conflict.vip() + " by LoadBalancer " + conflict.winner())
            .collect(Collectors.joining(", "));
    return Verdict.no(
        ADDRESS_IN_USE,
        "Already in use: "
            + taken
            + (conflicts.size() > LISTED ? " and others" : "")
            + ". The older one keeps it; it passes to this one when the older one gives it up."
            + " Else choose another address or port.");
  }

  private static Verdict resolvedRefs(CompileResult.Compiled compiled) {
    List<Problem> unresolved = compiled.problems(Concern.RESOLVED_REFS);
    if (!unresolved.isEmpty()) {
      return Verdict.no(unresolved.get(0).reason().name(), listed(unresolved));
    }
    List<Problem> advice = compiled.problems(Concern.ADVICE);
    return Verdict.yes(
        "ResolvedRefs",
        "All that the spec refers to exists." + (advice.isEmpty() ? "" : " But " + listed(advice)));
  }

  private static String listed(List<Problem> problems) {
    return problems.stream().limit(LISTED).map(Problem::toString).collect(Collectors.joining("; "))
        + (problems.size() > LISTED ? "; and others" : "");
  }

  private static Table rest(ForwardingTableSpec table, List<Conflict> conflicts, Set<VipKey> held) {
    if (conflicts.isEmpty() && !table.vips().isEmpty()) {
      return new Table.Install(table);
    }
    List<ForwardingTableSpec.Vip> vips =
        table.vips().stream().filter(vip -> held.contains(Tables.key(vip))).toList();
    if (vips.isEmpty()) {
      return new Table.Remove();
    }
    ForwardingTableSpec rest =
        new ForwardingTableSpec(
            null, table.sourceRanges(), table.unavailablePolicy(), table.healthCheck(), vips);
    return new Table.Install(
        new ForwardingTableSpec(
            TableHash.desired(Tables.toVips(rest)),
            table.sourceRanges(),
            table.unavailablePolicy(),
            table.healthCheck(),
            vips));
  }
}
