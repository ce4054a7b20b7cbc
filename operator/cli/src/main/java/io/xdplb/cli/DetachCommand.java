// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli;

import io.xdplb.datapath.Attachment;
import io.xdplb.datapath.Datapath;
import io.xdplb.datapath.DatapathConfig;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
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
      names = "--force",
      description =
          "Removes the pins even if the datapath cannot be opened, because it is of another"
              + " version or an agent has it open.")
  private boolean force;

  @Override
  public Integer call() throws IOException {
    Path path = pinPath.path();
    PrintWriter out = spec.commandLine().getOut();
    if (!Files.isDirectory(path)) {
      out.println("nothing is pinned at " + path);
      return 0;
    }
    if (!force) {
      detach(path, out);
    }
    removePins(path);
    out.println("removed " + path);
    return 0;
  }

  private static void detach(Path path, PrintWriter out) {
    try (Datapath datapath = Datapath.open(DatapathConfig.defaults(path))) {
      List<String> names = datapath.attachments().stream().map(Attachment::interfaceName).toList();
      for (String name : names) {
        datapath.detach(name);
        out.println("detached from " + name);
      }
    }
  }

  /** Without its pin a link has no holder, and the kernel detaches the program. */
  private static void removePins(Path path) throws IOException {
    List<Path> all;
    try (Stream<Path> files = Files.walk(path)) {
      all = files.sorted(Comparator.reverseOrder()).toList();
    }
    for (Path file : all) {
      Files.delete(file);
    }
  }
}
