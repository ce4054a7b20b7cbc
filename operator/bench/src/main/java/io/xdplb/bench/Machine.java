// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** What the numbers were measured on. */
record Machine(String cpu, int processors, String kernel) {

  static Machine here() throws IOException {
    String cpu =
        Files.readString(Path.of("/proc/cpuinfo"))
            .lines()
            .filter(line -> line.startsWith("model name"))
            .map(line -> line.substring(line.indexOf(':') + 1).strip())
            .findFirst()
            .orElse(System.getProperty("os.arch"));
    return new Machine(
        cpu, Runtime.getRuntime().availableProcessors(), System.getProperty("os.version"));
  }

  @Override
  public String toString() {
    return "%d × %s, Linux %s".formatted(processors, cpu, kernel);
  }
}
