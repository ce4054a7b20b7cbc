// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.fabric8.kubernetes.api.model.Condition;
import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.api.v1alpha1.LoadBalancerStatus;
import io.xdplb.api.v1alpha1.LoadBalancerStatus.ListenerForwarding;
import io.xdplb.api.v1alpha1.LoadBalancerStatus.PooledAddress;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Says in a LoadBalancer's status what is known. The only place where conditions are made. Pure.
 */
final class StatusComposer {

  static final String ACCEPTED = "Accepted";
  static final String RESOLVED_REFS = "ResolvedRefs";
  static final String ADDRESS_ALLOCATED = "AddressAllocated";
  static final String PROGRAMMED = "Programmed";
  static final String READY = "Ready";
  static final String RECONCILING = "Reconciling";
  static final String STALLED = "Stalled";

  static final String PROGRAMMING = "Programming";
  static final String NODES_LAGGING = "NodesLagging";
  static final String NO_NODES = "NoNodes";
  static final String WITHDRAWING = "Withdrawing";
  static final String WITHDRAWN = "Withdrawn";
  static final String TEMPLATE = "Template";
  static final String NOT_WRITTEN = "TableNotWritten";

  static final int NAMED_NODES = 5;
  private static final int NODE_MESSAGE_LENGTH = 256;

  private StatusComposer() {}

  /**
   * @param before what the status said until now; {@code null} at the first visit
   * @param generation of the spec
   * @param decision about that spec
   * @param inForce the table that the API server holds; {@code null} if none
   * @param programmed see {@link #programmed}
   * @param announced see {@link Announced}
   * @param fleet what the nodes say of {@code inForce}
   * @param now becomes the transition time of the conditions whose status changes
   */
  static LoadBalancerStatus compose(
      LoadBalancerStatus before,
      long generation,
      Decision decision,
      ForwardingTableSpec inForce,
      Verdict programmed,
      Verdict announced,
      Fleet fleet,
      Instant now) {
    Verdict ready = ready(decision, programmed, announced);
    List<Condition> conditions = new ArrayList<>();
    conditions.add(condition(before, ACCEPTED, decision.accepted(), generation, now));
    conditions.add(condition(before, RESOLVED_REFS, decision.resolvedRefs(), generation, now));
    conditions.add(
        condition(before, ADDRESS_ALLOCATED, decision.addressing().allocated(), generation, now));
    conditions.add(condition(before, PROGRAMMED, programmed, generation, now));
    conditions.add(condition(before, Announced.ANNOUNCED, announced, generation, now));
    conditions.add(condition(before, READY, ready, generation, now));
    if (!ready.isTrue()) {
      // What only the user can mend is Stalled; all else is still being tried.
      conditions.add(
          condition(
              before,
              decision.accepted().isFalse() || decision.addressing().isTerminal()
                  ? STALLED
                  : RECONCILING,
              Verdict.yes(ready.reason(), ready.message()),
              generation,
              now));
    }
    return new LoadBalancerStatus(
        generation,
        orNull(decision.addressing().addresses()),
        orNull(decision.addressing().pools()),
        conditions,
        decision.readyEndpoints() != null ? decision.readyEndpoints() : readyEndpoints(before),
        fleet.desired(),
        fleet.programmed(),
        forwarding(before, decision));
  }

  /** Whether the status says, of the spec as it is, that every node has proven it. */
  static boolean isProgrammedEverywhere(LoadBalancer balancer) {
    LoadBalancerStatus status = balancer.getStatus();
    return status != null
        && balancer.getMetadata().getGeneration().equals(status.observedGeneration())
        && Objects.equals(status.desiredNodes(), status.programmedNodes())
        && condition(status, PROGRAMMED)
            .filter(c -> Verdict.Status.TRUE.text().equals(c.getStatus()))
            .isPresent();
  }

  /**
   * Of a template: there is nothing to wait for.
   *
   * @param before what the status said until now; {@code null} at the first visit
   */
  static LoadBalancerStatus ofTemplate(LoadBalancerStatus before, long generation, Instant now) {
    Verdict yes = Verdict.yes(TEMPLATE, "It is a template, for Services to refer to.");
    Verdict none = Verdict.no(TEMPLATE, "Templates have no addresses.");
    Verdict programmed = Verdict.no(TEMPLATE, "Templates are not programmed.");
    Verdict announced = Verdict.no(TEMPLATE, "Templates are not announced.");
    return new LoadBalancerStatus(
        generation,
        null,
        null,
        List.of(
            condition(before, ACCEPTED, yes, generation, now),
            condition(before, RESOLVED_REFS, yes, generation, now),
            condition(before, ADDRESS_ALLOCATED, none, generation, now),
            condition(before, PROGRAMMED, programmed, generation, now),
            condition(before, Announced.ANNOUNCED, announced, generation, now),
            condition(before, READY, yes, generation, now)),
        0,
        0,
        0,
        null);
  }

  /**
   * The condition Programmed of a LoadBalancer that no node is to have.
   *
   * @param holders nodes that may still have it
   * @param isGivenUp whether they had their time
   */
  static Verdict withdrawn(List<String> holders, boolean isGivenUp) {
    if (holders.isEmpty()) {
      return Verdict.no(WITHDRAWN, "It is withdrawn: no node has it.");
    }
    return isGivenUp
        ? Verdict.no(
            WITHDRAWN,
            "It is withdrawn. Not waited for any longer, although it may still be there: "
                + named(holders)
                + ".")
        : Verdict.no(WITHDRAWING, "It is being withdrawn, and still on: " + named(holders) + ".");
  }

  /**
   * The condition Programmed: True on no other ground than the evidence of every node.
   *
   * @param settling nodes that lag have not had the time yet
   */
  static Verdict programmed(
      Decision decision, ForwardingTableSpec inForce, Fleet fleet, boolean settling) {
    if (decision.accepted().isFalse()) {
      return Verdict.no(decision.accepted().reason(), inForceInstead(decision, inForce));
    }
    if (decision.table() instanceof Decision.Table.Keep) {
      return Verdict.unknown(Decision.PENDING, decision.resolvedRefs().message());
    }
    if (inForce == null && decision.addressing().allocated().isFalse()) {
      return Verdict.no(
          decision.addressing().allocated().reason(),
          "Nothing is programmed: there is no address.");
    }
    if (fleet.desired() == 0) {
      return Verdict.no(
          NO_NODES, "No node reports a NodeState; check that the agent runs on the nodes.");
    }
    if (!fleet.failures().isEmpty()) {
      return Verdict.no(fleet.failures().get(0).reason(), failures(fleet));
    }
    if (fleet.isProgrammed()) {
      return Verdict.yes(
          PROGRAMMED,
          "Every node has proven from its kernel's maps that it holds the table."
              + (differsByNode(inForce)
                  ? " It is not the same on all nodes, for each uses the endpoints near it: a flow"
                      + " that reaches another node than before may break."
                  : ""));
    }
    if (!fleet.silent().isEmpty()) {
      return Verdict.unknown(NODES_LAGGING, silent(fleet));
    }
    return settling
        ? Verdict.no(PROGRAMMING, "The nodes are programming the table.")
        : Verdict.no(NODES_LAGGING, lagging(fleet));
  }

  /**
   * What the condition Announced says where there is nothing to announce; empty where there is.
   *
   * @param inForce the table that the API server holds; {@code null} if none
   */
  static Optional<Verdict> nothingToAnnounce(Decision decision, ForwardingTableSpec inForce) {
    if (inForce != null && !decision.addressing().addresses().isEmpty()) {
      return Optional.empty();
    }
    if (decision.accepted().isFalse()) {
      return Optional.of(
          Verdict.no(decision.accepted().reason(), "Nothing is announced for this spec."));
    }
    Verdict allocated = decision.addressing().allocated();
    return Optional.of(
        allocated.isFalse()
            ? Verdict.no(allocated.reason(), "Nothing is announced: there is no address.")
            : Verdict.unknown(Decision.PENDING, "There is no table yet."));
  }

  /** Whether a status says that each address is announced. */
  static boolean isAnnounced(LoadBalancerStatus status) {
    return condition(status, Announced.ANNOUNCED)
        .filter(c -> Verdict.Status.TRUE.text().equals(c.getStatus()))
        .isPresent();
  }

  /** The condition of a type; empty if it is not there. */
  static Optional<Condition> condition(LoadBalancerStatus status, String type) {
    return Conditions.of(status == null ? null : status.conditions(), type);
  }

  /** Where nobody has asked for announcements, nobody waits for them. */
  private static Verdict ready(Decision decision, Verdict programmed, Verdict announced) {
    List<Verdict> required =
        Stream.of(
                decision.accepted(),
                decision.addressing().allocated(),
                decision.resolvedRefs(),
                programmed,
                announced)
            .filter(verdict -> !verdict.reason().equals(Announced.NOT_MANAGED))
            .toList();
    return Stream.concat(
            required.stream().filter(Verdict::isFalse),
            required.stream().filter(verdict -> !verdict.isTrue()))
        .findFirst()
        .orElseGet(() -> Verdict.yes(READY, "All that is asked for is in force on every node."));
  }

  private static String inForceInstead(Decision decision, ForwardingTableSpec inForce) {
    if (inForce == null) {
      return "Nothing is programmed for this spec.";
    }
    return decision.table() instanceof Decision.Table.Keep
        ? "This spec is not programmed; the table of the last valid one stays in force."
        : "Only the VIPs that are not in use elsewhere are programmed.";
  }

  private static boolean differsByNode(ForwardingTableSpec inForce) {
    return inForce != null
        && inForce.vips().stream()
            .filter(vip -> vip.backends() != null)
            .flatMap(vip -> vip.backends().stream())
            .anyMatch(backend -> backend.parts() != null && !backend.parts().isEmpty());
  }

  private static String failures(Fleet fleet) {
    return fleet.failures().stream()
            .limit(NAMED_NODES)
            .map(
                f ->
                    "node "
                        + f.node()
                        + ": "
                        + f.reason()
                        + ": "
                        + Verdict.shortened(f.message(), NODE_MESSAGE_LENGTH))
            .collect(Collectors.joining("; "))
        + (fleet.failures().size() > NAMED_NODES ? "; and others" : "");
  }

  private static String silent(Fleet fleet) {
    return "The agent gives no sign of life on: "
        + named(fleet.silent())
        + ". The kernel there goes on with what it has, and no change gets there; see whether the"
        + " agent's pod runs. If such a node is gone for good, delete its Node or its NodeState."
        + (lagging(fleet).isEmpty() ? "" : " " + lagging(fleet));
  }

  private static String lagging(Fleet fleet) {
    List<String> sentences = new ArrayList<>();
    if (!fleet.lagging().isEmpty()) {
      sentences.add("Not proven by: " + named(fleet.lagging()) + ".");
    }
    if (!fleet.unreported().isEmpty()) {
      sentences.add(
          "The agent has not reported yet from: "
              + named(fleet.unreported())
              + "; see whether its pod runs there.");
    }
    return String.join(" ", sentences);
  }

  /** The first few names. */
  static String named(List<String> nodes) {
    return nodes.stream().limit(NAMED_NODES).collect(Collectors.joining(", "))
        + (nodes.size() > NAMED_NODES ? " and others" : "");
  }

  private static Condition condition(
      LoadBalancerStatus before, String type, Verdict verdict, long generation, Instant now) {
    return Conditions.next(
        before == null ? null : before.conditions(), type, verdict, generation, now);
  }

  /**
   * The same status with the addresses that were decided on, and nothing else said that is new: to
   * be written before anything makes use of the addresses.
   *
   * @param before {@code null} at the first visit
   */
  static LoadBalancerStatus reserve(LoadBalancerStatus before, Decision decision) {
    List<String> addresses = orNull(decision.addressing().addresses());
    List<PooledAddress> pools = orNull(decision.addressing().pools());
    return before == null
        ? new LoadBalancerStatus(-1L, addresses, pools, null, null, null, null, null)
        : new LoadBalancerStatus(
            before.observedGeneration(),
            addresses,
            pools,
            before.conditions(),
            before.readyEndpoints(),
            before.desiredNodes(),
            before.programmedNodes(),
            before.forwarding());
  }

  /** An empty list is left out: applied, it could not take the place of one that is not. */
  private static <T> List<T> orNull(List<T> list) {
    return list.isEmpty() ? null : list;
  }

  private static List<ListenerForwarding> forwarding(LoadBalancerStatus before, Decision decision) {
    if (decision.forwarding() == null) {
      return before == null ? null : before.forwarding();
    }
    return orNull(decision.forwarding());
  }

  /** The status of Ready: True, False, or Unknown where nothing has been said yet. */
  static String readiness(LoadBalancerStatus status) {
    return condition(status, READY).map(Condition::getStatus).orElse("Unknown");
  }

  private static int readyEndpoints(LoadBalancerStatus before) {
    return before == null || before.readyEndpoints() == null ? 0 : before.readyEndpoints();
  }
}
