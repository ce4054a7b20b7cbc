// SPDX-License-Identifier: Apache-2.0
package io.xdplb.e2e;

import static io.xdplb.e2e.Manifests.PORT;
import static io.xdplb.e2e.Manifests.balancer;
import static io.xdplb.e2e.Manifests.group;
import static io.xdplb.e2e.Manifests.service;
import static io.xdplb.e2e.Manifests.slices;
import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.testing.kernel.EchoServer;
import io.xdplb.testing.kernel.Host;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Whatever of the control plane goes away, two hundred connections do not notice. */
class SurvivalTest extends ClusterTestCase {

  private static final List<String> VIPS = List.of("203.0.113.20", "2001:db8:0:2::20");
  private static final List<String> OTHER_VIPS = List.of("203.0.113.21", "2001:db8:0:2::21");
  private static final int CONNECTIONS_PER_VIP = 100;
  private static final int SAMPLE = 30;
  private static final Duration OUTAGE = Duration.ofSeconds(5);

  private final List<EchoServer> servers = new ArrayList<>();
  private LiveConnections live;

  SurvivalTest() {
    super(3);
  }

  @BeforeEach
  void twoHundredConnections() {
    servers.clear();
    for (Host host : cluster.lan().backends()) {
      servers.add(opened(EchoServer.start(host, PORT)));
    }
    cluster.apply(
        service("echo")
            + slices("echo", hosts(2))
            + balancer("echo", VIPS, PORT, group("echo", 1)));
    cluster.awaitReady("echo");
    live = opened(LiveConnections.open(client(), VIPS, PORT, CONNECTIONS_PER_VIP));
  }

  @Test
  void anOutageOfTheApiServer() {
    outage(() -> {});
    long back = System.nanoTime();
    // Most likely before operator and agent are back: they have to find out by listing.
    cluster.applyQuickly(
        slices("echo", hosts(3)) + balancer("late", OTHER_VIPS, PORT, group("echo", 1)));
    cluster.until("the new endpoint is used", () -> newConnections(VIPS).containsKey("http3"));
    cluster.until("the new VIP answers", () -> !newConnections(OTHER_VIPS).isEmpty());
    report("API server back for 5 s outage", back);
    live.mustAllGoOn();
    cluster.awaitReady("echo");
    cluster.awaitReady("late");
  }

  @Test
  void anAgentThatIsKilledAndStartedDuringAnOutage() {
    outage(
        () -> {
          cluster.killAgent();
          cluster.startAgent();
          live.mustAllGoOn();
          assertThat(cluster.vips()).as("kept while nothing is known").hasSize(4);
          assertThat(newConnections(VIPS)).containsOnlyKeys("http1", "http2");
        });
    long back = System.nanoTime();
    cluster.applyQuickly(slices("echo", hosts(3)));
    cluster.until("the new endpoint is used", () -> newConnections(VIPS).containsKey("http3"));
    report("agent that started in the outage", back);
    live.mustAllGoOn();
    cluster.awaitReady("echo");
  }

  @Test
  void anOperatorThatIsKilledWhileAnEndpointIsAdded() {
    cluster.killOperator();
    cluster.applyQuickly(
        slices("echo", hosts(3)) + balancer("late", OTHER_VIPS, PORT, group("echo", 1)));
    live.mustAllGoOn();
    long started = System.nanoTime();
    cluster.startOperator();
    cluster.until("the new endpoint is used", () -> newConnections(VIPS).containsKey("http3"));
    cluster.until("the new VIP answers", () -> !newConnections(OTHER_VIPS).isEmpty());
    report("operator, from the start of its process", started);
    live.mustAllGoOn();
    cluster.awaitReady("late");
  }

  @Test
  void anAgentThatIsKilledWhileAnEndpointDiesAndAnotherComes() {
    Map<String, Integer> before = live.perServer();
    cluster.killAgent();
    live.mustAllGoOn();
    servers.get(0).close();
    cluster.applyQuickly(slices("echo", cluster.lan().backends().subList(1, 3)));
    long started = System.nanoTime();
    cluster.startAgent();
    cluster.until("all is taken up", () -> answered(VIPS).equals(List.of("http2", "http3")));
    report("agent, from the start of its process", started);
    live.mustGoOn(Map.of("http2", before.get("http2")));
    assertThat(live.broken()).as("those of the dead server").hasSize(before.get("http1"));
    cluster.awaitReady("echo");
  }

  /** Stops the API server, does something meanwhile, and starts it again after five seconds. */
  private void outage(Runnable meanwhile) {
    cluster.api().stop();
    try {
      long stopped = System.nanoTime();
      meanwhile.run();
      cluster.until("the outage is over", () -> System.nanoTime() - stopped > OUTAGE.toNanos());
      live.mustAllGoOn();
    } finally {
      cluster.api().start();
    }
  }

  /** Who answers new connections; empty if not all are answered. */
  private Map<String, Integer> newConnections(List<String> vips) {
    Map<String, Integer> sum = new TreeMap<>();
    try {
      for (String vip : vips) {
        Echo.servers(client(), vip, PORT, SAMPLE)
            .forEach((server, n) -> sum.merge(server, n, Integer::sum));
      }
      return sum;
    } catch (IllegalStateException refused) {
      return Map.of();
    }
  }

  private List<String> answered(List<String> vips) {
    return List.copyOf(newConnections(vips).keySet());
  }

  private static void report(String what, long since) {
    System.out.printf(
        "%s: converged after %d ms%n",
        what, Duration.ofNanos(System.nanoTime() - since).toMillis());
  }
}
