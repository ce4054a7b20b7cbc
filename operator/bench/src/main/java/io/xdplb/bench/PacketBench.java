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
 * end; generator, balancer and sink on one core. What that costs without a balancer is measured
 * right before and subtracted. A network for each measurement, so that no connection table knows
 * the flows of the last one.
 */
final class PacketBench {

  private static final int FLOWS = 1000;
  private static final int BACKENDS = 16;
  private static final int CLIENTS = 64; // as in flow.h
  private static final int FIRST_CLIENT = 10;
  private static final int FIRST_BACKEND = 101;
  private static final int CLIENT_SEQUENCE = 1000;
  private static final int SERVER_SEQUENCE = 5000; // as in sink.bpf.c; conntrack looks at them
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

  /** What a frame costs without a balancer: if it is dropped where one would be, or sent back. */
  private record Bare(double drop, double reflect) {}

  /** One round of one contender, and of no balancer at all right before it. */
  void measure(Contender contender, Results results) throws Exception {
    Bare bare = new Bare(bare("drop"), bare("reflect"));
    results.add("baseline", "generator and drop", Quantity.BASELINE_NS, bare.drop());
    try (Wire wire = new Wire();
        AutoCloseable running = contender.start(wire.scene())) {
      JsonNode run = null;
      boolean answers = contender.seesAnswers();
      for (int attempt = 0; attempt < ATTEMPTS && !complete(run, answers); attempt++) {
        run = send(wire, frames, FLOWS, answers);
      }
      if (!complete(run, answers)) {
        throw new IllegalStateException(
            "%s: %d connections were to be established: %s"
                .formatted(contender.title(), FLOWS, run));
      }
      double ns = nsPerDelivered(run);
      results.add(contender, Quantity.FLOWS_PACKETS, 1e9 / ns);
      results.add(contender, Quantity.FLOWS_NS, ns - bare.drop());
      results.add(contender, Quantity.FLOWS_BEYOND_NS, ns - bare.reflect());
      results.add(contender, Quantity.FLOWS_DELIVERED, delivered(run));
    }
    try (Wire wire = new Wire();
        AutoCloseable running = contender.start(wire.scene())) {
      JsonNode run = send(wire, newFlows, 0, contender.seesAnswers());
      if (run.get("delivered").asLong() == 0) {
        throw new IllegalStateException(contender.title() + ": no new flow arrived: " + run);
      }
      double ns = nsPerDelivered(run);
      results.add(contender, Quantity.NEW_NS, ns - bare.drop());
      results.add(contender, Quantity.NEW_BEYOND_NS, ns - bare.reflect());
      results.add(contender, Quantity.NEW_DELIVERED, delivered(run));
    }
  }

  private double bare(String program) throws Exception {
    try (Wire wire = new Wire()) {
      Scene scene = wire.scene();
      Netns balancer = scene.balancer().netns();
      tool.run(
          balancer, "attach", tool.object("floor"), program, scene.balancer().device(), "native");
      return send(wire, frames, FLOWS, false).get("nanoseconds").asDouble();
    }
  }

  /**
   * @param flows 0: each frame opens one
   * @param answers whether to establish them first, by answers that come through the balancer
   */
  private JsonNode send(Wire wire, int count, int flows, boolean answers) {
    String script =
        flows == 0
            ? "send " + Traffic.newFlows(frame(Frame.SYN)).words()
            : "send " + Traffic.flows(frame(Frame.ACK), flows).words();
    if (flows > 0 && answers) {
      script = "open %s\n%s".formatted(Traffic.flows(frame(Frame.SYN), flows).words(), script);
    }
    return tool.runWithInput(
        wire.far,
        script + "\n",
        "wire",
        tool.object("generator"),
        tool.object("sink"),
        WIRE,
        "" + count);
  }

  private static byte[] frame(int flags) {
    return Frame.tcp(NETWORK + FIRST_CLIENT, 0, Scene.VIP, Scene.PORT)
        .macs(mac(FIRST_CLIENT), mac(1))
        .tcpOptions(SpeedHosts.TIMESTAMP)
        .flags(flags)
        .sequence(
            CLIENT_SEQUENCE + (flags == Frame.SYN ? 0 : 1),
            flags == Frame.SYN ? 0 : SERVER_SEQUENCE + 1)
        .bytes();
  }

  private static double delivered(JsonNode run) {
    return run.get("delivered").asDouble() / run.get("sent").asDouble();
  }

  private static boolean complete(JsonNode run, boolean answers) {
    return run != null
        && delivered(run) >= NEARLY_ALL
        && run.get("answers").asInt() == (answers ? FLOWS : 0);
  }

  private static double nsPerDelivered(JsonNode run) {
    return run.get("nanoseconds").asDouble() / delivered(run);
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
