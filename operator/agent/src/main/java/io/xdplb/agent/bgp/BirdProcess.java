// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent.bgp;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * Starts and stops a BIRD on a machine without Kubernetes. It is a daemon that the end of the agent
 * does not end: sessions and announcements go on, and the next agent finds it.
 */
public final class BirdProcess {

  /** Where Debian's package has it. */
  public static final String PROGRAM = "/usr/sbin/bird";

  private static final Duration START = Duration.ofSeconds(10);
  private static final Duration END = Duration.ofSeconds(5);

  private final List<String> program;
  private final BirdFiles files;
  private final BirdControl control;

  /**
   * Nothing is done yet.
   *
   * @param program {@link #PROGRAM}, with what has to be before it
   * @param folder as that of {@link Bird}; made if it is missing
   */
  public BirdProcess(List<String> program, Path folder) {
    this.program = List.copyOf(program);
    this.files = new BirdFiles(folder);
    this.control = new BirdControl(files.socket());
  }

  /** The file for {@link Bird}'s log: a daemon has no standard error. */
  public Path log() {
    return files.folder().resolve("bird.log");
  }

  /**
   * Starts BIRD with the configuration that is there, unless one answers already. Cheap if it does.
   *
   * @return whether it was started now
   * @throws BirdException if it cannot be started, with what it says
   */
  public boolean ensureRunning() throws BirdException {
    if (answers()) {
      return false;
    }
    if (files.readConfig().isEmpty() || run("-p", "-c", files.config().toString()).isPresent()) {
      files.writeCandidate(BirdConfig.empty(Optional.of(log())).text());
      files.acceptCandidate();
    }
    Optional<String> failure =
        run(
            "-R",
            "-c",
            files.config().toString(),
            "-s",
            files.socket().toString(),
            "-P",
            files.pid().toString());
    if (failure.isPresent()) {
      throw new BirdException("BIRD does not start: " + failure.get());
    }
    return true;
  }

  /**
   * Ends BIRD, if one is there. It says so to its peers, which forget its routes.
   *
   * @throws BirdException if it has not ended in time
   */
  public void stop() throws BirdException {
    if (!answers()) {
      return;
    }
    control.run("down");
    long end = System.nanoTime() + END.toNanos();
    while (answers()) {
      if (System.nanoTime() > end) {
        throw new BirdException("BIRD was told to end and has not within " + END);
      }
      sleep();
    }
  }

  /**
   * Ends all sessions for good, of a BIRD that somebody else starts, too: peers forget the routes,
   * and a BIRD that starts again says nothing. One that was started here is ended. Does nothing
   * where there never was one.
   *
   * @throws BirdException if a file cannot be written, or BIRD has not ended in time
   */
  public void withdraw() throws BirdException {
    if (files.readConfig().isEmpty()) {
      return;
    }
    files.writeCandidate(BirdConfig.empty(Optional.of(log())).text());
    files.acceptCandidate();
    // One that is just being started may have read what was there before.
    long end = System.nanoTime() + END.toNanos();
    while (!answers() && System.nanoTime() < end) {
      sleep();
    }
    if (answers()) {
      control.ask("configure");
    }
    if (Files.exists(files.pid())) {
      stop();
    }
  }

  private boolean answers() {
    try {
      control.ask("show status");
      return true;
    } catch (BirdException e) {
      return false;
    }
  }

  /** Runs it until it has become a daemon, or has ended: what it said if it failed. */
  private Optional<String> run(String... options) throws BirdException {
    List<String> command = new ArrayList<>(program);
    command.addAll(List.of(options));
    try {
      Path output = Files.createTempFile(files.folder(), "start", ".txt");
      try {
        Process process =
            new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        if (!process.waitFor(START.toSeconds(), TimeUnit.SECONDS)) {
          process.destroyForcibly();
          return Optional.of("no end of its start within " + START);
        }
        return process.exitValue() == 0
            ? Optional.empty()
            : Optional.of(Files.readString(output).strip());
      } finally {
        Files.delete(output);
      }
    } catch (IOException e) {
      throw new BirdException(
          "cannot start BIRD (Debian's package bird2 is needed): " + e.getMessage(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new BirdException("interrupted while BIRD was started", e);
    }
  }

  private static void sleep() throws BirdException {
    try {
      Thread.sleep(20);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new BirdException("interrupted while BIRD was stopped", e);
    }
  }
}
