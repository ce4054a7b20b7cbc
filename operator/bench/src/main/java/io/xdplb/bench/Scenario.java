// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import java.util.List;
import java.util.Optional;

/**
 * Packets of one kind that meet the product's program: a row of the table of speed.
 *
 * @param id the key in the JSON file
 * @param title for people
 * @param limit absent where none is set
 * @param before passes over each flow right before, whose frames must all go out: to warm up, and
 *     for answers to have something to answer
 * @param traffic what is measured
 * @param outcome of all of it
 */
record Scenario(
    String id,
    String title,
    Optional<Limit> limit,
    List<Traffic> before,
    Traffic traffic,
    Outcome outcome) {

  /** What the program does with a packet. */
  enum Outcome {
    /** Left to the kernel, untouched. */
    PASSED(2, false),
    /** Left to the kernel, changed. */
    DELIVERED(2, true),
    /** Sent back out of the interface. */
    SENT(3, true);

    private final int verdict;
    private final boolean changed;

    Outcome(int verdict, boolean changed) {
      this.verdict = verdict;
      this.changed = changed;
    }

    /** As the kernel counts them: linux/bpf.h, enum xdp_action. */
    int verdict() {
      return verdict;
    }

    boolean changed() {
      return changed;
    }
  }

  /** Packets that are sent on. */
  static Scenario forwarded(String id, String title, Traffic traffic) {
    return new Scenario(id, title, Optional.empty(), List.of(), traffic, Outcome.SENT);
  }

  /** Packets that the kernel gets, opened and translated. */
  static Scenario delivered(String id, String title, Traffic traffic) {
    return new Scenario(id, title, Optional.empty(), List.of(), traffic, Outcome.DELIVERED);
  }

  /** Packets that are none of the product's business. */
  static Scenario passed(String id, String title, byte[] frame) {
    return new Scenario(
        id, title, Optional.empty(), List.of(), Traffic.same(frame), Outcome.PASSED);
  }

  Scenario after(Traffic... passes) {
    return new Scenario(id, title, limit, List.of(passes), traffic, outcome);
  }

  Scenario within(Limit most) {
    return new Scenario(id, title, Optional.of(most), before, traffic, outcome);
  }
}
