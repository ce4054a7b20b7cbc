// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli;

import io.xdplb.agent.NodeDatapath;
import io.xdplb.cli.standalone.Standalone;
import io.xdplb.core.announce.SipHash;
import io.xdplb.core.model.Ip;
import io.xdplb.datapath.Datapath;
import io.xdplb.datapath.DatapathConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
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
      "It reads LoadBalancer, AddressPool, AnnouncementPolicy, BGPPeer, Membership, Namespace, Service,"
          + " EndpointSlice and Secret from *.yaml, *.yml"
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

  @Option(
      names = "--name",
      paramLabel = "NAME",
      description = "This machine's name in a Membership. Default: the host's.")
  private String name;

  @Option(
      names = "--announce-key",
      paramLabel = "FILE",
      description = {
        "File with the 16 bytes, as 32 hexadecimal digits, by which machines that announce the same"
            + " addresses know each other; the same on all that a Membership names.",
        "`openssl rand -hex 16` makes one. Keep it readable for root only."
      })
  private Path announceKey;

  @Option(
      names = "--bird-dir",
      paramLabel = "DIR",
      defaultValue = "/run/xdplb/bird",
      description =
          "Where BIRD, which is started for BGPPeers, has its configuration and its socket. Default:"
              + " ${DEFAULT-VALUE}.")
  private Path birdFolder;

  @Mixin private DatapathOptions options;

  @Override
  public Integer call() throws InterruptedException {
    List<String> interfaces = options.interfaces();
    DatapathConfig config = options.config();
    Standalone.Identity identity = new Standalone.Identity(name(), key(), birdFolder);
    UntilStopped.run(
        Standalone.start(
            NodeDatapath.of(Datapath.open(config)),
            config.pinPath(),
            identity,
            interfaces,
            peers,
            folder,
            Version.text()));
    return 0;
  }

  private String name() {
    if (name != null) {
      return name;
    }
    try {
      return Files.readString(Path.of("/proc/sys/kernel/hostname")).strip();
    } catch (IOException e) {
      throw new UserError("cannot tell this machine's name: give --name (" + e.getMessage() + ")");
    }
  }

  private Optional<byte[]> key() {
    if (announceKey == null) {
      return Optional.empty();
    }
    try {
      byte[] key = HexFormat.of().parseHex(Files.readString(announceKey).strip());
      if (key.length != SipHash.KEY_BYTES) {
        throw new IllegalArgumentException("it has " + key.length + " bytes");
      }
      return Optional.of(key);
    } catch (IOException | IllegalArgumentException e) {
      throw new UserError(
          "cannot use --announce-key "
              + announceKey
              + ": "
              + e.getMessage()
              + "; it must have 32 hexadecimal digits, as `openssl rand -hex 16` makes them");
    }
  }
}
