// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.announce;

import io.xdplb.core.model.Ip;
import java.util.Objects;

/**
 * A node that may announce addresses and has a vote.
 *
 * @param slot its place in bit masks and in the datapath's table of members, 0 to {@link
 *     Membership#MAX_MEMBERS}{@code - 1}; its own for as long as it is a member
 * @param name the node's name
 * @param address where its agent and its datapath receive
 */
public record Member(int slot, String name, Ip address) {

  /**
   * @throws IllegalArgumentException if there is no such slot
   */
  public Member {
    Objects.requireNonNull(address);
    if (slot < 0 || slot >= Membership.MAX_MEMBERS) {
      throw new IllegalArgumentException(
          "slot " + slot + " of " + name + " is not 0 to " + (Membership.MAX_MEMBERS - 1));
    }
  }
}
