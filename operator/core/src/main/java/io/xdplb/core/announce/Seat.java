// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.announce;

import java.util.List;

/**
 * This node's part in the witness' vote, which one node has at a time. The holder counts it from
 * before it asked; others take it when the holder has given it back, or when they have seen it
 * unchanged for longer than the holder can count it.
 */
final class Seat {

  /** Go on for so many hellos after it was needed last, so that it does not go back and forth. */
  private static final int LINGER = 5;

  /** Ask again after so many hellos without an answer. */
  private static final int PATIENCE = 5;

  private final String name;
  private final Timing timing;

  private WitnessVote known;
  private long knownAt;
  private long heldUntil;
  private long neededAt = Long.MIN_VALUE / 2;

  /** What we asked for last, and when; null once it was answered. */
  private WitnessVote asked;

  private long askedAt = Long.MIN_VALUE / 2;

  Seat(String name, Timing timing, long heldUntil) {
    this.name = name;
    this.timing = timing;
    this.heldUntil = heldUntil;
  }

  boolean isHeld(long now) {
    return now < heldUntil;
  }

  /** Whether somebody else has it, as far as we know. */
  boolean isOthers() {
    return known != null && !known.holder().isEmpty() && !known.holder().equals(name);
  }

  /** Takes what the API server has. */
  void observed(WitnessVote vote, long now, List<Output> out) {
    if (known != null && vote.number() <= known.number()) {
      return;
    }
    known = vote;
    knownAt = now;
    if (asked != null && vote.writer() == asked.writer()) {
      if (vote.holder().equals(name)) {
        heldUntil = askedAt + timing.witnessFence();
        out.add(new Output.Vote(Membership.WITNESS, heldUntil, vote.epoch()));
      }
      asked = null;
    }
  }

  /**
   * Asks for the vote, for more time, or gives it back.
   *
   * @param writer a number for the writing, if there is one
   * @return whether it was used
   */
  boolean ask(boolean isNeeded, long epoch, long writer, long now, List<Output> out) {
    neededAt = isNeeded ? now : neededAt;
    if (known == null
        || known.epoch() > epoch
        || asked != null && now - askedAt < PATIENCE * timing.hello()) {
      return false;
    }
    boolean isOurs = known.holder().equals(name);
    if (now - neededAt > LINGER * timing.hello()) {
      if (!isOurs) {
        return false;
      }
      // Silent first: the next one may have it at once.
      heldUntil = 0;
      out.add(new Output.Vote(Membership.WITNESS, 0, epoch));
      write("", epoch, writer, now, out);
      return true;
    }
    boolean isFresh = known.epoch() == epoch && now < heldUntil - timing.witnessFence() * 2 / 3;
    boolean isFree = known.holder().isEmpty() || now - knownAt >= timing.witness();
    if (isOurs ? isFresh : !isFree) {
      return false;
    }
    write(name, epoch, writer, now, out);
    return true;
  }

  private void write(String holder, long epoch, long writer, long now, List<Output> out) {
    asked = new WitnessVote(known.number() + 1, holder, epoch, writer);
    askedAt = now;
    out.add(new Output.AskWitness(asked));
  }
}
