// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.xdplb.datapath.Datapath;
import io.xdplb.testing.kernel.Netns;
import io.xdplb.testing.kernel.RunningProcess;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.awaitility.Awaitility;

/**
 * The {@code xdplb} command in processes of its own, on one pin path that {@link #close} removes.
 */
public final class Xdplb implements AutoCloseable {

  public static final Duration DEADLINE = Duration.ofSeconds(20);

  private static final AtomicInteger COUNT = new AtomicInteger();
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Netns netns;
  private final Path pinPath =
      Path.of(
          "/sys/fs/bpf/xdplb-test-"
              + ProcessHandle.current().pid()
              + "-"
              + COUNT.incrementAndGet());
  private final Path birdFolder;
  private final List<RunningProcess> started = new ArrayList<>();
  private final Thread atJvmEnd = new Thread(this::abandon, "xdplb end");

  /**
   * Starts nothing yet.
   *
   * @param netns where the processes will run
   */
  public Xdplb(Netns netns) {
    this.netns = netns;
    try {
      birdFolder = Files.createTempDirectory("xl-bird");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    Runtime.getRuntime().addShutdownHook(atJvmEnd);
  }

  /** Where the agents pin what they load. */
  public Path pinPath() {
    return pinPath;
  }

  /** Where a BIRD that {@code xdplb standalone} starts has its files. */
  public Path birdFolder() {
    return birdFolder;
  }

  /** Starts {@code xdplb standalone} on {@code eth0}, and waits until it follows the folder. */
  public RunningProcess standalone(Path folder, String... options) {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "standalone",
                folder.toString(),
                "--interface",
                "eth0",
                "--bird-dir",
                birdFolder.toString()));
    arguments.addAll(List.of(options));
    RunningProcess process = netns.start(command(arguments));
    started.add(process);
    awaitLine(process, "following " + folder);
    return process;
  }

  /** Starts {@code xdplb agent} on {@code eth0}, and waits until it has attached. */
  public RunningProcess agent(String nodeName, Path kubeconfig) {
    RunningProcess process = netns.start(command(agentArguments(nodeName, kubeconfig)));
    started.add(process);
    awaitLine(process, "eth0: attached");
    return process;
  }

  /**
   * Starts {@code xdplb agent} with other classes and resources in front of its own, and does not
   * wait.
   */
  public RunningProcess agent(String nodeName, Path kubeconfig, Path classes) {
    List<String> command = List.of(command(agentArguments(nodeName, kubeconfig)));
    String classPath = System.getProperty("java.class.path");
    RunningProcess process =
        netns.start(
            command.stream()
                .map(word -> word.equals(classPath) ? classes + ":" + word : word)
                .toArray(String[]::new));
    started.add(process);
    return process;
  }

  private static List<String> agentArguments(String nodeName, Path kubeconfig) {
    return List.of(
        "agent",
        "--node-name",
        nodeName,
        "--kubeconfig",
        kubeconfig.toString(),
        "--interface",
        "eth0");
  }

  /**
   * Starts {@code xdplb operator}, and waits until it follows the API server. It belongs to no
   * node: it runs in the namespace of this JVM.
   */
  public RunningProcess operator(Path kubeconfig) {
    RunningProcess process =
        RunningProcess.start(
            java(
                List.of("-XX:+UseSerialGC", "-Xmx256m"),
                List.of("operator", "--instance", "e2e", "--kubeconfig", kubeconfig.toString())));
    started.add(process);
    awaitLine(process, "operator runs");
    return process;
  }

  /** Runs a command to its end. */
  public String run(String... arguments) {
    return netns.run(command(List.of(arguments)));
  }

  /** {@code xdplb detach}; what is announced by BGP is withdrawn, too. */
  public String detach() {
    return run("detach", "--bird-dir", birdFolder.toString());
  }

  /** {@code xdplb status -o json}. */
  public JsonNode status() {
    try {
      return JSON.readTree(run("status", "-o", "json"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Waits until a process has printed something. */
  public static void awaitLine(RunningProcess process, String text) {
    Awaitility.await(text)
        .atMost(DEADLINE)
        .pollInterval(Duration.ofMillis(5))
        .until(
            () -> {
              if (process.output().contains(text)) {
                return true;
              }
              process.mustBeAlive();
              return false;
            });
  }

  @Override
  public void close() {
    started.forEach(RunningProcess::close);
    if (Files.exists(pinPath)) {
      detach();
    }
    removeBirdFolder();
    Runtime.getRuntime().removeShutdownHook(atJvmEnd);
  }

  /** The JVM ends before the tests did: a pin and a BIRD would outlive it. */
  private void abandon() {
    started.forEach(RunningProcess::close);
    bird().ifPresent(ProcessHandle::destroyForcibly);
    removeBirdFolder();
    if (Files.exists(pinPath)) {
      Datapath.remove(pinPath);
    }
  }

  /** The BIRD that {@code xdplb standalone} has started, if it runs. */
  public Optional<ProcessHandle> bird() {
    try {
      Path pid = birdFolder.resolve("bird.pid");
      return Files.exists(pid)
          ? ProcessHandle.of(Long.parseLong(Files.readString(pid).strip()))
              .filter(process -> process.info().command().orElse("").endsWith("bird"))
          : Optional.empty();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void removeBirdFolder() {
    try (Stream<Path> files = Files.walk(birdFolder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private String[] command(List<String> arguments) {
    List<String> all = new ArrayList<>(arguments);
    all.addAll(List.of("--pin-path", pinPath.toString()));
    return java(List.of("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx64m", "-Xss512k"), all)
        .toArray(String[]::new);
  }

  /** As the launcher script does, but from the class path of this JVM. */
  private static List<String> java(List<String> options, List<String> arguments) {
    List<String> all =
        new ArrayList<>(
            List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString()));
    all.addAll(options);
    all.addAll(
        List.of(
            "-Dlogback.configurationFile=logback.xml",
            "-cp",
            System.getProperty("java.class.path"),
            "io.xdplb.cli.Main"));
    all.addAll(arguments);
    return all;
  }
}
