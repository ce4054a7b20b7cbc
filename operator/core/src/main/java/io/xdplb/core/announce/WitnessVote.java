// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.announce;

/**
 * Who has the witness' vote: what is kept in the API server, and replaced only by who names the
 * number that it replaces.
 *
 * @param number counts up by one with each writing
 * @param holder name of the node that has the vote; empty if nobody
 * @param epoch of the membership that the writer had; never counts down
 * @param writer a number of the writer's own, no two writings have the same
 */
public record WitnessVote(long number, String holder, long epoch, long writer) {

  /** What is there before anybody has written. */
  public static final WitnessVote NEVER_WRITTEN = new WitnessVote(0, "", 0, 0);
}
