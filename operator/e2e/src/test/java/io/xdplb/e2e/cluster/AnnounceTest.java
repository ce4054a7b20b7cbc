// SPDX-License-Identifier: Apache-2.0
package io.xdplb.e2e.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.testing.cluster.KubernetesCluster;
import io.xdplb.testing.cluster.KubernetesCluster.ContainerNode;
import io.xdplb.testing.cluster.RequiresCluster;
import io.xdplb.testing.kernel.Clients;
import io.xdplb.testing.kernel.Netns;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestMethodOrder;

/**
 * A Service that a client on the nodes' LAN reaches without any route to a node: the nodes answer
 * ARP and NDP for its addresses, as an installation begins. One after the other, because nodes are
 * emptied and lost.
 */
@RequiresCluster
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class AnnounceTest {

  private static final Duration SECOND = Duration.ofSeconds(1);
  private static final int PODS = 4;
  private static final int LEAST_REQUESTS = 300;
  private static final String BLOCK4 = "203.0.113.64/28";
  private static final String BLOCK6 = "2001:db8:0:2::40/124";

  private static final String POOL =
      """
      apiVersion: xdplb.io/v1alpha1
      kind: AddressPool
      metadata: {name: announced}
      spec:
        blocks: [{cidr: "%s"}, {cidr: "%s"}]
        autoAssign: false
      """
          .formatted(BLOCK4, BLOCK6);

  private static final String SERVICE =
      """
      apiVersion: v1
      kind: Service
      metadata:
        name: announced
        annotations: {xdplb.io/pool: announced}
      spec:
        type: LoadBalancer
        loadBalancerClass: xdplb.io/xdp
        ipFamilyPolicy: RequireDualStack
        allocateLoadBalancerNodePorts: false
        selector: {app: web}
        ports: [{name: http, port: 80, targetPort: http}, {name: echo, port: 7000, targetPort: echo}]
      """;

  private final KubernetesCluster cluster;
  private final Netns client;
  private Xdplb xdplb;
  private Web web;
  private String vip4;
  private String vip6;
  private List<String> urls;
  private final Map<ContainerNode, String> macs = new HashMap<>();

  AnnounceTest(KubernetesCluster cluster) {
    this.cluster = cluster;
    client = cluster.client().netns();
  }

  @BeforeAll
  void install() {
    xdplb = new Xdplb(cluster);
    xdplb.install();
    web = new Web(cluster, PODS);
    for (ContainerNode node : cluster.nodes()) {
      macs.put(
          node, cluster.onNode(node, "cat", "/sys/class/net/eth0/address").outOrFail().strip());
    }
    client.ip(
        "route replace %s dev eth0".formatted(BLOCK4),
        "route replace %s dev eth0".formatted(BLOCK6));
    web.apply(POOL);
    Web.until("a Membership of all nodes", () -> members() == cluster.nodes().size());
    long start = System.nanoTime();
    web.apply(SERVICE);
    Web.until(
        "two addresses",
        () ->
            web.get("service/announced", "{.status.loadBalancer.ingress[*].ip}").split(" ").length
                == 2);
    List<String> ips =
        List.of(web.get("service/announced", "{.status.loadBalancer.ingress[*].ip}").split(" "));
    vip4 = ips.stream().filter(ip -> ip.indexOf(':') < 0).findFirst().orElseThrow();
    vip6 = ips.stream().filter(ip -> ip.indexOf(':') >= 0).findFirst().orElseThrow();
    urls = List.of("http://" + vip4, "http://[" + vip6 + "]");
    Web.until("an answer", () -> Clients.curl(client, urls.get(0), SECOND).contains("Hostname"));
    System.out.printf(
        "from kubectl apply to the first answer: %d ms%n", (System.nanoTime() - start) / 1_000_000);
  }

  private long members() {
    return cluster
        .kubectl("get", "membership", "xdplb", "-o", "jsonpath={.spec.members[*].node}")
        .outOrFail()
        .split(" ")
        .length;
  }

  @AfterAll
  void close() {
    if (web != null) {
      web.kubectl("delete", "service", "announced", "--wait=false");
      web.close();
    }
    cluster.kubectl("delete", "addresspool", "announced", "--wait=false");
    client.ip("route del %s dev eth0".formatted(BLOCK4), "route del %s dev eth0".formatted(BLOCK6));
  }

  /** The node that answers for the IPv4 address: whose hardware address the client has for it. */
  private ContainerNode owner() {
    Clients.curl(client, urls.get(0), SECOND);
    String neighbour = client.run("ip", "neigh", "show", vip4);
    return cluster.nodes().stream()
        .filter(node -> neighbour.contains(macs.get(node)))
        .findFirst()
        .orElseThrow(() -> new AssertionError("no node is " + neighbour));
  }

  private String announced() {
    return web.get(
        "loadbalancer/service-announced", "{.status.conditions[?(@.type==\"Announced\")].message}");
  }

  @Test
  @Order(1)
  void everyPodAnswersAndTheStatusSaysWhoAnnounces() {
    for (String vip : List.of(vip4, vip6)) {
      assertThat(Clients.whoAnswers(client, vip, 80, 50, SECOND)).hasSize(PODS);
    }
    Web.until("Announced says who", () -> announced().contains(owner().name()));
  }

  @Test
  @Order(2)
  void upgradeUnderLoadMovesNothingAndLosesNoRequest() {
    ContainerNode owner = owner();
    try (Load load = new Load(client, urls)) {
      String roll = Long.toString(System.nanoTime());
      xdplb.install("agent.podAnnotations.roll=t" + roll, "operator.podAnnotations.roll=t" + roll);
      load.mustHaveHadNoError(LEAST_REQUESTS);
    }
    Web.until("the same owner", () -> owner().equals(owner));
  }

  @Test
  @Order(3)
  void aCordonMovesNothingAndADrainLosesNoRequest() {
    ContainerNode owner = owner();
    try (Load load = new Load(client, urls)) {
      cluster.kubectl("cordon", owner.name()).outOrFail();
      assertThat(owner()).isEqualTo(owner);
      cluster
          .kubectl(
              "drain",
              owner.name(),
              "--ignore-daemonsets",
              "--delete-emptydir-data",
              "--timeout=60s")
          .outOrFail();
      web.awaitRollout();
      Web.until("the old pods are gone", () -> web.allPods() == PODS);
      load.mustHaveHadNoError(LEAST_REQUESTS);
    }
    assertThat(owner()).isEqualTo(owner);
  }

  /** It has no pods any more, so that its loss is only that of who answers. */
  @Test
  @Order(4)
  void aLostNodeIsReplacedWithinASecond() {
    ContainerNode lost = owner();
    try (Answers answers = Answers.from(client, vip4, 7000)) {
      cluster.onNode(lost, "ip", "link", "set", "eth0", "down").outOrFail();
      Web.until("another node has it", () -> !owner().equals(lost));
      Web.until("and the status says so", () -> announced().contains(owner().name()));
      Duration gap = answers.longestGap();
      System.out.printf("no answer for %d ms after a node's link was lost%n", gap.toMillis());
      assertThat(gap).isLessThan(SECOND);
    } finally {
      cluster.restart(lost);
      cluster.kubectl("uncordon", lost.name()).outOrFail();
    }
    xdplb.awaitAgents();
    assertThat(owner()).as("it takes nothing back").isNotEqualTo(lost);
  }

  @Test
  @Order(5)
  void aDeletedNodeIsReplacedWithinASecond() {
    ContainerNode deleted = owner();
    cluster
        .kubectl("drain", deleted.name(), "--ignore-daemonsets", "--delete-emptydir-data")
        .outOrFail();
    web.awaitRollout();
    try (Answers answers = Answers.from(client, vip4, 7000)) {
      cluster.kubectl("delete", "node", deleted.name()).outOrFail();
      Web.until("another node has it", () -> !owner().equals(deleted));
      Duration gap = answers.longestGap();
      System.out.printf("no answer for %d ms after a node was deleted%n", gap.toMillis());
      assertThat(gap).isLessThan(SECOND);
    } finally {
      cluster.restart(deleted);
    }
    xdplb.awaitAgents();
    Web.until("a Membership of all nodes", () -> members() == cluster.nodes().size());
  }
}
