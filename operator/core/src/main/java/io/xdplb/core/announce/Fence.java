// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.announce;

/**
 * What a node's datapath has of the members at this moment: what its agent wrote and what it took
 * from hellos.
 */
public interface Fence {

  /**
   * Until when the vote of a slot counts, in milliseconds of this node's clock, exclusive; 0 if it
   * has never counted.
   */
  long until(int slot);

  /** The epoch that the vote of a slot is of. */
  long epoch(int slot);
}
