// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import io.xdplb.api.v1alpha1.Limits;
import io.xdplb.api.v1alpha1.LoadBalancerStatus.ListenerForwarding;
import io.xdplb.api.v1alpha1.LoadBalancerStatus.ListenerForwarding.Mode;
import io.xdplb.core.compile.Reach.Why;
import java.util.Collection;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** Says how the backends of a listener are reached, and why. */
final class ForwardingReport {

  private static final int NAMED_NODES = 5;

  private ForwardingReport() {}

  /**
   * @param listener its name
   * @param reaches of all its backends, of both families
   * @return empty if it has none
   */
  static Optional<ListenerForwarding> of(String listener, Collection<Reach> reaches) {
    if (reaches.isEmpty()) {
      return Optional.empty();
    }
    Map<Why, SortedSet<String>> nodes = new EnumMap<>(Why.class);
    for (Reach reach : reaches) {
      SortedSet<String> named = nodes.computeIfAbsent(reach.why(), why -> new TreeSet<>());
      if (reach.node() != null) {
        named.add(reach.node());
      }
    }
    long nat = reaches.stream().filter(reach -> reach.delivery().nat()).count();
    Mode mode = nat == 0 ? Mode.DSR : nat == reaches.size() ? Mode.NAT : Mode.Mixed;
    String message =
        nodes.entrySet().stream()
            .map(reason -> sentence(reason.getKey(), mode, reason.getValue()))
            .collect(Collectors.joining(" "));
    return Optional.of(
        new ListenerForwarding(
            listener,
            mode,
            nodes.size() == 1 ? nodes.keySet().iterator().next().name() : Mode.Mixed.name(),
            message.length() <= Limits.MESSAGE_LENGTH
                ? message
                : message.substring(0, Limits.MESSAGE_LENGTH - 3) + "..."));
  }

  private static String sentence(Why why, Mode mode, SortedSet<String> nodes) {
    return switch (why) {
      case AsRequested -> mode + " for all, as spec.forwarding.mode asks for.";
      case EncapsulationGiven -> "DSR to servers with an encapsulation.";
      case AgentOnNode -> "DSR to pods on nodes with an agent.";
      case NoEncapsulation -> "NAT to servers, which have no encapsulation.";
      case NoAgentOnNode -> "NAT to pods on nodes without an agent: " + named(nodes) + ".";
      case NoNodeAddress ->
          "NAT to pods on nodes without an address to send to: " + named(nodes) + ".";
      case NodeUnknown ->
          "NAT to pods on nodes of which nothing is known"
              + (nodes.isEmpty() ? "" : ": " + named(nodes))
              + ".";
    };
  }

  private static String named(SortedSet<String> nodes) {
    return nodes.stream().limit(NAMED_NODES).collect(Collectors.joining(", "))
        + (nodes.size() > NAMED_NODES ? " and others" : "");
  }
}
