// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.kernel;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Runs a command to its end and returns what it printed. */
public final class Command {

  private static final Duration DEADLINE = Duration.ofSeconds(60);

  private Command() {}

  /**
   * Runs {@code command} without a shell; standard error is part of the output.
   *
   * @return the output, as it was printed
   * @throws IllegalStateException with the command and its output, if it cannot be started, exits
   *     with another status than 0 or takes longer than a minute
   */
  public static String run(List<String> command) {
    return run(command, "");
  }

  /** As {@link #run(List)}, with {@code input} on standard input. */
  public static String run(List<String> command, String input) {
    try {
      // A file, not a pipe: a daemon that inherits a pipe would keep the reader waiting.
      Path output = Files.createTempFile(Cleanup.PREFIX + "command", ".out");
      try {
        return run(command, input, output);
      } finally {
        Files.deleteIfExists(output);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("cannot run " + text(command), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while waiting for " + text(command), e);
    }
  }

  private static String run(List<String> command, String input, Path output)
      throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    AutoCloseable ifTheJvmEnds =
        () -> {
          process.destroyForcibly();
          Files.deleteIfExists(output);
        };
    Cleanup.opened(ifTheJvmEnds);
    try {
      try (var stdin = process.getOutputStream()) {
        stdin.write(input.getBytes(StandardCharsets.UTF_8));
      } catch (IOException closed) {
        // The command ended without reading: its exit status says whether that is an error.
      }
      boolean ended = process.waitFor(DEADLINE.toSeconds(), TimeUnit.SECONDS);
      String printed = Files.readString(output);
      if (!ended) {
        throw new IllegalStateException(
            "%s: no end within %s\n%s".formatted(text(command), DEADLINE, printed));
      }
      if (process.exitValue() != 0) {
        throw new IllegalStateException(
            "%s: exit status %d\n%s%s"
                .formatted(text(command), process.exitValue(), input, printed));
      }
      return printed;
    } finally {
      process.destroyForcibly().waitFor();
      Cleanup.closed(ifTheJvmEnds);
    }
  }

  private static String text(List<String> command) {
    return String.join(" ", command);
  }
}
