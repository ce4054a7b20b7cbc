// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import io.xdplb.api.v1alpha1.Limits;
import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Durations as text: whole numbers with the units h, m, s and ms, as {@code 1h30m}. */
public final class Durations {

  private static final Pattern DURATION = Pattern.compile("([0-9]{1,5}(h|ms|m|s)){1,4}");
  private static final Pattern PART = Pattern.compile("([0-9]+)(h|ms|m|s)");

  private Durations() {}

  /**
   * Parses a duration.
   *
   * @return whole seconds, 0 to 86400
   * @throws IllegalArgumentException if it is none, has a fraction of a second, or is longer than a
   *     day; the message says so and what to write
   */
  public static int seconds(String text) {
    long millis = of(text).toMillis();
    if (millis % 1000 != 0) {
      throw new IllegalArgumentException(
          "\"" + text + "\" has a fraction of a second; use whole seconds");
    }
    if (millis / 1000 > Limits.DRAIN_SECONDS) {
      throw new IllegalArgumentException("\"" + text + "\" is longer than 24h; use at most 24h");
    }
    return (int) (millis / 1000);
  }

  /**
   * Parses a duration of any length.
   *
   * @throws IllegalArgumentException if it is none; the message says so and what to write
   */
  public static Duration of(String text) {
    if (!DURATION.matcher(text).matches()) {
      throw new IllegalArgumentException(
          "\"" + text + "\" is not a duration; write whole numbers with units, as 90s or 1h30m");
    }
    long millis = 0;
    for (Matcher part = PART.matcher(text); part.find(); ) {
      millis += Long.parseLong(part.group(1)) * millis(part.group(2));
    }
    return Duration.ofMillis(millis);
  }

  private static long millis(String unit) {
    return switch (unit) {
      case "h" -> 3_600_000;
      case "m" -> 60_000;
      case "s" -> 1000;
      default -> 1;
    };
  }
}
