// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.kernel;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.awaitility.Awaitility;

/**
 * {@link EchoServer}s in a JVM of their own: ten thousand connections are ten thousand file
 * descriptors at either end, more than one process may have on some machines. Ends with this JVM,
 * however that ends.
 */
public final class EchoProcess implements AutoCloseable {

  private static final Duration DEADLINE = Duration.ofSeconds(20);
  private static final String READY = "ready";

  private final RunningProcess process;

  private EchoProcess(RunningProcess process) {
    this.process = process;
  }

  /**
   * Starts a server on each host, all in one process. To let one fail alone, give it its own.
   *
   * @throws IllegalStateException with the process's output, if one cannot listen
   */
  public static EchoProcess start(List<Host> hosts, int port) {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Xmx256m",
                "-cp",
                System.getProperty("java.class.path"),
                EchoProcess.class.getName(),
                Integer.toString(port)));
    for (Host host : hosts) {
      command.add(host.netns().name());
      command.add(host.name());
    }
    RunningProcess process = RunningProcess.start(command);
    try {
      Awaitility.await("echo servers on " + hosts)
          .atMost(DEADLINE)
          .pollInterval(Duration.ofMillis(10))
          .until(
              () -> {
                process.mustBeAlive();
                return process.output().contains(READY);
              });
      return new EchoProcess(process);
    } catch (RuntimeException e) {
      process.close();
      throw e;
    }
  }

  /** The process. */
  public RunningProcess process() {
    return process;
  }

  /** Ends it: the kernel closes its sockets (clients see FIN or RST). */
  @Override
  public void close() {
    process.close();
  }

  /**
   * The process itself.
   *
   * @param arguments the port, then a namespace and a host name for each server
   */
  public static void main(String[] arguments) {
    ProcessHandle.current()
        .parent()
        .ifPresent(parent -> parent.onExit().thenRun(() -> Runtime.getRuntime().halt(0)));
    int port = Integer.parseInt(arguments[0]);
    for (int i = 1; i + 1 < arguments.length; i += 2) {
      EchoServer.start(new Host(Netns.existing(arguments[i]), arguments[i + 1], "", "", ""), port);
    }
    System.out.println(READY);
    while (true) {
      LockSupport.park(); // until it is killed
    }
  }
}
