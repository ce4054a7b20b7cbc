// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli;

import io.prometheus.metrics.model.registry.PrometheusRegistry;
import io.xdplb.agent.bgp.BirdProcess;
import io.xdplb.datapath.Datapath;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code xdplb detach}. */
@Command(
    name = "detach",
    description = {
      "Takes the program off all interfaces and removes all that is pinned: the flows that it"
          + " carries end, and nothing is left behind.",
      "Stop the agent first; while one runs nothing is done."
    },
    mixinStandardHelpOptions = true)
final class DetachCommand implements Callable<Integer> {

  @Spec private CommandSpec spec;
  @Mixin private PinPathOption pinPath;

  @Option(
      names = "--stay",
      description =
          "Then do nothing until stopped, as the pod of a DaemonSet must; with --http it is ready"
              + " from then on.")
  private boolean stay;

  @Option(
      names = "--bird-dir",
      paramLabel = "DIR",
      defaultValue = "/run/xdplb/bird",
      description =
          "Where BIRD has its configuration and its socket: what it announces is withdrawn first."
              + " Default: ${DEFAULT-VALUE}.")
  private Path birdFolder;

  @Mixin private HttpOptions http;

  @Override
  public Integer call() throws Exception {
    Path path = pinPath.path();
    PrintWriter out = spec.commandLine().getOut();
    Datapath.mustBeClosed(path); // first: while an agent runs nothing is to change
    new BirdProcess(List.of(BirdProcess.PROGRAM), birdFolder).withdraw();
    if (Files.isDirectory(path)) {
      Datapath.remove(path).forEach(name -> out.println("detached from " + name));
      out.println("removed " + path);
    } else {
      out.println("nothing is pinned at " + path);
    }
    out.flush();
    if (stay) {
      UntilStopped.run(http.serve(Optional::empty, Optional::empty, new PrometheusRegistry()));
    }
    return 0;
  }
}
