// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.announce;

import io.xdplb.core.model.Ip;

/**
 * What a node says of one address, to all others.
 *
 * @param address which
 * @param eligible whether the node could announce it
 * @param owner whether it has the support of a majority
 * @param claim the number of its claim; 0 if it has none. A claim that was given up and made again
 *     has another number, and no two claims of a node ever have the same
 * @param supported slot of the node whose claim it supports; {@link #NOBODY} if none
 * @param supportedClaim the number of that claim
 */
public record AddressState(
    Ip address, boolean eligible, boolean owner, long claim, int supported, long supportedClaim) {

  /** No slot. */
  public static final int NOBODY = -1;

  static AddressState none(Ip address) {
    return new AddressState(address, false, false, 0, NOBODY, 0);
  }

  boolean isNothing() {
    return !eligible && claim == 0 && supported == NOBODY;
  }

  boolean supports(int slot, long number) {
    return supported == slot && supportedClaim == number;
  }
}
