// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.fabric8.kubernetes.api.model.Condition;
import io.xdplb.api.v1alpha1.AnnouncementPolicyStatus;
import io.xdplb.api.v1alpha1.BGPPeerSpec;
import io.xdplb.api.v1alpha1.BGPPeerStatus;
import io.xdplb.controller.AnnouncingView.Selection;
import io.xdplb.controller.AnnouncingView.Sessions;
import io.xdplb.core.compile.Durations;
import io.xdplb.core.compile.Problem;
import io.xdplb.core.policy.Policy;
import io.xdplb.core.policy.PolicyReader;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/** Says in the statuses of AnnouncementPolicies and BGPPeers what is known. Pure. */
final class AnnouncingStatusComposer {

  static final String ESTABLISHED = "Established";

  static final String POOL_NOT_FOUND = "PoolNotFound";
  static final String PEER_NOT_FOUND = "PeerNotFound";
  static final String NO_SELECTED_NODE = "NoSelectedNode";
  static final String CONNECTING = "Connecting";

  private static final int DEFAULT_HOLD_SECONDS = 90;

  private AnnouncingStatusComposer() {}

  /**
   * The status of an AnnouncementPolicy.
   *
   * @param before {@code null} at the first visit
   * @param read what the spec says
   * @param view of all policies, peers and nodes
   */
  static AnnouncementPolicyStatus policy(
      AnnouncementPolicyStatus before,
      long generation,
      PolicyReader.Result read,
      AnnouncingView view,
      Instant now) {
    Verdict accepted = accepted(read.problems());
    Verdict resolved =
        read.policy()
            .map(policy -> resolved(policy, read.missingPools(), view))
            .orElseGet(
                () -> Verdict.unknown(Decision.INVALID_SPEC, "Looked at once the spec is valid."));
    Verdict selecting =
        read.policy()
            .map(policy -> selecting(view.selections().get(policy.name())))
            .orElse(accepted);
    Verdict ready =
        firstNotTrue("It is in force on the nodes that it selects.", accepted, resolved, selecting);
    List<Condition> conditions = before == null ? null : before.conditions();
    List<Condition> next = new ArrayList<>();
    next.add(Conditions.next(conditions, StatusComposer.ACCEPTED, accepted, generation, now));
    next.add(Conditions.next(conditions, StatusComposer.RESOLVED_REFS, resolved, generation, now));
    next.add(Conditions.next(conditions, StatusComposer.READY, ready, generation, now));
    still(conditions, accepted, ready, generation, now).ifPresent(next::add);
    return new AnnouncementPolicyStatus(generation, next);
  }

  /**
   * The status of a BGPPeer.
   *
   * @param before {@code null} at the first visit
   * @param sessions of the nodes with it
   */
  static BGPPeerStatus peer(
      BGPPeerStatus before, long generation, BGPPeerSpec spec, Sessions sessions, Instant now) {
    Verdict accepted = accepted(problems(spec));
    Verdict established = established(sessions);
    Verdict ready = firstNotTrue("Every node that should has a session.", accepted, established);
    List<Condition> conditions = before == null ? null : before.conditions();
    List<Condition> next = new ArrayList<>();
    next.add(Conditions.next(conditions, StatusComposer.ACCEPTED, accepted, generation, now));
    next.add(Conditions.next(conditions, ESTABLISHED, established, generation, now));
    next.add(Conditions.next(conditions, StatusComposer.READY, ready, generation, now));
    still(conditions, accepted, ready, generation, now).ifPresent(next::add);
    return new BGPPeerStatus(generation, next, sessions.nodes(), sessions.established().size());
  }

  /**
   * What to write Events of when conditions take the place of others: that an object is ready, or
   * not and why. That others of many nodes are down than before is no news.
   *
   * @param before {@code null} at the first visit
   */
  static List<Notice> news(List<Condition> before, List<Condition> after) {
    Condition now = Conditions.of(after, StatusComposer.READY).orElseThrow();
    Optional<Condition> then = Conditions.of(before, StatusComposer.READY);
    boolean isFalse = now.getStatus().equals(Verdict.Status.FALSE.text());
    boolean isNews =
        !now.getReason().equals(CONNECTING)
            && then.map(
                    c ->
                        !c.getReason().equals(now.getReason())
                            || now.getReason().equals(Decision.INVALID_SPEC)
                                && !c.getMessage().equals(now.getMessage()))
                .orElse(true);
    return isNews ? List.of(new Notice(isFalse, now.getReason(), now.getMessage())) : List.of();
  }

  private static Verdict accepted(List<Problem> problems) {
    return problems.isEmpty()
        ? Verdict.yes(StatusComposer.ACCEPTED, "The spec is valid.")
        : Verdict.no(
            Decision.INVALID_SPEC,
            problems.stream()
                    .limit(StatusComposer.NAMED_NODES)
                    .map(Problem::toString)
                    .collect(Collectors.joining("; "))
                + (problems.size() > StatusComposer.NAMED_NODES ? "; and others" : ""));
  }

  private static Verdict resolved(Policy policy, List<String> missingPools, AnnouncingView view) {
    if (!missingPools.isEmpty()) {
      return Verdict.no(
          POOL_NOT_FOUND,
          "There is no valid AddressPool of that name: "
              + StatusComposer.named(missingPools)
              + ".");
    }
    if (policy.isBgp() && view.peers().isEmpty()) {
      return Verdict.no(PEER_NOT_FOUND, "There is no BGPPeer to announce to.");
    }
    List<String> missingPeers =
        !policy.isBgp() || policy.spec().bgp().peers() == null
            ? List.of()
            : policy.spec().bgp().peers().stream()
                .filter(peer -> !view.peers().containsKey(peer))
                .toList();
    return missingPeers.isEmpty()
        ? Verdict.yes(StatusComposer.RESOLVED_REFS, "All pools and peers that it names exist.")
        : Verdict.no(
            PEER_NOT_FOUND,
            "There is no BGPPeer of that name: " + StatusComposer.named(missingPeers) + ".");
  }

  private static Verdict selecting(Selection selection) {
    if (selection.isEmpty()) {
      return Verdict.no(
          NO_SELECTED_NODE, "No node that has an agent has the labels of nodeSelector.");
    }
    return selection.able().isEmpty() && selection.silent().isEmpty()
        ? Verdict.no(
            NO_SELECTED_NODE,
            "Every node that it selects is excluded: "
                + StatusComposer.named(selection.excluded())
                + ".")
        : Verdict.yes(StatusComposer.READY, "");
  }

  private static Verdict established(Sessions sessions) {
    if (sessions.nodes() == 0) {
      return Verdict.no(
          NO_SELECTED_NODE, "No node that has an agent has the labels of nodeSelector.");
    }
    if (!sessions.down().isEmpty()) {
      return Verdict.no(
          Announced.SESSION_DOWN,
          "No session with: " + StatusComposer.named(sessions.down()) + ".");
    }
    return sessions.pending().isEmpty()
        ? Verdict.yes(ESTABLISHED, "Every node that should has a session.")
        : Verdict.no(
            CONNECTING,
            "About to connect: "
                + StatusComposer.named(sessions.pending())
                + ". If it stays so: is bgp.enabled set in the chart?");
  }

  /** What one field alone does not show. */
  private static List<Problem> problems(BGPPeerSpec spec) {
    if (spec == null || spec.keepaliveTime() == null) {
      return List.of();
    }
    int hold = spec.holdTime() == null ? DEFAULT_HOLD_SECONDS : Durations.seconds(spec.holdTime());
    return Durations.seconds(spec.keepaliveTime()) < hold
        ? List.of()
        : List.of(
            new Problem(
                Problem.Reason.InvalidSpec,
                "spec.keepaliveTime",
                spec.keepaliveTime()
                    + " is not less than holdTime, "
                    + hold
                    + "s: the session would end between two messages; a third of it is usual"));
  }

  private static Verdict firstNotTrue(String otherwise, Verdict... required) {
    return Arrays.stream(required)
        .filter(verdict -> !verdict.isTrue())
        .findFirst()
        .orElseGet(() -> Verdict.yes(StatusComposer.READY, otherwise));
  }

  /** Stalled for what only its author can mend; the rest may come. */
  private static Optional<Condition> still(
      List<Condition> before, Verdict accepted, Verdict ready, long generation, Instant now) {
    return ready.isTrue()
        ? Optional.empty()
        : Optional.of(
            Conditions.next(
                before,
                accepted.isFalse() ? StatusComposer.STALLED : StatusComposer.RECONCILING,
                Verdict.yes(ready.reason(), ready.message()),
                generation,
                now));
  }
}
