// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli;

import io.xdplb.datapath.Datapath;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
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

  @Override
  public Integer call() {
    Path path = pinPath.path();
    PrintWriter out = spec.commandLine().getOut();
    if (!Files.isDirectory(path)) {
      out.println("nothing is pinned at " + path);
      return 0;
    }
    Datapath.remove(path).forEach(name -> out.println("detached from " + name));
    out.println("removed " + path);
    return 0;
  }
}
