// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import com.fasterxml.jackson.databind.JsonNode;
import io.xdplb.testing.kernel.Host;
import io.xdplb.testing.kernel.Netns;
import io.xdplb.testing.packet.Frame;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Frames that enter the balancer's veth as XDP frames, leave it again and are counted at the other
 * end; generator, balancer and sink on one core. What generator and drop cost by themselves is
 * measured in the same round and subtracted. A network for each measurement, so that no connection
 * table knows the flows of the last one.
 */
final class PacketBench {

  private static final int FLOWS = 1000;
  private static final int BACKENDS = 16;
  private static final int CLIENTS = 64; // as in flow.h
  private static final int FIRST_CLIENT = 10;
  private static final int FIRST_BACKEND = 101;
  private static final String NETWORK = "198.51.100.";
  private static final String MAC = "02:00:c6:33:64:"; // and the last byte of the address
  private static final String WIRE = "wire";

  /** Fewer arrived: the balancer does not balance them, and its time says nothing. */
  private static final double NEARLY_ALL = 0.99;

  /** A veth's ring holds 256 frames: on a machine that does something else it may overflow. */
  private static final int ATTEMPTS = 3;

  private final Tool tool;
  private final int frames;
  private final int newFlows;

  /**
   * @param frames how many frames of the 1,000 flows
   * @param newFlows how many frames that each open a flow; fewer than a NAT has ports for
   */
  PacketBench(Tool tool, int frames, int newFlows) {
    this.tool = tool;
    this.frames = frames;
    this.newFlows = newFlows;
  }

  /** What generator and drop cost: ns per frame. */
  double baseline(Results results) throws Exception {
    try (Wire wire = new Wire()) {
      Scene scene = wire.scene();
      Netns balancer = scene.balancer().netns();
      tool.run(
          balancer, "attach", tool.object("floor"), "drop", scene.balancer().device(), "native");
      JsonNode run = send(wire, frames, FLOWS);
      double ns = run.get("nanoseconds").asDouble() / run.get("sent").asDouble();
      results.add("baseline", "generator and drop", Quantity.BASELINE_NS, ns);
      return ns;
    }
  }

  /** One round of one contender. */
  void measure(Contender contender, double baseline, Results results) throws Exception {
    try (Wire wire = new Wire();
        AutoCloseable running = contender.start(wire.scene())) {
      JsonNode run = null;
      for (int attempt = 0; attempt < ATTEMPTS && !complete(run); attempt++) {
        run = send(wire, frames, FLOWS);
      }
      if (!complete(run)) {
        throw new IllegalStateException(
            "%s: %d connections were to be established: %s"
                .formatted(contender.title(), FLOWS, run));
      }
      double ns = nsPerDelivered(run);
      results.add(contender, Quantity.FLOWS_PACKETS, 1e9 / ns);
      results.add(contender, Quantity.FLOWS_NS, ns - baseline);
      results.add(contender, Quantity.FLOWS_DELIVERED, delivered(run));
    }
    try (Wire wire = new Wire();
        AutoCloseable running = contender.start(wire.scene())) {
      JsonNode run = send(wire, newFlows, 0);
      if (run.get("delivered").asLong() == 0) {
        throw new IllegalStateException(contender.title() + ": no new flow arrived: " + run);
      }
      results.add(contender, Quantity.NEW_NS, nsPerDelivered(run) - baseline);
      results.add(contender, Quantity.NEW_DELIVERED, delivered(run));
    }
  }

  private JsonNode send(Wire wire, int count, int flows) {
    String script =
        flows == 0
            ? "send " + Traffic.newFlows(frame(Frame.SYN)).words()
            : "open %s\nsend %s"
                .formatted(
                    Traffic.flows(frame(Frame.SYN), flows).words(),
                    Traffic.flows(frame(Frame.ACK), flows).words());
    return tool.runWithInput(
        wire.far, script + "\n", "wire", tool.object("generator"), WIRE, "" + count);
  }

  private static byte[] frame(int flags) {
    return Frame.tcp(NETWORK + FIRST_CLIENT, 0, Scene.VIP, Scene.PORT)
        .macs(mac(FIRST_CLIENT), mac(1))
        .tcpOptions(NatScenarios.TIMESTAMP)
        .flags(flags)
        .bytes();
  }

  private static double delivered(JsonNode run) {
    return run.get("delivered").asDouble() / run.get("sent").asDouble();
  }

  private static boolean complete(JsonNode run) {
    return run != null && delivered(run) >= NEARLY_ALL && run.get("answers").asInt() == FLOWS;
  }

  private static double nsPerDelivered(JsonNode run) {
    return run.get("nanoseconds").asDouble() / run.get("delivered").asDouble();
  }

  private static String mac(int lastByte) {
    return MAC + "%02x".formatted(lastByte);
  }

  /**
   * The balancer's namespace and the one at the other end of its only veth, where generator and
   * sink stand for all clients and servers; the balancer knows their MAC addresses already.
   */
  private static final class Wire implements AutoCloseable {
    private final Netns far = Netns.create("wire");
    private final Netns balancer = Netns.create("lb");

    Wire() {
      try {
        build();
      } catch (RuntimeException e) {
        close();
        throw e;
      }
    }

    Scene scene() {
      return new Scene(
          host(balancer, "lb", 1),
          Scene.VIP,
          Scene.PORT,
          host(far, "client", FIRST_CLIENT),
          IntStream.range(0, BACKENDS)
              .mapToObj(i -> host(far, "http" + (i + 1), FIRST_BACKEND + i))
              .toList(),
          () -> () -> {}); // the sink is XDP already
    }

    private void build() {
      // IPv6 speaks by itself (MLD, router solicitation), from whichever processor its timer runs
      // on; that one then goes on polling the veth, and it is no longer one core that works.
      balancer.sysctl("net.ipv6.conf.default.disable_ipv6", "1");
      far.sysctl("net.ipv6.conf.default.disable_ipv6", "1");
      Netns.veth(balancer, "eth0", far, WIRE);
      far.ip("link set dev wire address " + mac(FIRST_CLIENT));
      balancer.sysctl("net.ipv4.ip_forward", "1");
      balancer.sysctl("net.ipv4.conf.all.send_redirects", "0");
      balancer.sysctl("net.ipv4.conf.eth0.send_redirects", "0");
      // A veth takes frames only where its other end polls: it does with GRO or an XDP program.
      balancer.run("ethtool", "-K", "eth0", "gro", "on");
      List<String> lines = new ArrayList<>();
      lines.add("link set dev eth0 address " + mac(1));
      lines.add("addr add 198.51.100.1/24 dev eth0");
      IntStream.concat(
              IntStream.range(FIRST_CLIENT, FIRST_CLIENT + CLIENTS),
              IntStream.range(FIRST_BACKEND, FIRST_BACKEND + BACKENDS))
          .forEach(
              host ->
                  lines.add(
                      "neigh add %s%d lladdr %s dev eth0 nud permanent"
                          .formatted(NETWORK, host, mac(FIRST_CLIENT))));
      balancer.ip(lines.toArray(String[]::new));
    }

    private static Host host(Netns netns, String name, int number) {
      return new Host(netns, name, "eth0", NETWORK + number, "2001:db8:0:1::" + number);
    }

    @Override
    public void close() {
      balancer.close();
      far.close();
    }
  }
}
