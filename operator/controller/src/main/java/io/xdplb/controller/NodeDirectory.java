// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.xdplb.api.v1alpha1.NodeState;
import io.xdplb.api.v1alpha1.NodeStateStatus;
import io.xdplb.core.compile.NodeInfo;
import io.xdplb.core.compile.ServiceEndpoints;
import io.xdplb.core.model.Ip;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * What the compiler has to know of nodes: whether an agent is there, as its NodeState says, and
 * where encapsulated packets reach it. That is what the agent itself says, else the internal
 * addresses of the Node.
 */
final class NodeDirectory {

  private final Function<String, Optional<NodeState>> states;
  private final Function<String, Optional<List<String>>> addresses;
  private final Function<String, Optional<String>> zones;

  /**
   * @param states the NodeState of a node
   * @param addresses the internal addresses of a Node; empty if there is no such Node
   * @param zones the zone of a Node; empty if it is in none
   */
  NodeDirectory(
      Function<String, Optional<NodeState>> states,
      Function<String, Optional<List<String>>> addresses,
      Function<String, Optional<String>> zones) {
    this.states = states;
    this.addresses = addresses;
    this.zones = zones;
  }

  /** The nodes that endpoints are on or for, by name; those that nobody knows are missing. */
  Map<String, NodeInfo> of(Collection<ServiceEndpoints> services) {
    Map<String, NodeInfo> nodes = new HashMap<>();
    services.stream()
        .flatMap(
            known ->
                known instanceof ServiceEndpoints.Resolved resolved
                    ? resolved.endpoints().stream()
                    : Stream.empty())
        .flatMap(
            endpoint ->
                Stream.concat(
                    Stream.ofNullable(endpoint.nodeName()), endpoint.hints().nodes().stream()))
        .distinct()
        .forEach(name -> info(name).ifPresent(info -> nodes.put(name, info)));
    return nodes;
  }

  private Optional<NodeInfo> info(String name) {
    Optional<NodeState> state = states.apply(name);
    Optional<List<String>> internal = addresses.apply(name);
    if (state.isEmpty() && internal.isEmpty()) {
      return Optional.empty();
    }
    NodeStateStatus status = state.map(NodeState::getStatus).orElse(null);
    return Optional.of(
        new NodeInfo(addresses(name), hasAgent(status), zones.apply(name).orElse(null)));
  }

  /** Where a node is reached, the preferred address first; none while that is not known. */
  List<Ip> addresses(String node) {
    List<String> own =
        states.apply(node).map(NodeState::getStatus).map(NodeStateStatus::addresses).orElse(null);
    return parsed(own == null || own.isEmpty() ? addresses.apply(node).orElse(List.of()) : own);
  }

  /**
   * A program that is attached takes packets, whether or not the agent that attached it runs at the
   * moment.
   */
  private static boolean hasAgent(NodeStateStatus status) {
    return status != null
        && status.interfaces() != null
        && status.interfaces().stream().anyMatch(NodeStateStatus.Interface::attached);
  }

  /** What is no address is nothing that a packet could be sent to. */
  private static List<Ip> parsed(List<String> texts) {
    return texts.stream()
        .flatMap(
            text -> {
              try {
                return Stream.of(Ip.parse(text));
              } catch (IllegalArgumentException e) {
                return Stream.empty();
              }
            })
        .toList();
  }
}
