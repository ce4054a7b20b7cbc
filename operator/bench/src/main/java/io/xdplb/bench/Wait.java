// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;

/** Waits for a condition with a deadline. */
final class Wait {

  private Wait() {}

  /**
   * Asks every 10 ms.
   *
   * @throws IllegalStateException if {@code condition} is still false after {@code deadline}
   */
  static void until(String what, Duration deadline, Callable<Boolean> condition) throws Exception {
    long end = System.nanoTime() + deadline.toNanos();
    while (!condition.call()) {
      if (System.nanoTime() > end) {
        throw new IllegalStateException("not within " + deadline + ": " + what);
      }
      TimeUnit.MILLISECONDS.sleep(10);
    }
  }
}
