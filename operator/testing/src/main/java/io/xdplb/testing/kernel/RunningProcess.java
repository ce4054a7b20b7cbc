// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.kernel;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** A background process; {@link #close} ends it and its children, and waits for that. */
public final class RunningProcess implements AutoCloseable {

  private static final int SECONDS_TO_END = 5;

  private final List<String> command;
  private final Process process;
  private final Path output;

  RunningProcess(List<String> command) {
    this.command = List.copyOf(command);
    try {
      this.output = Files.createTempFile(Cleanup.PREFIX + "process", ".out");
      this.process =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(output.toFile())
              .redirectInput(ProcessBuilder.Redirect.from(new java.io.File("/dev/null")))
              .start();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot start " + String.join(" ", command), e);
    }
    Cleanup.opened(this);
  }

  /**
   * Starts a command in the namespace of this JVM, for what belongs to no machine of a topology;
   * {@link Netns#start} starts one in a machine.
   */
  public static RunningProcess start(List<String> command) {
    return new RunningProcess(command);
  }

  /** The process id; {@code nsenter} has replaced itself by the command, so it is the command's. */
  public long pid() {
    return process.pid();
  }

  /** Whether it still runs. */
  public boolean isAlive() {
    return process.isAlive();
  }

  /** All it has printed so far, standard error included. */
  public String output() {
    try {
      return Files.readString(output);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Fails if the process has ended.
   *
   * @throws IllegalStateException with its command, exit status and output
   */
  public void mustBeAlive() {
    if (!process.isAlive()) {
      throw new IllegalStateException(
          "%s ended with status %d:\n%s"
              .formatted(String.join(" ", command), process.exitValue(), output()));
    }
  }

  /** Sends SIGKILL, to the process alone, and waits for its end. */
  public void kill() {
    process.destroyForcibly();
    awaitEnd(process);
  }

  /** SIGTERM, after five seconds SIGKILL; also to children. Its output is gone afterwards. */
  @Override
  public void close() {
    if (!Cleanup.closed(this)) {
      return;
    }
    List<ProcessHandle> children;
    try (Stream<ProcessHandle> descendants = process.descendants()) {
      children = descendants.toList();
    }
    process.destroy();
    awaitEnd(process);
    children.forEach(ProcessHandle::destroyForcibly);
    try {
      Files.deleteIfExists(output);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void awaitEnd(Process process) {
    try {
      if (!process.waitFor(SECONDS_TO_END, TimeUnit.SECONDS)) {
        process.destroyForcibly().waitFor();
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }
}
