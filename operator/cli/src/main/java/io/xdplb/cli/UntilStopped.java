// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli;

import java.util.concurrent.CountDownLatch;

/** Keeps a command running until SIGTERM or SIGINT, and then closes what it started. */
final class UntilStopped {

  private UntilStopped() {}

  /**
   * Waits for the signal.
   *
   * @param running closed by the JVM's shutdown, within the time that whoever stops us grants
   */
  static void run(AutoCloseable running) throws InterruptedException {
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(
                () -> {
                  try {
                    running.close();
                  } catch (Exception e) {
                    System.err.println("xdplb: while stopping: " + e);
                  }
                },
                "stop"));
    new CountDownLatch(1).await();
  }
}
