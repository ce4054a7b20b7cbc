// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent;

import io.xdplb.core.model.Ip;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * The nodes that tunnels begin and end at. Tells the datapath of them when they are others than
 * before. Belongs to one thread.
 */
final class Peers {

  private final NodeDatapath datapath;
  private List<Ip> given;
  private List<Ip> own = List.of();
  private Set<Ip> others;
  private Set<Ip> applied;

  Peers(NodeDatapath datapath) {
    this.datapath = datapath;
  }

  /** See {@link Programmer#ownNode}. */
  void setOwn(List<Ip> addresses) {
    given = addresses;
  }

  /** See {@link Programmer#peers}. */
  void setOthers(Set<Ip> addresses) {
    others = addresses;
  }

  /**
   * Somebody else may have changed what the datapath was told: the next {@link #apply} repeats it.
   */
  void distrust() {
    applied = null;
  }

  /** Whether it has been said which the own ones are, or that this is not known. */
  boolean isOwnKnown() {
    return given != null;
  }

  /** Whether it is known which nodes there are, and the datapath was told. */
  boolean isApplied() {
    return applied != null;
  }

  /** This node's addresses as of the last {@link #apply}, the preferred ones first. */
  List<Ip> own() {
    return own;
  }

  /**
   * Brings what is known now into force.
   *
   * @throws RuntimeException the datapath's; the next call tries again
   */
  void apply() {
    own = given == null || given.isEmpty() ? datapath.addresses() : given;
    if (others == null) {
      return; // the datapath has those of an earlier run
    }
    Set<Ip> all = new HashSet<>(others);
    all.addAll(own);
    if (!all.equals(applied)) {
      datapath.setPeers(all);
      applied = all;
    }
  }
}
