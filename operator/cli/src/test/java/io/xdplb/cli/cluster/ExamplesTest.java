// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.testing.apiserver.KubernetesApi;
import io.xdplb.testing.apiserver.RequiresApiServer;
import io.xdplb.testing.kernel.Clients;
import io.xdplb.testing.kernel.EchoServer;
import io.xdplb.testing.kernel.Host;
import io.xdplb.testing.kernel.Netns;
import io.xdplb.testing.kernel.Nginx;
import io.xdplb.testing.kernel.RequiresBpf;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every file in {@code examples/} can be applied as it is, and answers within a second. */
@RequiresBpf
@RequiresApiServer
class ExamplesTest {
  private static final Path EXAMPLES = Path.of(System.getProperty("user.dir"), "../../examples");
  private static final Duration SECOND = Duration.ofSeconds(1);
  private static final Duration TRY = Duration.ofMillis(200);
  private static final String HTTP = "[{name: http, protocol: TCP, port: 80}]";

  /** What an example promises: the LoadBalancer's name, and what answers at its addresses. */
  private record Promise(String balancer, String slices, List<Probe> probes) {}

  private interface Probe {
    /** Throws, or answers who answered. */
    String ask(Netns client);
  }

  private Cluster cluster;

  @BeforeEach
  void start(KubernetesApi api) {
    cluster = Cluster.start(api, 2);
    for (Host host : cluster.lan().backends()) {
      cluster.closeLater(Nginx.web(host));
      cluster.closeLater(EchoServer.start(host, 53));
    }
    cluster.startAgent();
    cluster.await(() -> cluster.nodeState() != null);
  }

  @AfterEach
  void close() {
    cluster.close();
  }

  private Map<String, Promise> promises() {
    List<Host> hosts = cluster.lan().backends();
    return Map.of(
        "static.yaml",
        new Promise("static", "", List.of(web("203.0.113.10"), web("2001:db8:0:2::10"))),
        "service.yaml",
        new Promise(
            "web",
            Cluster.slice("web", HTTP, hosts)
                + Cluster.slice("web", "IPv6", HTTP, hosts, Host::ipv6, "{}"),
            List.of(web("203.0.113.20"), web("2001:db8:0:2::20"))),
        "canary.yaml",
        new Promise(
            "shop",
            Cluster.slice("shop-stable", HTTP, hosts.subList(0, 1))
                + Cluster.slice("shop-canary", HTTP, hosts.subList(1, 2)),
            List.of(web("203.0.113.30"))),
        "dns.yaml",
        new Promise(
            "dns",
            "",
            List.of(
                udp("203.0.113.53"),
                udp("2001:db8:0:2::53"),
                tcp("203.0.113.53"),
                tcp("2001:db8:0:2::53"))));
  }

  @Test
  void everyExampleHasACase() throws IOException {
    assertThat(promises().keySet()).isEqualTo(files());
  }

  static Set<String> files() throws IOException {
    try (Stream<Path> files = Files.list(EXAMPLES)) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> name.endsWith(".yaml"))
          .collect(java.util.stream.Collectors.toCollection(TreeSet::new));
    }
  }

  @ParameterizedTest
  @MethodSource("files")
  void anAppliedExampleAnswersWithinASecond(String file) {
    Promise promise = promises().get(file);
    if (!promise.slices().isEmpty()) {
      cluster.apply(promise.slices());
    }
    cluster.kubectl("apply", "-f", EXAMPLES.resolve(file).toString()).outOrFail();
    long start = System.nanoTime();
    for (Probe probe : promise.probes()) {
      cluster.await(() -> answered(probe));
    }
    Duration taken = Duration.ofNanos(System.nanoTime() - start);
    System.out.printf("%s: end of kubectl apply to all answers: %d ms%n", file, taken.toMillis());
    assertThat(taken).isLessThan(SECOND);
    cluster
        .kubectl("wait", "--for=condition=Ready", "--timeout=10s", "xlb/" + promise.balancer())
        .outOrFail();
    cluster.kubectl("delete", "-f", EXAMPLES.resolve(file).toString()).outOrFail();
    cluster.await(() -> cluster.xdplb().status().at("/vips").isEmpty());
    cluster.await(() -> cluster.kubectl("get", "xft", "-o", "name").outOrFail().isBlank());
  }

  @Test
  void aCanaryGetsItsShare() {
    cluster.apply(promises().get("canary.yaml").slices());
    cluster.kubectl("apply", "-f", EXAMPLES.resolve("canary.yaml").toString()).outOrFail();
    cluster.await(() -> answered(web("203.0.113.30")));
    Map<String, Integer> answers = new TreeMap<>();
    answers.putAll(
        Clients.whoAnswers(cluster.lan().client().netns(), "203.0.113.30", 80, 500, SECOND));
    assertThat(answers.get(cluster.lan().backends().get(1).name())).isBetween(25, 80);
  }

  private boolean answered(Probe probe) {
    try {
      return probe.ask(cluster.lan().client().netns()) != null;
    } catch (IllegalStateException notYet) {
      return false;
    }
  }

  private static Probe web(String address) {
    String url = "http://" + (address.contains(":") ? "[" + address + "]" : address) + "/";
    return client -> Clients.curl(client, url, TRY);
  }

  private static Probe udp(String address) {
    return client -> Clients.udp(client, address, 53, "question", TRY);
  }

  private static Probe tcp(String address) {
    return client -> ClusterTest.echoFrom(client, address, 53);
  }
}
