// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.announce;

import io.xdplb.core.model.Ip;
import java.util.HashMap;
import java.util.Map;

/**
 * What a node's datapath does for the protocol, as the pseudo-code in docs/announcing.md has it,
 * with maps in the place of the kernel's. It goes on whatever happens to the agent.
 */
final class DatapathModel implements Fence {

  private static final int SLOTS = 64;

  private final long instance;
  private final Timing timing;

  // Written by the agent.
  private Output.Count count = new Output.Count(0, 1, 0);
  private final Map<Ip, Output.Claim> claims = new HashMap<>();
  private final long[] run = new long[SLOTS];
  private final long[] applied = new long[SLOTS];
  private long newestEpoch;

  // Written by hellos; of the own slot and the witness', by the agent.
  private final long[] until = new long[SLOTS];
  private final long[] epoch = new long[SLOTS];

  DatapathModel(long instance, Timing timing) {
    this.instance = instance;
    this.timing = timing;
  }

  /** A hello has arrived. */
  Hello receive(Hello hello, long now) {
    int from = hello.from();
    if (hello.instance() == instance
        && hello.run() == run[from]
        && hello.withdrawn() <= applied[from]) {
      epoch[from] = Math.max(epoch[from], hello.epoch());
      until[from] = Math.max(until[from], hello.seen() + timing.fence());
    }
    return hello.reflect(instance, now);
  }

  /** Somebody asks who has an address. */
  boolean answers(Ip address, long now) {
    Output.Claim claim = claims.get(address);
    if (claim == null) {
      return false;
    }
    int votes = 0;
    long voters = (claim.supporters() | 1L << Membership.WITNESS) & count.members();
    for (int slot = 0; slot < SLOTS; slot++) {
      if ((voters >> slot & 1) != 0
          && until[slot] > now
          && (epoch[slot] == count.epoch() || epoch[slot] == count.epoch() + 1)) {
        votes++;
      }
    }
    return votes >= count.quorum();
  }

  /** The agent writes. */
  void write(Output output) {
    if (output instanceof Output.Claim claim) {
      claims.put(claim.address(), claim);
    } else if (output instanceof Output.Unclaim unclaim) {
      claims.remove(unclaim.address());
    } else if (output instanceof Output.Accept accept) {
      run[accept.slot()] = accept.run();
      applied[accept.slot()] = accept.applied();
    } else if (output instanceof Output.Count newCount) {
      count = newCount;
    } else if (output instanceof Output.Vote vote) {
      until[vote.slot()] = vote.until();
      epoch[vote.slot()] = vote.epoch();
      newestEpoch = Math.max(newestEpoch, vote.epoch());
    }
  }

  Map<Ip, Output.Claim> claims() {
    return claims;
  }

  /** What an agent that starts here finds. */
  DatapathState state() {
    Map<Integer, Long> runs = new HashMap<>();
    for (int slot = 0; slot < SLOTS; slot++) {
      if (run[slot] != 0) {
        runs.put(slot, run[slot]);
      }
    }
    return new DatapathState(
        instance, newestEpoch, count, Map.copyOf(claims), runs, until[Membership.WITNESS]);
  }

  @Override
  public long until(int slot) {
    return until[slot];
  }

  @Override
  public long epoch(int slot) {
    return epoch[slot];
  }
}
