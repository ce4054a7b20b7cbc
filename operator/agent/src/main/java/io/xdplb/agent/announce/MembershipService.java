// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent.announce;

import io.xdplb.core.announce.Membership;
import io.xdplb.core.announce.WitnessVote;
import java.util.function.Consumer;

/** Where a node learns who has a vote on addresses, and who has the witness' vote. */
public interface MembershipService extends AutoCloseable {

  /**
   * Begins, in the background.
   *
   * @param keys hears of the 16 bytes by which members prove that they are such
   * @param memberships hears of each, the first of which is not older than this call
   * @param votes hears what is there of the witness' vote
   */
  void start(Consumer<byte[]> keys, Consumer<Membership> memberships, Consumer<WitnessVote> votes);

  /**
   * Replaces the witness' vote if what is there has a number that is one less; then says what is
   * there. In the background; it may also do nothing.
   */
  void ask(WitnessVote next);

  /**
   * Whether it has been found out if there is a membership. Before that, nobody knows whether this
   * node is missed.
   */
  boolean isAnswered();

  @Override
  void close();
}
