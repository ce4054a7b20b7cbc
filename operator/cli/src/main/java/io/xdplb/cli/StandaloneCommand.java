// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli;

import io.xdplb.agent.NodeDatapath;
import io.xdplb.cli.standalone.Standalone;
import io.xdplb.core.model.Ip;
import io.xdplb.datapath.Datapath;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code xdplb standalone DIR}. */
@Command(
    name = "standalone",
    description = {
      "Balances what the manifests in a folder say, without Kubernetes, and follows the folder"
          + " live.",
      "It reads LoadBalancer, AddressPool, Namespace, Service and EndpointSlice from *.yaml, *.yml"
          + " and *.json (several documents a file; no sub-folders). A file that cannot be used is reported and leaves"
          + " in force what it said before. Addresses from pools are remembered in the folder's file"
          + " .xdplb-addresses.json. Stopping leaves the datapath as it is: traffic goes on;"
          + " `xdplb detach` removes it."
    },
    mixinStandardHelpOptions = true)
final class StandaloneCommand implements Callable<Integer> {

  @Parameters(paramLabel = "DIR", description = "The folder; it may come later.")
  private Path folder;

  @Option(
      names = "--peer",
      paramLabel = "ADDRESS",
      split = ",",
      description = {
        "Address of another machine that runs xdplb for the same folder of manifests; may be given"
            + " several times, or as a list with commas.",
        "Encapsulated packets are accepted from these alone, so each server of DSR by IPIP or GUE"
            + " names its edges. Connections that begin on these machines are balanced by NAT."
      })
  private Set<Ip> peers = Set.of();

  @Mixin private DatapathOptions options;

  @Override
  public Integer call() throws InterruptedException {
    List<String> interfaces = options.interfaces();
    UntilStopped.run(
        Standalone.start(
            NodeDatapath.of(Datapath.open(options.config())),
            interfaces,
            peers,
            folder,
            Version.text()));
    return 0;
  }
}
