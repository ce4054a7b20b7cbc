// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import io.xdplb.testing.kernel.Clients;
import io.xdplb.testing.kernel.Host;
import io.xdplb.testing.kernel.Nginx;
import io.xdplb.testing.kernel.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * Real HTTP between a client, the balancer and two nginx, on one machine: requests per second,
 * latency and CPU time. All of them share the machine, so that the client and the servers weigh
 * more in it than the balancer. A network for each measurement, so that no stack or connection
 * table knows the connections of the last one.
 */
final class HttpBench {

  private static final int SERVERS = 2;
  private static final int CONNECTIONS = 32;
  private static final int PACED_RATE = 10_000;
  private static final int PROBES = 40;

  private final Tool tool;
  private final double seconds;

  /**
   * @param seconds each of the three ways of asking is measured so long
   */
  HttpBench(Tool tool, double seconds) {
    this.tool = tool;
    this.seconds = seconds;
  }

  /** One round of one contender. */
  void measure(Contender contender, Results results) throws Exception {
    try (Topology lan = Topology.oneArmed(1, SERVERS, Topology.PeerXdp.NONE);
        Undo servers = new Undo()) {
      for (Host backend : lan.backends()) {
        servers.later(Nginx.web(backend));
      }
      lan.client()
          .netns()
          .sysctl(
              "net.ipv4.ip_local_port_range", Contenders.FIRST_PORT + " " + Contenders.LAST_PORT);
      for (String device : List.of("all", lan.balancer().device())) {
        lan.balancer().netns().sysctl("net.ipv4.conf." + device + ".send_redirects", "0");
      }
      Scene scene =
          new Scene(
              lan.balancer(), Scene.VIP, Scene.PORT, lan.client(), lan.backends(), lan::stubPeers);
      try (AutoCloseable running = contender.start(scene)) {
        measure(scene, contender, results);
      }
    }
  }

  private void measure(Scene scene, Contender contender, Results results) throws Exception {
    Wait.until(
        contender.title() + " reaches every server",
        Duration.ofSeconds(10),
        () ->
            Clients.whoAnswers(
                        scene.client().netns(),
                        scene.vip(),
                        scene.port(),
                        PROBES,
                        Duration.ofSeconds(2))
                    .size()
                == SERVERS);
    wrk(scene, 0.3, List.of()); // warms up
    Cpu.Share kept = Cpu.during(() -> wrk(scene, seconds, List.of()));
    results.add(contender, Quantity.KEEPALIVE_REQUESTS, kept.run().requestsPerSecond());
    results.add(contender, Quantity.KEEPALIVE_P50, kept.run().p50Us());
    results.add(contender, Quantity.KEEPALIVE_P99, kept.run().p99Us());
    results.add(contender, Quantity.KEEPALIVE_CPU, kept.usPerRequest());
    Cpu.Share each = Cpu.during(() -> wrk(scene, seconds, List.of("-H", "Connection: close")));
    results.add(contender, Quantity.CONNECTION_REQUESTS, each.run().requestsPerSecond());
    results.add(contender, Quantity.CONNECTION_P50, each.run().p50Us());
    results.add(contender, Quantity.CONNECTION_P99, each.run().p99Us());
    results.add(contender, Quantity.CONNECTION_CPU, each.usPerRequest());
    Cpu.Share paced = Cpu.during(() -> paced(scene));
    results.add(contender, Quantity.PACED_P50, paced.run().p50Us());
    results.add(contender, Quantity.PACED_P99, paced.run().p99Us());
    results.add(contender, Quantity.PACED_CPU, paced.usPerRequest());
  }

  private HttpRun wrk(Scene scene, double duration, List<String> options) {
    List<String> command = new ArrayList<>();
    // wrk counts in whole seconds; it ends cleanly on SIGINT and prints what it has.
    command.addAll(List.of("timeout", "--preserve-status", "-s", "INT", "" + duration));
    command.addAll(List.of("wrk", "-t", "1", "-c", "" + CONNECTIONS, "-d", "60", "--latency"));
    command.addAll(options);
    command.add("http://" + scene.vip() + ":" + scene.port() + "/");
    return HttpRun.parseWrk(scene.client().netns().run(command.toArray(String[]::new)));
  }

  private HttpRun paced(Scene scene) {
    var answer =
        tool.run(
            scene.client().netns(),
            "paced",
            scene.vip(),
            "" + scene.port(),
            "" + PACED_RATE,
            "" + CONNECTIONS,
            "" + seconds);
    return new HttpRun(
        answer.get("requests").asLong(),
        answer.get("requests").asLong() / answer.get("seconds").asDouble(),
        answer.get("p50us").asDouble(),
        answer.get("p99us").asDouble());
  }
}
