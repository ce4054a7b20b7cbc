// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.policy;

import io.xdplb.api.v1alpha1.AnnouncementPolicySpec;
import io.xdplb.core.ipam.Selectors;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.IpRange;
import java.util.List;
import java.util.Map;

/**
 * An AnnouncementPolicy that is valid.
 *
 * @param name of the policy
 * @param spec of the policy
 * @param selectsAll whether it selects all addresses; else those of {@code blocks}
 * @param blocks the addresses that it names, and those of the pools that it names and that exist
 */
public record Policy(
    String name, AnnouncementPolicySpec spec, boolean selectsAll, List<IpRange> blocks) {

  public Policy {
    blocks = List.copyOf(blocks);
  }

  /** Whether an address is announced as this policy says. */
  public boolean selects(Ip address) {
    return selectsAll || blocks.stream().anyMatch(block -> block.contains(address));
  }

  /**
   * Whether a node announces as this policy says, if nothing else hinders it.
   *
   * @param labels of the Node
   * @see NodeExclusion
   */
  public boolean selectsNode(Map<String, String> labels) {
    return spec.nodeSelector() == null || Selectors.matches(spec.nodeSelector(), labels);
  }

  /** Whether addresses are announced by ARP and NDP. */
  public boolean isL2() {
    return spec.l2() != null;
  }

  /** Whether addresses are announced by BGP. */
  public boolean isBgp() {
    return spec.bgp() != null;
  }

  /** Whether it announces to a BGPPeer of that name. */
  public boolean announcesTo(String peer) {
    return isBgp() && (spec.bgp().peers() == null || spec.bgp().peers().contains(peer));
  }
}
