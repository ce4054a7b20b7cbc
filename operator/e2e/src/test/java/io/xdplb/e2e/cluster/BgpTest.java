// SPDX-License-Identifier: Apache-2.0
package io.xdplb.e2e.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.testing.cluster.KubernetesCluster;
import io.xdplb.testing.cluster.KubernetesCluster.ContainerNode;
import io.xdplb.testing.cluster.RequiresCluster;
import io.xdplb.testing.kernel.Clients;
import io.xdplb.testing.kernel.Netns;
import io.xdplb.testing.kernel.RunningProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.io.TempDir;

/** A Service whose addresses all nodes announce by BGP; the client is its own router. */
@RequiresCluster
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class BgpTest {

  private static final Duration SECOND = Duration.ofSeconds(1);
  private static final int PODS = 3;
  private static final int LEAST_REQUESTS = 300;
  private static final String VIP4 = "203.0.113.80";
  private static final String VIP6 = "2001:db8:0:2::80";
  private static final List<String> URLS = List.of("http://" + VIP4, "http://[" + VIP6 + "]");

  private static final String OBJECTS =
      """
      apiVersion: xdplb.io/v1alpha1
      kind: BGPPeer
      metadata: {name: client}
      spec: {address: %s, asn: 64513, localASN: 64512}
      ---
      apiVersion: xdplb.io/v1alpha1
      kind: AnnouncementPolicy
      metadata: {name: routed}
      spec:
        addresses: ["%s/32", "%s/128"]
        bgp: {peers: [client], communities: ["64512:80"]}
      ---
      apiVersion: xdplb.io/v1alpha1
      kind: LoadBalancer
      metadata: {name: routed}
      spec:
        addresses: {requested: ["%s", "%s"]}
        listeners:
        - {name: http, protocol: TCP, port: 80, backends: [{serviceRef: {name: web, port: 80}}]}
        - {name: echo, protocol: TCP, port: 7000, backends: [{serviceRef: {name: web, port: 7000}}]}
      """;

  private final KubernetesCluster cluster;
  private final Netns client;
  private Xdplb xdplb;
  private Web web;
  private RunningProcess router;

  BgpTest(KubernetesCluster cluster) {
    this.cluster = cluster;
    client = cluster.client().netns();
  }

  @BeforeAll
  void install(@TempDir Path folder) throws IOException {
    xdplb = new Xdplb(cluster);
    xdplb.install("bgp.enabled=true");
    Path config = folder.resolve("bird.conf");
    Files.writeString(config, routerConfig());
    router =
        client.start(
            "/usr/sbin/bird",
            "-f",
            "-c",
            config.toString(),
            "-s",
            folder.resolve("ctl").toString());
    web = new Web(cluster, PODS);
    web.apply(OBJECTS.formatted(cluster.client().ipv4(), VIP4, VIP6, VIP4, VIP6));
    web.kubectl("wait", "--for=condition=Ready", "loadbalancer/routed", "--timeout=60s")
        .outOrFail();
  }

  private String routerConfig() {
    String sessions =
        cluster.nodes().stream()
            .map(
                node ->
                    """
                    protocol bgp %s {
                      local %s as 64513;
                      neighbor %s as 64512;
                      passive on;
                      bfd on;
                      ipv4 { import all; export none; };
                      ipv6 { import all; export none; };
                    }
                    """
                        .formatted(node.name(), cluster.client().ipv4(), node.ipv4()))
            .collect(Collectors.joining());
    return """
    router id %s;
    protocol device {}
    protocol bfd { interface "*" { min rx interval 200 ms; min tx interval 200 ms; }; }
    protocol kernel { ipv4 { export where bgp_community ~ [(64512, 80)]; }; merge paths on; }
    protocol kernel { ipv6 { export where bgp_community ~ [(64512, 80)]; }; merge paths on; }
    """
            .formatted(cluster.client().ipv4())
        + sessions;
  }

  @AfterAll
  void close() {
    cluster.kubectl("delete", "announcementpolicy", "routed", "--ignore-not-found");
    cluster.kubectl("delete", "bgppeer", "client", "--ignore-not-found");
    if (web != null) {
      web.kubectl("delete", "loadbalancer", "routed", "--wait=false");
      web.close();
    }
    if (router != null) {
      router.close();
    }
    if (xdplb != null) {
      xdplb.install();
    }
  }

  private long hops(String vip) {
    String route =
        vip.indexOf(':') < 0
            ? client.run("ip", "route", "show", vip)
            : client.run("ip", "-6", "route", "show", vip);
    return cluster.nodes().stream()
        .filter(
            node ->
                route.contains("via " + node.ipv4() + " ")
                    || route.contains("via " + node.ipv6() + " "))
        .count();
  }

  @Test
  @Order(1)
  void allNodesAnnounceAndEveryPodAnswers() {
    for (String vip : List.of(VIP4, VIP6)) {
      Web.until(vip + " has all next hops", () -> hops(vip) == cluster.nodes().size());
      assertThat(Clients.whoAnswers(client, vip, 80, 50, SECOND)).hasSize(PODS);
    }
    assertThat(
            cluster
                .kubectl("get", "bgppeer", "client", "-o", "jsonpath={.status.established}")
                .outOrFail())
        .isEqualTo("3");
    assertThat(
            web.get(
                "loadbalancer/routed", "{.status.conditions[?(@.type==\"Announced\")].message}"))
        .contains("BGP", "node1", "node2", "node3");
  }

  @Test
  @Order(2)
  void upgradeUnderLoadLosesNoRequest() {
    try (Load load = new Load(client, URLS)) {
      String roll = Long.toString(System.nanoTime());
      xdplb.install("bgp.enabled=true", "agent.podAnnotations.roll=t" + roll);
      load.mustHaveHadNoError(LEAST_REQUESTS);
    }
    Web.until("all next hops again", () -> hops(VIP4) == cluster.nodes().size());
  }

  @Test
  @Order(3)
  void aNodeThatIsExcludedWithdrawsAndLosesNoRequest() {
    ContainerNode node = cluster.node("node2");
    String label = "node.kubernetes.io/exclude-from-external-load-balancers";
    try (Load load = new Load(client, URLS)) {
      cluster.kubectl("label", "node", node.name(), label + "=").outOrFail();
      Web.until("withdrawn", () -> hops(VIP4) == cluster.nodes().size() - 1);
      cluster.kubectl("label", "node", node.name(), label + "-").outOrFail();
      Web.until("announced again", () -> hops(VIP4) == cluster.nodes().size());
      load.mustHaveHadNoError(LEAST_REQUESTS / 10);
    }
  }
}
