// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli;

import io.xdplb.datapath.DatapathConfig;
import io.xdplb.datapath.DatapathConfig.AttachPreference;
import io.xdplb.datapath.PortRange;
import java.util.List;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** How the datapath is set up, and where it is attached. */
final class DatapathOptions {

  @Mixin private PinPathOption pinPath;

  @Option(
      names = "--interface",
      paramLabel = "NAME",
      description =
          "Interface to attach to; may be given several times. Default: those of the default"
              + " routes.")
  private List<String> interfaces;

  @Option(
      names = "--xdp-mode",
      paramLabel = "MODE",
      defaultValue = "AUTO",
      description =
          "AUTO: native where the driver can, otherwise generic. NATIVE: native or not at all."
              + " GENERIC: generic. Default: ${DEFAULT-VALUE}.")
  private AttachPreference mode;

  @Option(
      names = "--nat-ports",
      paramLabel = "FIRST-LAST",
      defaultValue = "10000-29999",
      description =
          "Source ports towards backends; must be disjoint from net.ipv4.ip_local_port_range."
              + " Default: ${DEFAULT-VALUE}.")
  private PortRange natPorts;

  @Option(
      names = "--max-vips",
      paramLabel = "N",
      defaultValue = "8192",
      description = "Room for so many addresses x ports. Default: ${DEFAULT-VALUE}.")
  private int maxVips;

  @Option(
      names = "--max-backends",
      paramLabel = "N",
      defaultValue = "32768",
      description = "Room for so many backends, over all VIPs. Default: ${DEFAULT-VALUE}.")
  private int maxBackends;

  @Option(
      names = "--max-ring-slots",
      paramLabel = "N",
      defaultValue = "2097152",
      description =
          "Room for so many ring slots, over all VIPs: about 100 a backend. Default:"
              + " ${DEFAULT-VALUE}.")
  private int maxRingSlots;

  @Option(
      names = "--max-flows",
      paramLabel = "N",
      defaultValue = "262144",
      description = "Room for so many flows at a time. Default: ${DEFAULT-VALUE}.")
  private int maxFlows;

  /** What to open. */
  DatapathConfig config() {
    try {
      return new DatapathConfig(
          pinPath.path(), natPorts, maxVips, maxBackends, maxRingSlots, maxFlows, mode);
    } catch (IllegalArgumentException e) {
      throw new UserError("cannot set up the datapath: " + e.getMessage());
    }
  }

  /** Where to attach. */
  List<String> interfaces() {
    if (interfaces != null) {
      return interfaces;
    }
    List<String> found = DefaultInterfaces.find();
    if (found.isEmpty()) {
      throw new UserError(
          "cannot tell which interface to attach to: there is no default route; name it with"
              + " --interface (`ip -br link` lists them)");
    }
    return found;
  }
}
