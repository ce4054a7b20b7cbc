// SPDX-License-Identifier: Apache-2.0
package io.xdplb.e2e;

import static io.xdplb.e2e.Manifests.slicesOf;
import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.LoadBalancerIngress;
import io.fabric8.kubernetes.api.model.NodeBuilder;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSliceBuilder;
import io.xdplb.e2e.Manifests.Endpoint;
import io.xdplb.testing.kernel.EchoServer;
import io.xdplb.testing.kernel.Host;
import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

/** Services of type LoadBalancer, from {@code kubectl apply} to the answer of a pod. */
class ServicesTest extends ClusterTestCase {

  private static final int ECHO = 7;
  private static final List<String> VIPS = List.of("203.0.113.75", "2001:db8:0:2::75");

  private static final String SETTINGS =
      """
      ---
      apiVersion: xdplb.io/v1alpha1
      kind: LoadBalancer
      metadata: {name: settings}
      spec: {template: true, forwarding: {mode: NAT}}
      """;

  ServicesTest() {
    super(2);
  }

  @Override
  void startServers() {
    cluster.lan().backends().forEach(host -> cluster.opened(EchoServer.start(host, ECHO)));
  }

  @Test
  void aServiceTakesTrafficFollowsItsPortAndLeavesNothing() {
    cluster.apply(service(7007, "Cluster") + endpoints(hosts(2)));
    awaitAnswers(7007);
    assertThat(servers(7007)).containsOnlyKeys("http1", "http2");
    awaitIngress();
    assertThat(cluster.kubectl("get", "service", "echo", "-o", "wide").outOrFail()).contains(VIPS);

    cluster.apply(service(7008, "Cluster"));
    awaitAnswers(7008);
    cluster.until("the port that was given up is closed", () -> answer(7007).equals("nobody"));

    cluster.kubectl("delete", "service", "echo", "--timeout=20s").outOrFail();
    assertThat(cluster.vips()).as("in the kernel, when the Service is gone").isEmpty();
    assertThat(answer(7008)).isEqualTo("nobody");
    cluster.until("no LoadBalancer is left", () -> balancers() == 0);
  }

  @Test
  void aServiceThatIsConvertedStopsAndComesBack() {
    cluster.apply(service(7007, "Cluster") + endpoints(hosts(2)));
    awaitAnswers(7007);
    awaitIngress();
    cluster
        .kubectl(
            "patch",
            "service",
            "echo",
            "--type=merge",
            "-p",
            "{\"spec\": {\"type\": \"ClusterIP\", \"loadBalancerClass\": null,"
                + " \"allocateLoadBalancerNodePorts\": null, \"externalTrafficPolicy\": null}}")
        .outOrFail();
    cluster.until("it is off the node", () -> cluster.vips().isEmpty());
    cluster.until("it says no address", () -> ingress().isEmpty());
    assertThat(answer(7007)).isEqualTo("nobody");
    cluster.apply(service(7007, "Cluster"));
    awaitAnswers(7007);
    awaitIngress();
  }

  @Test
  void withTrafficPolicyLocalANodeUsesItsOwnPodsAndDropsWithoutAny() {
    String own = "node-" + cluster.namespace();
    List<Host> hosts = hosts(2);
    // The pods of this topology are not behind the node that balances, so DSR has no way back.
    cluster.apply(SETTINGS + service(7007, "Local") + endpoints(hosts));
    place(Map.of(hosts.get(0).ipv4(), own, hosts.get(0).ipv6(), own));
    awaitAnswers(7007);
    assertThat(servers(7007)).as("the other one is on another node").containsOnlyKeys("http1");
    // Nobody answers it here but the agent.
    cluster.until("the health check is answered", () -> healthCheck().startsWith("200 "));
    assertThat(healthCheck())
        .isEqualTo(
            "200 {\"service\":{\"namespace\":\"%s\",\"name\":\"echo\"},\"localEndpoints\":1}"
                .formatted(cluster.namespace()));

    place(Map.of());
    cluster.until("its own is gone", () -> answer(7007).equals("nobody"));
    cluster.until("the health check says so", () -> healthCheck().startsWith("503 "));
    int healthCheckPort = healthCheckPort();
    long dropped = cluster.xdplb().status().at("/drops/no_backend").asLong();
    assertThat(Echo.server(client(), VIPS.get(0), 7007, Duration.ofMillis(300))).isEmpty();
    assertThat(cluster.xdplb().status().at("/drops/no_backend").asLong())
        .as("dropped, not refused")
        .isGreaterThan(dropped);

    cluster
        .kubectl(
            "patch",
            "service",
            "echo",
            "-p",
            "{\"spec\": {\"externalTrafficPolicy\": \"Cluster\"}}")
        .outOrFail();
    awaitAnswers(7007);
    cluster.until("both are used", () -> servers(7007).size() == 2);
    cluster.until("the port is closed", () -> healthCheck(healthCheckPort).equals("nobody"));
  }

  private String healthCheck() {
    return healthCheck(healthCheckPort());
  }

  private int healthCheckPort() {
    return cluster
        .client()
        .services()
        .inNamespace(cluster.namespace())
        .withName("echo")
        .get()
        .getSpec()
        .getHealthCheckNodePort();
  }

  /** As another load balancer asks this node, from outside; the status and the body, or nobody. */
  private String healthCheck(int port) {
    URI uri = URI.create("http://" + cluster.lan().balancer().ipv4() + ":" + port + "/healthz");
    return client()
        .call(
            () -> {
              HttpURLConnection connection = (HttpURLConnection) uri.toURL().openConnection();
              connection.setConnectTimeout(1000);
              connection.setReadTimeout(1000);
              try {
                int status = connection.getResponseCode();
                try (InputStream body =
                    status < 400 ? connection.getInputStream() : connection.getErrorStream()) {
                  return status + " " + new String(body.readAllBytes(), StandardCharsets.UTF_8);
                }
              } catch (IOException e) {
                return "nobody";
              } finally {
                connection.disconnect();
              }
            });
  }

  @Test
  void withHintsForZonesANodeUsesThePodsForItsZoneAndFollowsBoth() {
    List<Host> hosts = hosts(2);
    zone("eu-1");
    cluster.apply(service(7007, "Cluster") + endpoints(hosts));
    hint(Map.of(hosts.get(0).ipv4(), "eu-1", hosts.get(0).ipv6(), "eu-1"));
    awaitAnswers(7007);
    cluster.until(
        "only what is for its zone", () -> servers(7007).keySet().equals(Set.of("http1")));

    try (LiveConnections connections = LiveConnections.open(client(), VIPS, 7007, 10)) {
      zone("elsewhere");
      cluster.until(
          "what is for the other zone", () -> servers(7007).keySet().equals(Set.of("http2")));
      connections.mustGoOn(Map.of("http1", 20));
    }
    zone("eu-3");
    cluster.until("nothing is for this zone: all", () -> servers(7007).size() == 2);
  }

  private void zone(String zone) {
    cluster
        .client()
        .nodes()
        .withName("node-" + cluster.namespace())
        .edit(
            node ->
                new NodeBuilder(node)
                    .editMetadata()
                    .addToLabels("topology.kubernetes.io/zone", zone)
                    .endMetadata()
                    .build());
  }

  /**
   * The pods with these addresses are for these zones, and all others for one that is elsewhere.
   */
  private void hint(Map<String, String> zones) {
    change(
        e ->
            e.edit()
                .withNewHints()
                .addNewForZone(zones.getOrDefault(e.getAddresses().get(0), "elsewhere"))
                .endHints()
                .build());
  }

  /** Puts the pods with these addresses on nodes, and all others on one that is elsewhere. */
  private void place(Map<String, String> nodes) {
    change(
        e ->
            e.edit()
                .withNodeName(nodes.getOrDefault(e.getAddresses().get(0), "elsewhere"))
                .build());
  }

  private void change(UnaryOperator<io.fabric8.kubernetes.api.model.discovery.v1.Endpoint> change) {
    for (EndpointSlice slice :
        cluster
            .client()
            .discovery()
            .v1()
            .endpointSlices()
            .inNamespace(cluster.namespace())
            .list()
            .getItems()) {
      cluster
          .client()
          .resource(
              new EndpointSliceBuilder(slice)
                  .withEndpoints(slice.getEndpoints().stream().map(change).toList())
                  .build())
          .update();
    }
  }

  private static String service(int port, String policy) {
    return """
        ---
        apiVersion: v1
        kind: Service
        metadata:
          name: echo
          annotations: {xdplb.io/addresses: "%s"%s}
        spec:
          type: LoadBalancer
          loadBalancerClass: xdplb.io/xdp
          allocateLoadBalancerNodePorts: false
          ipFamilyPolicy: RequireDualStack
          ipFamilies: [IPv4, IPv6]
          externalTrafficPolicy: %s
          ports:
          - {name: tcp, protocol: TCP, port: %d, targetPort: 7}
          - {name: udp, protocol: UDP, port: 53, targetPort: 7}
        """
        .formatted(
            String.join(",", VIPS),
            policy.equals("Local") ? ", xdplb.io/settings: settings" : "",
            policy,
            port);
  }

  private static String endpoints(List<Host> hosts) {
    return slicesOf("echo", hosts.stream().map(Endpoint::ready).toList());
  }

  private void awaitAnswers(int port) {
    cluster.until("it answers", () -> !answer(port).equals("nobody"));
  }

  private void awaitIngress() {
    cluster.until("the addresses are said", () -> ingress().equals(VIPS));
  }

  /** Of both families, or nobody. */
  private String answer(int port) {
    List<String> answers =
        VIPS.stream()
            .map(vip -> Echo.server(client(), vip, port, Duration.ofMillis(300)).orElse("nobody"))
            .distinct()
            .toList();
    return answers.contains("nobody") ? "nobody" : answers.get(0);
  }

  private Map<String, Integer> servers(int port) {
    return Echo.servers(client(), VIPS.get(0), port, 40);
  }

  private List<String> ingress() {
    Service service =
        cluster.client().services().inNamespace(cluster.namespace()).withName("echo").get();
    return service.getStatus().getLoadBalancer().getIngress() == null
        ? List.of()
        : service.getStatus().getLoadBalancer().getIngress().stream()
            .map(LoadBalancerIngress::getIp)
            .toList();
  }

  private int balancers() {
    return cluster
        .client()
        .resources(io.xdplb.api.v1alpha1.LoadBalancer.class)
        .inNamespace(cluster.namespace())
        .list()
        .getItems()
        .size();
  }
}
