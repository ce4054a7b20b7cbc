// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.apiserver;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * A server as a child process, with its output in a file. It does not outlive the JVM, however that
 * ends: a watcher beside it holds the other end of a pipe and kills the server when the JVM is
 * gone.
 */
final class ServerProcess implements AutoCloseable {

  private static final Duration GRACE = Duration.ofSeconds(5);
  private static final int SHOWN_LOG_LINES = 20;

  /**
   * The watcher is a child of the server (the shell becomes it): as long as its parent has the
   * server's id, that id is still the server's and not one used again.
   */
  private static final String WATCHED =
      """
      exec 3<&0
      (
        read -r _
        read -r _ _ _ parent _ </proc/self/stat
        [ "$parent" != "$$" ] || kill -9 "$$"
      ) <&3 >/dev/null 2>&1 &
      exec "$@" 3<&- </dev/null
      """;

  private final String name;
  private final Path log;
  private final Process process;

  private ServerProcess(String name, Path log, Process process) {
    this.name = name;
    this.log = log;
    this.process = process;
  }

  /**
   * Starts a server.
   *
   * @param name for messages
   * @param log where its output is appended
   * @param command the program and its arguments
   */
  static ServerProcess start(String name, Path log, List<String> command) {
    List<String> watched =
        Stream.concat(Stream.of("sh", "-c", WATCHED, name), command.stream()).toList();
    try {
      return new ServerProcess(
          name,
          log,
          new ProcessBuilder(watched)
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
              .start());
    } catch (IOException e) {
      throw new UncheckedIOException("cannot start " + name + ": " + command, e);
    }
  }

  /**
   * Checks that it still runs.
   *
   * @throws IllegalStateException with the end of its log when it has ended
   */
  void mustRun() {
    if (!process.isAlive()) {
      throw new IllegalStateException(
          name + " ended with " + process.exitValue() + "; the end of its log:\n" + endOfLog());
    }
  }

  /** The last lines of what it printed. */
  String endOfLog() {
    try {
      List<String> lines = Files.readAllLines(log);
      return String.join(
          "\n", lines.subList(Math.max(0, lines.size() - SHOWN_LOG_LINES), lines.size()));
    } catch (IOException e) {
      return "(its log " + log + " cannot be read: " + e + ")";
    }
  }

  /** Ends it: asked first, then killed. Returns once it is gone. */
  @Override
  public void close() {
    process.destroy();
    boolean interrupted = false;
    try {
      if (!process.waitFor(GRACE.toMillis(), TimeUnit.MILLISECONDS)) {
        kill();
      }
    } catch (InterruptedException e) {
      interrupted = true;
      kill();
    }
    try {
      process.getOutputStream().close();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot close the pipe to the watcher of " + name, e);
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** Kills it at once; nothing is lost that a test could want to keep. */
  void kill() {
    process.destroyForcibly().onExit().join();
  }
}
