// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Condition;
import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.api.v1alpha1.LoadBalancerStatus;
import io.xdplb.api.v1alpha1.LoadBalancerStatus.ListenerForwarding;
import io.xdplb.controller.Decision.Table;
import io.xdplb.controller.Fleet.Failure;
import io.xdplb.core.compile.Problem;
import java.time.Instant;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class StatusComposerTest {

  private static final Instant NOW = Instant.parse("2026-01-02T03:04:05.678Z");
  private static final ForwardingTableSpec TABLE =
      new ForwardingTableSpec("0".repeat(64), List.of());
  private static final Verdict ACCEPTED = Verdict.yes("Accepted", "ok");
  private static final Verdict RESOLVED = Verdict.yes("ResolvedRefs", "ok");
  private static final List<ListenerForwarding> NAT =
      List.of(
          new ListenerForwarding(
              "http", ListenerForwarding.Mode.NAT, "AsRequested", "NAT for all."));
  private static final Addressing HELD =
      new Addressing(Verdict.yes("Allocated", "ok"), List.of("203.0.113.10"), List.of());
  private static final Addressing UNDECIDED =
      new Addressing(Verdict.unknown("InvalidSpec", "later"), List.of(), List.of());
  private static final Decision EXHAUSTED =
      new Decision(
          ACCEPTED,
          RESOLVED,
          new Addressing(Verdict.no("PoolExhausted", "full"), List.of(), List.of()),
          new Table.Remove(),
          0,
          List.of(),
          List.of());
  private static final Decision GOOD =
      new Decision(ACCEPTED, RESOLVED, HELD, new Table.Install(TABLE), 2, NAT, List.of());
  private static final Decision REFUSED =
      new Decision(
          Verdict.no("InvalidSpec", "bad"),
          Verdict.unknown("InvalidSpec", "later"),
          UNDECIDED,
          new Table.Keep(),
          null,
          null,
          List.of());
  private static final Decision WAITING =
      new Decision(
          ACCEPTED,
          Verdict.unknown("Pending", "waits"),
          HELD,
          new Table.Keep(),
          null,
          null,
          List.of());
  private static final Decision UNRESOLVED =
      new Decision(
          ACCEPTED,
          Verdict.no("BackendNotFound", "no Service"),
          HELD,
          new Table.Install(TABLE),
          0,
          List.of(),
          List.of());
  private static final Verdict NOT_MANAGED = Verdict.unknown("NotManaged", "no policy");
  private static final Fleet NOBODY = new Fleet(0, 0, List.of(), List.of(), List.of(), List.of());
  private static final Fleet ALL = new Fleet(2, 2, List.of(), List.of(), List.of(), List.of());
  private static final Fleet BEHIND =
      new Fleet(2, 1, List.of(), List.of("n2"), List.of(), List.of());
  private static final Fleet FAILING =
      new Fleet(
          3, 1, List.of(new Failure("n2", "MapFull", "full")), List.of("n3"), List.of(), List.of());

  @Test
  void theFirstReasonThatFailsIsReadys() {
    assertThat(said(GOOD, ALL, false))
        .isEqualTo(
            "Accepted=True ResolvedRefs=True AddressAllocated=True Programmed=True:Programmed"
                + " Announced=Unknown Ready=True:Ready");
    assertThat(said(GOOD, NOBODY, false))
        .contains("Programmed=False:NoNodes Announced=Unknown Ready=False:NoNodes");
    assertThat(said(GOOD, BEHIND, true))
        .contains("Programmed=False:Programming Announced=Unknown Ready=False:Programming");
    assertThat(said(GOOD, BEHIND, false)).contains("Ready=False:NodesLagging");
    assertThat(said(GOOD, FAILING, true))
        .contains("Programmed=False:MapFull Announced=Unknown Ready=False:MapFull");
    assertThat(said(UNRESOLVED, ALL, false))
        .contains("ResolvedRefs=False", "Programmed=True", "Ready=False:BackendNotFound");
    assertThat(said(WAITING, ALL, false)).contains("Programmed=Unknown", "Ready=Unknown:Pending");
    assertThat(said(REFUSED, ALL, false))
        .contains("Accepted=False", "Programmed=False:InvalidSpec", "Ready=False:InvalidSpec");
  }

  @Test
  void readyWaitsForAnnouncementsThatSomebodyHasAskedFor() {
    Verdict none = Verdict.no("NoEligibleNode", "nobody");
    LoadBalancerStatus waiting = compose(null, GOOD, ALL, false, none, NOW);
    assertThat(StatusComposer.condition(waiting, "Ready").orElseThrow().getReason())
        .isEqualTo("NoEligibleNode");
    assertThat(StatusComposer.condition(waiting, "Reconciling")).isPresent();
    assertThat(StatusComposer.isAnnounced(waiting)).isFalse();
    LoadBalancerStatus ready =
        compose(waiting, GOOD, ALL, false, Verdict.yes("Announced", "by ARP"), NOW);
    assertThat(StatusComposer.readiness(ready)).isEqualTo("True");
    assertThat(StatusComposer.isAnnounced(ready)).isTrue();
    assertThat(reasons(waiting, ready)).containsExactly("+Announced");
    assertThat(reasons(ready, waiting)).containsExactly("-NoEligibleNode");
    LoadBalancerStatus other =
        compose(ready, GOOD, ALL, false, Verdict.yes("Announced", "by ARP from another"), NOW);
    assertThat(reasons(ready, other)).as("another owner").isEmpty();
    LoadBalancerStatus about =
        compose(null, GOOD, ALL, false, Verdict.no("Announcing", "about to"), NOW);
    assertThat(reasons(null, about)).containsExactly("+Accepted", "+Programmed");
  }

  @Test
  void withoutAnAddressNothingIsProgrammedAndSomebodyHasToMendIt() {
    LoadBalancerStatus status = composeWithoutTable(EXHAUSTED);
    assertThat(StatusComposer.condition(status, "AddressAllocated").orElseThrow().getReason())
        .isEqualTo("PoolExhausted");
    assertThat(StatusComposer.condition(status, "Programmed").orElseThrow().getReason())
        .isEqualTo("PoolExhausted");
    assertThat(StatusComposer.condition(status, "Ready").orElseThrow().getReason())
        .isEqualTo("PoolExhausted");
    assertThat(StatusComposer.condition(status, "Stalled")).isPresent();
    assertThat(StatusComposer.condition(status, "Reconciling")).isEmpty();
    assertThat(status.addresses()).isNull();
  }

  @Test
  void aReservationSaysNothingButTheAddresses() {
    LoadBalancerStatus before = compose(null, EXHAUSTED, ALL, false);
    LoadBalancerStatus reserved = StatusComposer.reserve(before, GOOD);
    assertThat(reserved.addresses()).containsExactly("203.0.113.10");
    assertThat(reserved.conditions()).isEqualTo(before.conditions());
    assertThat(reserved.observedGeneration()).isEqualTo(before.observedGeneration());
    assertThat(StatusComposer.reserve(null, GOOD).observedGeneration()).isEqualTo(-1);
    assertThat(StatusComposer.reserve(null, GOOD).conditions()).isNull();
  }

  private static LoadBalancerStatus composeWithoutTable(Decision decision) {
    return StatusComposer.compose(
        null,
        1,
        decision,
        null,
        StatusComposer.programmed(decision, null, NOBODY, false),
        StatusComposer.nothingToAnnounce(decision, null).orElseThrow(),
        NOBODY,
        NOW);
  }

  @Test
  void stalledIsWhatOnlyTheUserCanMendAndReconcilingAllElseThatIsNotReady() {
    for (Decision decision : List.of(GOOD, REFUSED, WAITING, UNRESOLVED)) {
      for (Fleet fleet : List.of(NOBODY, ALL, BEHIND, FAILING)) {
        List<String> types =
            compose(null, decision, fleet, false).conditions().stream()
                .map(Condition::getType)
                .toList();
        assertThat(types)
            .startsWith(
                "Accepted", "ResolvedRefs", "AddressAllocated", "Programmed", "Announced", "Ready")
            .doesNotHaveDuplicates();
        boolean ready = decision == GOOD && fleet == ALL;
        assertThat(types.contains("Stalled")).isEqualTo(decision == REFUSED);
        assertThat(types.contains("Reconciling")).isEqualTo(decision != REFUSED && !ready);
      }
    }
  }

  @Test
  void theTransitionTimeIsThatOfTheStatusNotOfTheReason() {
    LoadBalancerStatus first = compose(null, GOOD, NOBODY, false);
    LoadBalancerStatus second = compose(first, GOOD, BEHIND, false, NOW.plusSeconds(10));
    LoadBalancerStatus third = compose(second, GOOD, ALL, false, NOW.plusSeconds(20));
    assertThat(time(first, "Programmed")).isEqualTo("2026-01-02T03:04:05Z");
    assertThat(time(second, "Programmed")).isEqualTo("2026-01-02T03:04:05Z");
    assertThat(time(third, "Programmed")).isEqualTo("2026-01-02T03:04:25Z");
    assertThat(time(third, "Accepted")).isEqualTo("2026-01-02T03:04:05Z");
  }

  @Test
  void theLastKnownNumberOfEndpointsStandsWhileThereIsNoNewOne() {
    LoadBalancerStatus before = compose(null, GOOD, ALL, false);
    assertThat(compose(before, REFUSED, ALL, false).readyEndpoints()).isEqualTo(2);
    assertThat(compose(null, REFUSED, ALL, false).readyEndpoints()).isZero();
  }

  @Test
  void howBackendsWereLastReachedStandsWhileNothingNewIsKnown() {
    LoadBalancerStatus before = compose(null, GOOD, ALL, false);
    assertThat(before.forwarding()).isEqualTo(NAT);
    assertThat(compose(before, REFUSED, ALL, false).forwarding()).isEqualTo(NAT);
    assertThat(compose(null, REFUSED, ALL, false).forwarding()).isNull();
    assertThat(compose(before, UNRESOLVED, ALL, false).forwarding()).as("no backends").isNull();
  }

  @Test
  void noticesAreGivenOfWhatChangesAndOfNothingElse() {
    LoadBalancerStatus programming = compose(null, GOOD, BEHIND, true);
    assertThat(reasons(null, programming)).containsExactly("+Accepted", "+Programming");
    LoadBalancerStatus lagging = compose(programming, GOOD, BEHIND, false);
    assertThat(reasons(programming, lagging)).containsExactly("-NodesLagging");
    LoadBalancerStatus others =
        compose(
            lagging,
            GOOD,
            new Fleet(3, 1, List.of(), List.of("n2", "n3"), List.of(), List.of()),
            false);
    assertThat(others).isNotEqualTo(lagging);
    assertThat(reasons(lagging, others)).isEmpty();
    LoadBalancerStatus refused = compose(others, REFUSED, ALL, false);
    assertThat(reasons(others, refused)).containsExactly("-InvalidSpec");
    LoadBalancerStatus refusedElse =
        compose(
            refused,
            new Decision(
                Verdict.no("InvalidSpec", "bad in another way"),
                REFUSED.resolvedRefs(),
                UNDECIDED,
                new Table.Keep(),
                null,
                null,
                List.of()),
            ALL,
            false);
    assertThat(reasons(refused, refusedElse)).containsExactly("-InvalidSpec");
    LoadBalancerStatus ready = compose(refusedElse, GOOD, ALL, false);
    assertThat(reasons(refusedElse, ready))
        .containsExactly("+Accepted", "+Allocated", "+ResolvedRefs", "+Programmed");
    assertThat(reasons(ready, ready)).isEmpty();
  }

  @Test
  void adviceIsGivenOnce() {
    Problem problem = new Problem(Problem.Reason.NoEndpoints, "spec.listeners[0]", "start some");
    LoadBalancerStatus calm = compose(null, GOOD, ALL, false);
    LoadBalancerStatus advised =
        compose(
            calm,
            new Decision(
                ACCEPTED,
                Verdict.yes("ResolvedRefs", "ok. But " + problem),
                HELD,
                new Table.Install(TABLE),
                0,
                List.of(),
                List.of(problem)),
            ALL,
            false);
    assertThat(Notice.between(calm, advised, List.of(problem)))
        .containsExactly(new Notice(true, "NoEndpoints", "spec.listeners[0]: start some"));
    assertThat(Notice.between(advised, advised, List.of(problem))).isEmpty();
  }

  private static List<String> reasons(LoadBalancerStatus before, LoadBalancerStatus after) {
    return Notice.between(before, after, List.of()).stream()
        .map(notice -> (notice.isWarning() ? "-" : "+") + notice.reason())
        .toList();
  }

  /** Reasons of the first two are their own names where they are True. */
  private static String said(Decision decision, Fleet fleet, boolean settling) {
    Function<Condition, String> text =
        c ->
            c.getType()
                + "="
                + c.getStatus()
                + (c.getType().equals("Programmed") || c.getType().equals("Ready")
                    ? ":" + c.getReason()
                    : "");
    return compose(null, decision, fleet, settling).conditions().stream()
        .filter(c -> !c.getType().equals("Reconciling") && !c.getType().equals("Stalled"))
        .map(text)
        .collect(Collectors.joining(" "));
  }

  private static String time(LoadBalancerStatus status, String type) {
    return StatusComposer.condition(status, type).orElseThrow().getLastTransitionTime();
  }

  private static LoadBalancerStatus compose(
      LoadBalancerStatus before, Decision decision, Fleet fleet, boolean settling) {
    return compose(before, decision, fleet, settling, NOW);
  }

  private static LoadBalancerStatus compose(
      LoadBalancerStatus before, Decision decision, Fleet fleet, boolean settling, Instant now) {
    return compose(before, decision, fleet, settling, NOT_MANAGED, now);
  }

  private static LoadBalancerStatus compose(
      LoadBalancerStatus before,
      Decision decision,
      Fleet fleet,
      boolean settling,
      Verdict announced,
      Instant now) {
    return StatusComposer.compose(
        before,
        7,
        decision,
        TABLE,
        StatusComposer.programmed(decision, TABLE, fleet, settling),
        announced,
        fleet,
        now);
  }
}
