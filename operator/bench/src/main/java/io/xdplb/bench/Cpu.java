// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;

/** CPU time of the whole machine, all processors together, from {@code /proc/stat}; proc(5). */
final class Cpu {

  /** USER_HZ is 100 on every architecture that Debian has. */
  private static final double US_PER_TICK = 1e6 / 100;

  private static final int IDLE = 4;
  private static final int IOWAIT = 5;
  private static final int STEAL = 8;

  private Cpu() {}

  /**
   * A client's run and what the machine worked meanwhile.
   *
   * @param busyUs user, system and interrupt time of all processors
   */
  record Share(HttpRun run, double busyUs) {
    double usPerRequest() {
      return busyUs / run.requests();
    }
  }

  /** Runs the client. */
  static Share during(Callable<HttpRun> client) throws Exception {
    double before = busyUs();
    HttpRun run = client.call();
    return new Share(run, busyUs() - before);
  }

  private static double busyUs() throws IOException {
    // cpu user nice system idle iowait irq softirq steal guest guest_nice
    String[] fields =
        Files.readString(Path.of("/proc/stat")).lines().findFirst().orElseThrow().split(" +");
    long ticks = 0;
    for (int i = 1; i < STEAL; i++) {
      if (i != IDLE && i != IOWAIT) {
        ticks += Long.parseLong(fields[i]);
      }
    }
    return ticks * US_PER_TICK;
  }
}
