// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.fabric8.kubernetes.api.model.Condition;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.api.v1alpha1.LoadBalancerStatus;
import io.xdplb.core.model.ObjectName;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Gives the nodes a moment to follow a table before a status says that they lag.
 *
 * <p>Pods come and go all the time, and each time the nodes are behind for some milliseconds.
 * Saying so would be three writes and two Events each time, and a condition that is never at rest.
 * So while a LoadBalancer that was Programmed is followed within the moment, its status is left as
 * it is; and so is one that says that nodes are programming, however many of them have done. It is
 * left at most this long from when the first node fell behind, however many changes follow. A
 * change of the spec is answered at once.
 */
final class Settling {

  private static final Duration STILL_LAGGING = Duration.ofSeconds(10);

  private final Duration moment;
  private final Clock clock;
  private final Map<ObjectName, Instant> laggingSince = new ConcurrentHashMap<>();
  private final Map<ObjectName, Instant> unannouncedSince = new ConcurrentHashMap<>();

  /**
   * @param remaining of the moment; zero when it is over or was not needed
   * @param isHeld the status is left as it is
   */
  record Phase(Duration remaining, boolean isHeld) {
    private static final Phase OVER = new Phase(Duration.ZERO, false);

    boolean isSettling() {
      return !remaining.isZero();
    }

    /** When to look at nodes that lag although nothing has been heard of them. */
    Duration lookAgain() {
      return isSettling() ? remaining : STILL_LAGGING;
    }
  }

  Settling(Duration moment, Clock clock) {
    this.moment = moment;
    this.clock = clock;
  }

  Instant now() {
    return clock.instant();
  }

  Phase of(LoadBalancer balancer, Decision decision, Fleet fleet) {
    ObjectName name = Names.of(balancer);
    if (!decision.accepted().isTrue() || !fleet.isOnlyLagging()) {
      laggingSince.remove(name);
      return Phase.OVER;
    }
    Instant since = laggingSince.computeIfAbsent(name, key -> now());
    Duration remaining = Duration.between(now(), since.plus(moment));
    LoadBalancerStatus status = balancer.getStatus();
    boolean lagIsSaid =
        isOfThisSpec(balancer)
            && StatusComposer.condition(status, StatusComposer.PROGRAMMED)
                .filter(c -> StatusComposer.NODES_LAGGING.equals(c.getReason()))
                .isPresent();
    if (lagIsSaid || remaining.isNegative() || remaining.isZero()) {
      return Phase.OVER;
    }
    boolean isHeld =
        isOfThisSpec(balancer)
            && says(status, StatusComposer.ACCEPTED, decision.accepted())
            && says(status, StatusComposer.RESOLVED_REFS, decision.resolvedRefs())
            && says(status, StatusComposer.ADDRESS_ALLOCATED, decision.addressing().allocated())
            && decision.addressing().addresses().equals(status.addresses())
            && StatusComposer.condition(status, StatusComposer.PROGRAMMED)
                .filter(
                    c ->
                        Verdict.Status.TRUE.text().equals(c.getStatus())
                            || StatusComposer.PROGRAMMING.equals(c.getReason()))
                .isPresent();
    return new Phase(remaining, isHeld);
  }

  /**
   * What to say of announcing.
   *
   * @param verdict to be said
   * @param remaining of the moment; zero when it is over or was not needed
   */
  record Announcing(Verdict verdict, Duration remaining) {}

  /**
   * The same for announcing: an owner that is lost, or hands over, has a successor in less than the
   * moment.
   *
   * @param found what holds now
   */
  Announcing announced(LoadBalancer balancer, Decision decision, Verdict found) {
    ObjectName name = Names.of(balancer);
    if (!Announced.mayPass(found)) {
      unannouncedSince.remove(name);
      return new Announcing(found, Duration.ZERO);
    }
    Instant since = unannouncedSince.computeIfAbsent(name, key -> now());
    Duration remaining = Duration.between(now(), since.plus(moment));
    LoadBalancerStatus status = balancer.getStatus();
    Optional<Condition> said =
        isOfThisSpec(balancer)
            ? StatusComposer.condition(status, Announced.ANNOUNCED)
            : Optional.empty();
    if (remaining.isNegative()
        || remaining.isZero()
        || said.filter(c -> found.reason().equals(c.getReason())).isPresent()) {
      return new Announcing(found, Duration.ZERO);
    }
    return new Announcing(
        said.filter(c -> Verdict.Status.TRUE.text().equals(c.getStatus()))
            .filter(c -> decision.addressing().addresses().equals(status.addresses()))
            .map(c -> Verdict.yes(c.getReason(), c.getMessage()))
            .orElseGet(
                () ->
                    Verdict.no(
                        Announced.ANNOUNCING, "The nodes are about to announce the addresses.")),
        remaining);
  }

  /** Whether nodes were behind when the LoadBalancer was last looked at. */
  boolean isWaiting(ObjectName name) {
    return laggingSince.containsKey(name);
  }

  void forget(ObjectName name) {
    laggingSince.remove(name);
    unannouncedSince.remove(name);
  }

  private static boolean isOfThisSpec(LoadBalancer balancer) {
    return balancer.getStatus() != null
        && balancer.getMetadata().getGeneration().equals(balancer.getStatus().observedGeneration());
  }

  private static boolean says(LoadBalancerStatus status, String type, Verdict verdict) {
    return StatusComposer.condition(status, type).filter(c -> isSame(c, verdict)).isPresent();
  }

  private static boolean isSame(Condition condition, Verdict verdict) {
    return verdict.status().text().equals(condition.getStatus())
        && verdict.reason().equals(condition.getReason())
        && verdict.message().equals(condition.getMessage());
  }
}
