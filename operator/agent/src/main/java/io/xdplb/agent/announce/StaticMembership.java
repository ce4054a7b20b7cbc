// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent.announce;

import io.xdplb.core.announce.Membership;
import io.xdplb.core.announce.WitnessVote;
import java.util.function.Consumer;

/** A membership that somebody else writes down, and that has no witness. */
public final class StaticMembership implements MembershipService {

  private final byte[] key;
  private Consumer<Membership> memberships;
  private Membership newest;

  /**
   * @param key see {@link #start}
   */
  public StaticMembership(byte[] key) {
    this.key = key.clone();
  }

  @Override
  public synchronized void start(
      Consumer<byte[]> keys, Consumer<Membership> memberships, Consumer<WitnessVote> votes) {
    this.memberships = memberships;
    keys.accept(key);
    if (newest != null) {
      memberships.accept(newest);
    }
  }

  /** Says who the members are. */
  public synchronized void set(Membership membership) {
    newest = membership;
    if (memberships != null) {
      memberships.accept(membership);
    }
  }

  @Override
  public void ask(WitnessVote next) {
    throw new IllegalStateException("a membership without witness was asked for its vote");
  }

  @Override
  public synchronized boolean isAnswered() {
    return newest != null;
  }

  @Override
  public void close() {}
}
