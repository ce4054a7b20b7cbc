// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.xdplb.api.v1alpha1.BGPPeer;
import io.xdplb.api.v1alpha1.NodeStateStatus.Session;
import io.xdplb.core.ipam.Selectors;
import io.xdplb.core.policy.Policy;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * What policies and peers mean for the nodes there are. Made anew when one of them changes, so that
 * a LoadBalancer need not look at all nodes.
 *
 * @param policies all of them
 * @param selections which nodes a valid policy selects, by its name
 * @param peers the sessions of each peer, by its name
 */
record AnnouncingView(
    Policies policies, Map<String, Selection> selections, Map<String, Sessions> peers) {

  private static final String ESTABLISHED = "Established";

  /**
   * Nodes of a policy, in order.
   *
   * @param able those that may announce and give a sign of life
   * @param voting those of them that have a vote on who answers for an address
   * @param silent those whose agent gives no sign of life
   * @param excluded those that are kept from it, as {@code node-1 (label …)}
   */
  record Selection(
      List<String> able, List<String> voting, List<String> silent, List<String> excluded) {

    boolean isEmpty() {
      return able.isEmpty() && silent.isEmpty() && excluded.isEmpty();
    }
  }

  /**
   * Sessions with a peer. Nodes are in order.
   *
   * @param nodes how many there should be
   * @param established nodes that have one
   * @param down those that have none and say why, as {@code node-1 (Active: …)}, or are silent
   * @param pending those that are about to have one, or have not said anything yet
   */
  record Sessions(int nodes, List<String> established, List<String> down, List<String> pending) {}

  static AnnouncingView of(
      Policies policies, Collection<BGPPeer> peers, Collection<AnnouncingNode> nodes) {
    List<AnnouncingNode> withAgent =
        nodes.stream()
            .filter(AnnouncingNode::hasAgent)
            .sorted(Comparator.comparing(AnnouncingNode::name))
            .toList();
    Map<String, Selection> selections = new TreeMap<>();
    for (Policy policy : policies.valid()) {
      selections.put(policy.name(), selection(policy, withAgent));
    }
    Map<String, Sessions> sessions = new TreeMap<>();
    for (BGPPeer peer : peers) {
      sessions.put(peer.getMetadata().getName(), sessions(peer, withAgent));
    }
    return new AnnouncingView(policies, selections, sessions);
  }

  private static Selection selection(Policy policy, List<AnnouncingNode> nodes) {
    Selection selection =
        new Selection(new ArrayList<>(), new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
    for (AnnouncingNode node : nodes) {
      if (!policy.selectsNode(node.labels())) {
        continue;
      }
      if (node.exclusion().isPresent()) {
        selection.excluded().add(node.name() + " (" + node.exclusion().get() + ")");
      } else if (node.isSilent()) {
        selection.silent().add(node.name());
      } else {
        selection.able().add(node.name());
        if (node.hasVote()) {
          selection.voting().add(node.name());
        }
      }
    }
    return selection;
  }

  private static Sessions sessions(BGPPeer peer, List<AnnouncingNode> nodes) {
    List<String> established = new ArrayList<>();
    List<String> down = new ArrayList<>();
    List<String> pending = new ArrayList<>();
    for (AnnouncingNode node : nodes) {
      if (!isSelected(peer, node)) {
        continue;
      }
      Optional<Session> session = node.session(peer.getMetadata().getName());
      if (node.isSilent()) {
        down.add(node.name() + " (its agent gives no sign of life)");
      } else if (session.isEmpty()) {
        pending.add(node.name());
      } else if (ESTABLISHED.equals(session.get().state())) {
        established.add(node.name());
      } else if (session.get().message() == null) {
        pending.add(node.name());
      } else {
        down.add(node.name() + " (" + session.get().state() + ": " + session.get().message() + ")");
      }
    }
    return new Sessions(
        established.size() + down.size() + pending.size(), established, down, pending);
  }

  private static boolean isSelected(BGPPeer peer, AnnouncingNode node) {
    return peer.getSpec() != null
        && (peer.getSpec().nodeSelector() == null
            || Selectors.matches(peer.getSpec().nodeSelector(), node.labels()));
  }
}
