// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import io.xdplb.testing.Checkout;
import io.xdplb.testing.kernel.Netns;
import io.xdplb.testing.kernel.RunningProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

/** xdplb as a user starts it: by its launcher, with a pin path that {@link #close} removes. */
final class Product implements AutoCloseable {
  private static final Duration DEADLINE = Duration.ofSeconds(180);
  private static final AtomicInteger COUNT = new AtomicInteger();

  private final Netns netns;
  private final Path pinPath =
      Path.of(
          "/sys/fs/bpf/xdplb-bench-"
              + ProcessHandle.current().pid()
              + "-"
              + COUNT.incrementAndGet());
  private final List<RunningProcess> started = new ArrayList<>();

  /** If the benchmark is interrupted. */
  private final Thread unpin = new Thread(this::unpin, "unpin " + pinPath);

  Product(Netns netns) {
    this.netns = netns;
    Runtime.getRuntime().addShutdownHook(unpin);
  }

  /** Starts a command that goes on running. */
  RunningProcess start(String... arguments) {
    RunningProcess process = netns.start(command(arguments));
    started.add(process);
    return process;
  }

  /** Starts the operator, which has no datapath. */
  RunningProcess startOperator(String... arguments) {
    List<String> command = new ArrayList<>(List.of(launcher().toString(), "operator"));
    command.addAll(List.of(arguments));
    RunningProcess process = netns.start(command.toArray(String[]::new));
    started.add(process);
    return process;
  }

  /** Waits for something that a started process brings about. */
  static void await(RunningProcess process, String what, Callable<Boolean> done) throws Exception {
    try {
      Wait.until(
          what,
          DEADLINE,
          () -> {
            process.mustBeAlive();
            return done.call();
          });
    } catch (IllegalStateException e) {
      throw new IllegalStateException(e.getMessage() + "; it said: " + process.output(), e);
    }
  }

  /** The process's resident memory at this moment, in MiB. */
  static double residentMebibytes(RunningProcess process) throws Exception {
    return Files.readAllLines(Path.of("/proc", "" + process.pid(), "status")).stream()
        .filter(line -> line.startsWith("VmRSS:"))
        .mapToDouble(line -> Double.parseDouble(line.replaceAll("[^0-9]", "")) / 1024)
        .findFirst()
        .orElseThrow();
  }

  private String[] command(String... arguments) {
    List<String> command = new ArrayList<>(List.of(launcher().toString()));
    command.addAll(List.of(arguments));
    command.addAll(List.of("--pin-path", pinPath.toString()));
    return command.toArray(String[]::new);
  }

  private static Path launcher() {
    Path launcher = Checkout.path("operator/cli/target/xdplb");
    if (!Files.isExecutable(launcher)) {
      throw new IllegalStateException(launcher + " is not there: run `make build` first");
    }
    return launcher;
  }

  @Override
  public void close() {
    started.forEach(RunningProcess::close);
    if (Files.exists(pinPath)) {
      netns.run(command("detach"));
    }
    Runtime.getRuntime().removeShutdownHook(unpin);
  }

  private void unpin() {
    if (!Files.exists(pinPath)) {
      return;
    }
    try (Stream<Path> files = Files.walk(pinPath)) {
      files.sorted(Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
    } catch (IOException e) {
      e.printStackTrace();
    }
  }
}
