// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.xdplb.api.v1alpha1.NodeStateStatus.Announcing;
import io.xdplb.api.v1alpha1.NodeStateStatus.Session;
import io.xdplb.core.model.Ip;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A node whose Node exists, for what it announces.
 *
 * @param name of the node
 * @param addresses by which other nodes reach it, the preferred one first; none while unknown
 * @param hasAgent whether an agent is there, and is to be
 * @param isSilent whether that agent gives no sign of life
 * @param labels of the Node
 * @param exclusion what keeps it from announcing, whatever policies say; empty if nothing does
 * @param announcing what it says of announcing; {@code null} if nothing
 */
record AnnouncingNode(
    String name,
    List<Ip> addresses,
    boolean hasAgent,
    boolean isSilent,
    Map<String, String> labels,
    Optional<String> exclusion,
    Announcing announcing) {

  /** What it says of its session with a peer; empty if nothing. */
  Optional<Session> session(String peer) {
    return announcing == null || announcing.sessions() == null
        ? Optional.empty()
        : announcing.sessions().stream().filter(s -> s.peer().equals(peer)).findFirst();
  }

  /** Whether it takes part in the votes on who answers for an address. */
  boolean hasVote() {
    return announcing != null && announcing.epoch() != null;
  }
}
