// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import io.xdplb.testing.kernel.Netns;
import io.xdplb.testing.kernel.RunningProcess;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A balancer that runs the product and knows all its neighbours; nobody is at the other end of its
 * wire, because the harness gives its program the packets.
 */
final class SpeedScene implements AutoCloseable {

  static final String DEVICE = "eth0";

  private static final String PROGRAMMED = "(programmed)";

  private final Undo undo = new Undo();
  private final Netns balancer;

  /** Returns when everything is programmed. */
  SpeedScene(Setting setting) throws Exception {
    try {
      Netns far = undo.later(Netns.create("far"));
      balancer = undo.later(Netns.create("lb"));
      Netns.veth(balancer, DEVICE, far, DEVICE);
      network(setting.hosts());
      program(setting);
    } catch (Exception | Error e) {
      close();
      throw e;
    }
  }

  Netns netns() {
    return balancer;
  }

  private void network(List<Integer> hosts) {
    balancer.sysctl("net.ipv4.ip_forward", "1");
    balancer.sysctl("net.ipv6.conf.all.forwarding", "1");
    List<String> lines = new ArrayList<>();
    lines.add("link set dev %s address %s".formatted(DEVICE, SpeedHosts.mac(hosts.get(0))));
    for (boolean ipv6 : List.of(false, true)) {
      for (int host : hosts) {
        lines.add(
            "addr add %s/%d dev %s".formatted(SpeedHosts.host(ipv6, host), ipv6 ? 64 : 24, DEVICE));
      }
      lines.add(
          "route add %s via %s"
              .formatted(SpeedHosts.clients(ipv6), SpeedHosts.host(ipv6, SpeedHosts.ROUTER)));
      for (int host : SpeedHosts.ALL) {
        if (hosts.contains(host)) {
          continue;
        }
        lines.add(
            "neigh add %s lladdr %s dev %s nud permanent"
                .formatted(SpeedHosts.host(ipv6, host), SpeedHosts.mac(host), DEVICE));
      }
    }
    balancer.ip(lines.toArray(String[]::new));
  }

  private void program(Setting setting) throws Exception {
    Path folder = undo.laterDelete(Files.createTempDirectory("xl-bench"));
    Product product = undo.later(new Product(balancer));
    RunningProcess process = null;
    int expected = 0;
    for (Map<String, String> stage : setting.manifests()) {
      for (Map.Entry<String, String> file : stage.entrySet()) {
        Files.writeString(folder.resolve(file.getKey()), file.getValue());
      }
      if (process == null) {
        process = product.start(command(folder, setting.options()));
      }
      expected += stage.values().stream().mapToInt(Manifest::listeners).sum();
      await(process, expected);
    }
  }

  private static String[] command(Path folder, List<String> options) {
    List<String> command =
        new ArrayList<>(
            List.of(
                "standalone", folder.toString(), "--interface", DEVICE, "--xdp-mode", "NATIVE"));
    command.addAll(options);
    return command.toArray(String[]::new);
  }

  private static void await(RunningProcess process, int count) throws Exception {
    Product.await(
        process,
        count + " listeners programmed",
        () -> process.output().lines().filter(line -> line.endsWith(PROGRAMMED)).count() >= count);
  }

  @Override
  public void close() throws Exception {
    undo.close();
  }
}
