// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import java.io.IOException;
import java.nio.charset.StandardCharsets;

/** Runs commands and answers what they printed. */
public final class Shell {
  private Shell() {}

  /** Fails with the command's output unless it exits with 0. */
  public static String run(String command) {
    try {
      Process process = new ProcessBuilder("sh", "-ec", command).redirectErrorStream(true).start();
      process.getOutputStream().close();
      String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      int status = process.waitFor();
      if (status != 0) {
        throw new IllegalStateException(command + "\nexits with " + status + ":\n" + output);
      }
      return output;
    } catch (IOException e) {
      throw new IllegalStateException(command, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(command, e);
    }
  }
}
