// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import java.util.Arrays;
import java.util.Optional;
import java.util.function.IntFunction;

/**
 * How long a slot that moved has a history. Pure.
 *
 * <p>Agents are asked about flows of former owners for a day: few connections live longer, and a
 * slot that moved costs a little as long as it has a history. A server without an agent cannot be
 * asked: what is not remembered by the datapath itself is taken for its flow for as long as it
 * drains, and no less than some minutes. After that the slot has a history without it, only so that
 * remembered flows are looked for, until none has been seen for as long as a connection may be
 * silent. The same holds for an agent that may have another ring than this machine.
 *
 * @param second in jiffies
 * @param silence for how long a connection may be silent, in jiffies
 */
record HistoryRules(int second, int silence) {
  private static final int ASKED = 24 * 60 * 60;
  private static final int TAKEN_FOR = 5 * 60;

  /**
   * What becomes of a line.
   *
   * @param owner the entry of a handle; {@code null} if it has gone
   * @param remembers whether the VIP has backends whose flows the datapath remembers
   * @param now in jiffies
   * @return the line itself if it stays, another one in its place, or empty if the slots have no
   *     history any more
   */
  Optional<HistoryPool.Line> after(
      HistoryPool.Line line, IntFunction<BackendLine> owner, boolean remembers, int now) {
    int age = now - line.moved();
    int unseen = line.seen() == 0 ? age : now - line.seen();
    boolean remembering =
        remembers
            && (Integer.compareUnsigned(age, silence) <= 0
                || Integer.compareUnsigned(unseen, silence) <= 0);
    int[] live = Arrays.stream(line.owners()).filter(h -> owner.apply(h) != null).toArray();
    int[] kept = Arrays.stream(live).filter(h -> isKept(owner.apply(h), age)).toArray();
    if (kept.length == 0 && !remembering) {
      return Optional.empty();
    }
    return Optional.of(
        kept.length == live.length
            ? line
            : new HistoryPool.Line(kept, line.moved(), remembering ? now : line.seen()));
  }

  private boolean isKept(BackendLine owner, int age) {
    int seconds = owner.isRemembered() ? Math.max(TAKEN_FOR, owner.drainSeconds()) : ASKED;
    return Integer.compareUnsigned(age, seconds * second) <= 0;
  }
}
