// SPDX-License-Identifier: Apache-2.0
package io.xdplb.e2e;

import static io.xdplb.e2e.Manifests.PORT;
import static io.xdplb.e2e.Manifests.balancer;
import static io.xdplb.e2e.Manifests.group;
import static io.xdplb.e2e.Manifests.service;
import static io.xdplb.e2e.Manifests.slices;
import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.api.v1alpha1.ForwardingTableSlice;
import io.xdplb.api.v1alpha1.NodeStateStatus;
import io.xdplb.testing.kernel.EchoServer;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A table of thousands of endpoints, which is stored in slices: two servers among many pods. */
class LargeTableTest extends ClusterTestCase {

  private static final String VIP = "203.0.113.30";
  private static final int PODS = 2500;
  private static final int A_SLICE = 500;
  private static final int FLOWS = 30;

  LargeTableTest() {
    super(2);
  }

  @Override
  void startServers() {
    cluster.lan().backends().forEach(host -> cluster.opened(EchoServer.start(host, PORT)));
    cluster
        .lan()
        .balancer()
        .netns()
        .ip("route add 10.77.0.0/16 via " + cluster.lan().backends().get(0).ipv4());
  }

  /** Nearly all flows go to the servers; what goes to pods is lost. */
  @BeforeEach
  void oneThatIsReady() {
    StringBuilder manifests = new StringBuilder(service("pods") + service("echo"));
    for (int slice = 0; slice < PODS / A_SLICE; slice++) {
      manifests.append(pods("pods-" + slice, slice * A_SLICE, A_SLICE));
    }
    cluster.apply(
        manifests
            + slices("echo", hosts(2))
            + balancer("large", List.of(VIP), PORT, group("pods", 1), group("echo", 1000)));
    cluster.awaitReady("large");
    assertThat(tableSlices()).hasSize(8);
  }

  @Test
  void itCarriesTrafficAndAPodsChangeIsFollowed() {
    mustAnswer();
    cluster.apply(pods("pods-new", PODS, 1));
    cluster.until("the pod is in the kernel's maps", () -> kernelHas(address(PODS)));
    cluster.killAgent();
    mustAnswer();
    cluster.apply(pods("pods-new", PODS + 1, 1));
    cluster.startAgent();
    cluster.until("the next one is too", () -> kernelHas(address(PODS + 1)));
    cluster.awaitReady("large");

    cluster.kubectl("delete", "endpointslices", "-l", "kubernetes.io/service-name=pods");
    cluster.until("one object is enough again", () -> tableSlices().isEmpty());
    cluster.awaitReady("large");
    mustAnswer();
  }

  /** Somebody has deleted a slice, no operator runs, and the agent starts anew. */
  @Test
  void anAgentThatMissesASliceLeavesTheKernelAsItIsAndSaysSo() {
    cluster.killOperator();
    cluster.killAgent();
    ForwardingTableSlice missing = tableSlices().get(0);
    cluster.client().resource(missing).delete();
    cluster.startAgent();
    cluster.until(
        "the node says so",
        () ->
            cluster.nodeState().map(NodeStateStatus::exceptions).stream()
                .flatMap(List::stream)
                .anyMatch(
                    e ->
                        e.reason().equals("SlicesMissing")
                            && e.message().contains(missing.getMetadata().getName())));
    mustAnswer();
    assertThat(kernelHas(address(PODS - 1))).isTrue();
    cluster.startOperator();
    cluster.awaitReady("large");
    cluster.until(
        "the exception is gone",
        Duration.ofSeconds(10),
        () ->
            cluster
                .nodeState()
                .map(s -> s.exceptions() == null || s.exceptions().isEmpty())
                .orElse(false));
    assertThat(tableSlices())
        .anyMatch(s -> s.getMetadata().getName().equals(missing.getMetadata().getName()));
  }

  private List<ForwardingTableSlice> tableSlices() {
    return cluster
        .client()
        .resources(ForwardingTableSlice.class)
        .inNamespace(cluster.namespace())
        .list()
        .getItems();
  }

  private boolean kernelHas(String address) {
    return cluster.vips().stream()
        .allMatch(
            vip ->
                vip.backends().stream()
                    .anyMatch(backend -> backend.key().address().toString().equals(address)));
  }

  /** The servers answer, and few flows go to pods. */
  private void mustAnswer() {
    Map<String, Long> answers =
        IntStream.range(0, FLOWS)
            .mapToObj(i -> Echo.server(client(), VIP, PORT, Duration.ofMillis(500)))
            .flatMap(Optional::stream)
            .collect(Collectors.groupingBy(server -> server, Collectors.counting()));
    assertThat(answers).containsOnlyKeys("http1", "http2");
    assertThat(answers.values().stream().mapToLong(Long::longValue).sum())
        .isGreaterThan(FLOWS * 3 / 4);
  }

  /** There is a way there, and nobody. */
  private static String address(int pod) {
    return "10.77." + pod / 250 + "." + (1 + pod % 250);
  }

  private static String pods(String slice, int first, int count) {
    return """
        ---
        apiVersion: discovery.k8s.io/v1
        kind: EndpointSlice
        metadata:
          name: %s
          labels: {kubernetes.io/service-name: pods}
        addressType: IPv4
        ports:
        - {name: tcp, protocol: TCP, port: 7}
        - {name: udp, protocol: UDP, port: 7}
        endpoints: [%s]
        """
        .formatted(
            slice,
            IntStream.range(first, first + count)
                .mapToObj(pod -> "{addresses: [\"" + address(pod) + "\"]}")
                .collect(Collectors.joining(", ")));
  }
}
