// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli;

import io.xdplb.core.model.Ip;
import io.xdplb.datapath.AnnounceCounts;
import io.xdplb.datapath.Announcements.ClaimStatus;
import io.xdplb.datapath.Attachment;
import io.xdplb.datapath.BackendStatus;
import io.xdplb.datapath.DropReason;
import io.xdplb.datapath.FlowCounts;
import io.xdplb.datapath.VipStatus;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;

/**
 * What {@code xdplb status} shows.
 *
 * @param pinPath of the datapath
 * @param at when it was read
 * @param attachments ordered by interface
 * @param peers nodes from which encapsulated packets are accepted, in order
 * @param flows those that are remembered on this machine
 * @param vips ordered by key
 * @param claims addresses that this node answers ARP and NDP for if enough votes count
 * @param announcing what was counted of that
 * @param drops packets by reason, also those with none
 */
record Status(
    String pinPath,
    Instant at,
    List<Attachment> attachments,
    List<Ip> peers,
    FlowCounts flows,
    List<VipStatus> vips,
    SortedMap<Ip, ClaimStatus> claims,
    AnnounceCounts announcing,
    Map<DropReason, Long> drops) {

  /** What a backend is up to. */
  enum State {
    /** Takes new flows. */
    active,
    /** Is in the table and takes no new flows. */
    idle,
    /** Has left the table; its flows may go on for a while. */
    draining
  }

  static State state(BackendStatus backend) {
    if (backend.drainUntilSeconds() != 0) {
      return State.draining;
    }
    return backend.takesNewFlows() ? State.active : State.idle;
  }

  /** The backend's share of new flows, 0 to 1. */
  static double share(VipStatus vip, BackendStatus backend) {
    return vip.ringSize() == 0 ? 0 : (double) backend.ringSlots() / vip.ringSize();
  }
}
