// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli;

import io.xdplb.datapath.Announcements;
import io.xdplb.datapath.DatapathView;
import java.io.PrintWriter;
import java.time.Instant;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code xdplb status}. */
@Command(
    name = "status",
    description = {
      "Shows what the kernel's maps hold on this machine: VIPs, backends, counters, drops,"
          + " interfaces.",
      "It asks no agent, and works while none runs."
    },
    mixinStandardHelpOptions = true)
final class StatusCommand implements Callable<Integer> {

  /** How to print it. */
  enum Format {
    TABLE,
    JSON
  }

  @Spec private CommandSpec spec;
  @Mixin private PinPathOption pinPath;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FORMAT",
      defaultValue = "TABLE",
      description = "table for people, json for machines. Default: ${DEFAULT-VALUE}.")
  private Format format;

  @Override
  public Integer call() {
    Status status;
    try (DatapathView view = DatapathView.open(pinPath.path());
        Announcements announcements = Announcements.open(pinPath.path())) {
      status =
          new Status(
              pinPath.path().toString(),
              Instant.now(),
              view.attachments(),
              view.peers(),
              view.flows(),
              view.vips(),
              announcements.claimed(System.nanoTime() / 1_000_000),
              announcements.counts(),
              view.drops());
    }
    PrintWriter out = spec.commandLine().getOut();
    out.print(format == Format.JSON ? StatusJson.of(status) : StatusText.of(status));
    out.flush();
    return 0;
  }
}
