// SPDX-License-Identifier: Apache-2.0
package io.xdplb.announce;

import io.xdplb.cli.Xdplb;
import io.xdplb.testing.kernel.ClusterNode;
import io.xdplb.testing.kernel.RunningProcess;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;

/** Machines that announce by ARP and NDP; the router asks on the LAN who has an address. */
final class AnnouncingLan extends AnnouncingMachines {

  private static final Duration DEADLINE = Duration.ofSeconds(20);

  /**
   * Makes it, without xdplb running.
   *
   * @param folder empty; manifests and key will be there
   * @param nodes how many machines announce
   * @param vips all the addresses
   */
  AnnouncingLan(Path folder, int nodes, List<String> vips) {
    super(folder, nodes, vips);
    cluster().resolveVipsOnLan();
    write("key", "000102030405060708090a0b0c0d0e0f");
    if (nodes > 1) {
      write("membership.yaml", membership(1, true, nodes()));
    }
  }

  static String policy() {
    return """
        apiVersion: xdplb.io/v1alpha1
        kind: AnnouncementPolicy
        metadata: {name: lan}
        spec:
          l2: {}
        """;
  }

  private static String membership(int epoch, boolean changed, List<ClusterNode> nodes) {
    return """
        apiVersion: xdplb.io/v1alpha1
        kind: Membership
        metadata: {name: xdplb}
        spec:
          epoch: %d
          changed: %s
          witness: false
          members:
        %s
        """
        .formatted(
            epoch,
            changed,
            IntStream.range(0, nodes.size())
                .mapToObj(
                    i ->
                        "  - {slot: %d, node: %s, address: \"%s\"}"
                            .formatted(i, nodes.get(i).name(), nodes.get(i).host().ipv4()))
                .collect(Collectors.joining("\n")));
  }

  /** Waits until each machine that runs has all that the others say. */
  void awaitInStep() {
    processes().values().forEach(p -> Xdplb.awaitLine(p, "in step with the other members"));
  }

  /** Adds the policy that has them announce. */
  void announce() {
    write("lan.yaml", policy());
  }

  @Override
  List<String> options(ClusterNode node) {
    return List.of("--name", node.name(), "--announce-key", folder().resolve("key").toString());
  }

  /** Waits until each of these addresses has an owner. */
  void awaitOwned(List<String> vips) {
    Awaitility.await("owners of " + vips.size() + " addresses")
        .atMost(DEADLINE)
        .pollInterval(Duration.ofMillis(20))
        .until(() -> owners().keySet().containsAll(vips));
  }

  /** Who has which address, by what the machines have logged last. */
  Map<String, ClusterNode> owners() {
    Map<String, ClusterNode> owners = new HashMap<>();
    processes()
        .forEach((node, process) -> owned(process).forEach(address -> owners.put(address, node)));
    return owners;
  }

  private static Set<String> owned(RunningProcess process) {
    Set<String> owned = new HashSet<>();
    process
        .output()
        .lines()
        .forEach(
            line -> {
              int at = line.indexOf(" is answered for by this node");
              int end = line.indexOf(" is no longer answered for by this node");
              if (at > 0) {
                owned.add(lastWord(line.substring(0, at)));
              } else if (end > 0) {
                owned.remove(lastWord(line.substring(0, end)));
              }
            });
    return owned;
  }

  private static String lastWord(String text) {
    return text.substring(text.lastIndexOf(' ') + 1);
  }
}
