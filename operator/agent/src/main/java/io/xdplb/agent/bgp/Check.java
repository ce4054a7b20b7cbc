// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent.bgp;

import java.time.Duration;

/** Limits of numbers, with one wording of what is wrong. */
final class Check {

  private Check() {}

  static void range(String what, long value, long least, long most) {
    if (value < least || value > most) {
      throw new IllegalArgumentException(
          "%s is %d: it must be %d to %d".formatted(what, value, least, most));
    }
  }

  static void seconds(String what, Duration value, long least, long most) {
    if (value.getNano() != 0) {
      throw new IllegalArgumentException(
          "%s is %s: it must be whole seconds".formatted(what, value));
    }
    range(what + " in seconds", value.toSeconds(), least, most);
  }

  static void milliseconds(String what, Duration value, long least, long most) {
    if (value.toNanosPart() % 1_000_000 != 0) {
      throw new IllegalArgumentException(
          "%s is %s: it must be whole milliseconds".formatted(what, value));
    }
    range(what + " in milliseconds", value.toMillis(), least, most);
  }
}
