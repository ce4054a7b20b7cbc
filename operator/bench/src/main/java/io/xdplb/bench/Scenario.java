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
 * @param verdict that all of it must have
 */
record Scenario(
    String id,
    String title,
    Optional<Limit> limit,
    List<Traffic> before,
    Traffic traffic,
    Verdict verdict) {

  /** The values are the kernel's (linux/bpf.h, enum xdp_action). */
  enum Verdict {
    PASS(2),
    TX(3);

    private final int value;

    Verdict(int value) {
      this.value = value;
    }

    int value() {
      return value;
    }
  }

  /** Packets that are sent on. */
  static Scenario forwarded(String id, String title, Traffic traffic) {
    return new Scenario(id, title, Optional.empty(), List.of(), traffic, Verdict.TX);
  }

  /** Packets that are none of the product's business. */
  static Scenario passed(String id, String title, byte[] frame) {
    return new Scenario(id, title, Optional.empty(), List.of(), Traffic.same(frame), Verdict.PASS);
  }

  Scenario after(Traffic... passes) {
    return new Scenario(id, title, limit, List.of(passes), traffic, verdict);
  }

  Scenario within(Limit most) {
    return new Scenario(id, title, Optional.of(most), before, traffic, verdict);
  }
}
