// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import io.xdplb.testing.kernel.Clients;
import io.xdplb.testing.kernel.Host;
import io.xdplb.testing.kernel.Netns;
import io.xdplb.testing.kernel.Nginx;
import io.xdplb.testing.kernel.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * Real HTTP between a client, the balancer and two nginx, on one machine: requests per second,
 * latency and CPU time. All of them share the machine, so that the client and the servers weigh
 * more in it than the balancer.
 */
final class HttpBench implements AutoCloseable {

  private static final int SERVERS = 2;
  private static final int CONNECTIONS = 32;
  private static final int PACED_RATE = 10_000;
  private static final int PROBES = 40;

  private final List<AutoCloseable> open = new ArrayList<>();
  private final Tool tool;
  private final double seconds;
  private final Scene scene;

  /**
   * Builds the network and starts the servers.
   *
   * @param seconds each of the three ways of asking is measured so long
   */
  HttpBench(Tool tool, double seconds) throws Exception {
    this.tool = tool;
    this.seconds = seconds;
    try {
      Topology lan = Topology.oneArmed(1, SERVERS, Topology.PeerXdp.NONE);
      open.add(0, lan);
      for (Host backend : lan.backends()) {
        open.add(0, Nginx.web(backend));
      }
      Netns client = lan.client().netns();
      client.sysctl("net.ipv4.ip_local_port_range", "1024 65535");
      Netns balancer = lan.balancer().netns();
      for (String device : List.of("all", lan.balancer().device())) {
        balancer.sysctl("net.ipv4.conf." + device + ".send_redirects", "0");
      }
      scene =
          new Scene(
              lan.balancer(), Scene.VIP, Scene.PORT, lan.client(), lan.backends(), lan::stubPeers);
    } catch (Exception e) {
      close();
      throw e;
    }
  }

  /** One round of one contender. */
  void measure(Contender contender, Results results) throws Exception {
    try (AutoCloseable running = contender.start(scene)) {
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
      wrk(0.3, List.of()); // warms up
      Cpu.Share kept = Cpu.during(() -> wrk(seconds, List.of()));
      results.add(contender, Quantity.KEEPALIVE_REQUESTS, kept.wrk().requestsPerSecond());
      results.add(contender, Quantity.KEEPALIVE_P50, kept.wrk().p50Us());
      results.add(contender, Quantity.KEEPALIVE_P99, kept.wrk().p99Us());
      results.add(contender, Quantity.KEEPALIVE_CPU, kept.usPerRequest());
      Cpu.Share each = Cpu.during(() -> wrk(seconds, List.of("-H", "Connection: close")));
      results.add(contender, Quantity.CONNECTION_REQUESTS, each.wrk().requestsPerSecond());
      results.add(contender, Quantity.CONNECTION_P50, each.wrk().p50Us());
      results.add(contender, Quantity.CONNECTION_P99, each.wrk().p99Us());
      results.add(contender, Quantity.CONNECTION_CPU, each.usPerRequest());
      Cpu.Share paced = Cpu.during(this::paced);
      results.add(contender, Quantity.PACED_P50, paced.wrk().p50Us());
      results.add(contender, Quantity.PACED_P99, paced.wrk().p99Us());
      results.add(contender, Quantity.PACED_CPU, paced.usPerRequest());
    }
  }

  @Override
  public void close() throws Exception {
    for (AutoCloseable each : open) {
      each.close();
    }
    open.clear();
  }

  private HttpRun wrk(double duration, List<String> options) {
    List<String> command = new ArrayList<>();
    // wrk counts in whole seconds; it ends cleanly on SIGINT and prints what it has.
    command.addAll(List.of("timeout", "--preserve-status", "-s", "INT", "" + duration));
    command.addAll(List.of("wrk", "-t", "1", "-c", "" + CONNECTIONS, "-d", "60", "--latency"));
    command.addAll(options);
    command.add("http://" + scene.vip() + ":" + scene.port() + "/");
    return HttpRun.parseWrk(scene.client().netns().run(command.toArray(String[]::new)));
  }

  private HttpRun paced() {
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
