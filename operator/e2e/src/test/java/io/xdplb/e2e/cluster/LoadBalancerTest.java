// SPDX-License-Identifier: Apache-2.0
package io.xdplb.e2e.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.testing.cluster.KubernetesCluster;
import io.xdplb.testing.cluster.KubernetesCluster.ContainerNode;
import io.xdplb.testing.cluster.RequiresCluster;
import io.xdplb.testing.kernel.Clients;
import io.xdplb.testing.kernel.Connections;
import io.xdplb.testing.kernel.Netns;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/** What a user sees of a LoadBalancer for a Service's pods, also while all around it changes. */
@RequiresCluster
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class LoadBalancerTest {

  private static final Duration SECOND = Duration.ofSeconds(1);
  private static final int PODS = 4;
  private static final String VIP4 = "203.0.113.20";
  private static final String VIP6 = "2001:db8:0:2::20";
  private static final List<String> URLS = List.of("http://" + VIP4, "http://[" + VIP6 + "]");

  /** In {@link #SECOND}s of {@link Load}, what it takes to see an error if there were some. */
  private static final int LEAST_REQUESTS = 500;

  private static final String LOAD_BALANCER =
      """
      apiVersion: xdplb.io/v1alpha1
      kind: LoadBalancer
      metadata: {name: web}
      spec:
        addresses: {requested: ["%s", "%s"]}
        listeners:
        - {name: http, protocol: TCP, port: 80, backends: [{serviceRef: {name: web, port: 80}}]}
        - {name: echo, protocol: TCP, port: 7000, backends: [{serviceRef: {name: web, port: 7000}}]}
      """
          .formatted(VIP4, VIP6);

  private final KubernetesCluster cluster;
  private final Netns client;
  private Xdplb xdplb;
  private Web web;

  LoadBalancerTest(KubernetesCluster cluster) {
    this.cluster = cluster;
    client = cluster.client().netns();
  }

  @BeforeAll
  void install() {
    xdplb = new Xdplb(cluster);
    xdplb.install();
    web = new Web(cluster, PODS);
    web.apply(LOAD_BALANCER);
    awaitReady();
  }

  @AfterAll
  void close() {
    if (web != null) {
      web.close();
    }
  }

  private void awaitReady() {
    web.kubectl("wait", "--for=condition=Ready", "loadbalancer/web", "--timeout=60s").outOrFail();
  }

  @Test
  void everyPodAnswersInBothFamiliesAndSeesTheClientsOwnAddress() {
    for (String vip : List.of(VIP4, VIP6)) {
      assertThat(Clients.whoAnswers(client, vip, 80, 50, SECOND)).hasSize(PODS);
    }
    assertThat(Clients.curl(client, URLS.get(0), SECOND)).contains("Client: 198.51.100.50\n");
    assertThat(Clients.curl(client, URLS.get(1), SECOND)).contains("Client: 2001:db8:0:1::50\n");
    for (String pod : web.pods()) {
      assertThat(web.log(pod))
          .contains("from client 198.51.100.50\n")
          .contains("from client 2001:db8:0:1::50\n");
    }
  }

  @Test
  void describeTellsWhatHappened() {
    String story = web.kubectl("describe", "loadbalancer", "web").outOrFail();
    assertThat(story)
        .contains("DSR to pods on nodes with an agent.")
        .contains("All that is asked for is in force on every node.");
  }

  @Test
  void rollingUpdateUnderLoadLosesNoRequest() {
    try (Load load = new Load(client, URLS)) {
      web.kubectl("set", "env", "deployment/web", "VERSION=2").outOrFail();
      web.awaitRollout();
      Web.until("the old pods are gone", () -> web.allPods() == PODS);
      load.mustHaveHadNoError(LEAST_REQUESTS);
    }
    assertThat(Clients.curl(client, URLS.get(0), SECOND)).contains("Version: 2");
  }

  @Test
  void killedAgentsLoseNoRequestAndNoConnection() {
    try (Load load = new Load(client, URLS);
        Connections connections =
            Connections.open(
                client, VIP4, 7000, 30, Duration.ofMillis(20), SECOND.multipliedBy(2))) {
      for (ContainerNode node : cluster.nodes()) {
        xdplb
            .kubectl("delete", "pod", xdplb.agentOn(node), "--grace-period=0", "--force")
            .outOrFail();
      }
      xdplb.awaitAgents();
      connections.awaitRounds(3);
      assertThat(connections.broken()).isEmpty();
      load.mustHaveHadNoError(LEAST_REQUESTS);
    }
    awaitReady();
  }

  @Test
  void upgradeUnderLoadLosesNoRequestAndNoConnection() {
    try (Load load = new Load(client, URLS);
        Connections connections =
            Connections.open(
                client, VIP4, 7000, 30, Duration.ofMillis(20), SECOND.multipliedBy(2))) {
      String roll = Long.toString(System.nanoTime());
      xdplb.install("agent.podAnnotations.roll=t" + roll, "operator.podAnnotations.roll=t" + roll);
      connections.awaitRounds(3);
      assertThat(connections.broken()).isEmpty();
      load.mustHaveHadNoError(LEAST_REQUESTS);
    }
    awaitReady();
  }

  @Test
  void frozenNodeLosesItsTrafficAndGetsItBack() {
    ContainerNode frozen = cluster.node(web.get("pods", "{.items[0].spec.nodeName}"));
    cluster.pause(frozen);
    try {
      Web.until(
          "the API server has given up the node",
          () -> cluster.kubectl("get", "node", frozen.name()).outOrFail().contains(" NotReady"));
      routeVia(cluster.nodes().stream().filter(node -> !node.equals(frozen)).toList());
      // For the first minute former owners of a slot are asked about what begins a connection, and
      // this node does not know that it has lost anything.
      Web.until(
          "nothing is sent there any more",
          Duration.ofSeconds(100),
          () -> onlyAnsweredElsewhere(frozen));
      try (Load load = new Load(client, URLS)) {
        Clients.whoAnswers(client, VIP4, 80, 200, SECOND);
        load.mustHaveHadNoError(LEAST_REQUESTS / 10);
      }
    } finally {
      cluster.resume(frozen);
      routeVia(cluster.nodes());
    }
    Web.until(
        "all pods answer again",
        () -> Clients.whoAnswers(client, VIP4, 80, 50, SECOND).size() == PODS);
    awaitReady();
  }

  /**
   * What announcements would tell a router: a frozen node's kernel goes on balancing as it was told
   * last, and nobody tells it that its own pods do not answer.
   */
  private void routeVia(List<ContainerNode> nodes) {
    client.ip(
        nodes.stream()
            .map(node -> " nexthop via " + node.ipv4())
            .collect(Collectors.joining("", "route replace 203.0.113.0/24", "")),
        nodes.stream()
            .map(node -> " nexthop via " + node.ipv6())
            .collect(Collectors.joining("", "route replace 2001:db8:0:2::/64", "")));
  }

  private boolean onlyAnsweredElsewhere(ContainerNode frozen) {
    Map<String, Integer> answers = Clients.whoAnswers(client, VIP4, 80, 50, SECOND);
    Clients.whoAnswers(client, VIP6, 80, 50, SECOND);
    return answers.keySet().stream()
        .noneMatch(pod -> web.get("pod/" + pod, "{.spec.nodeName}").equals(frozen.name()));
  }

  @Test
  void rebootedNodeBalancesAgain() {
    ContainerNode node = cluster.node("node3");
    cluster.restart(node);
    Web.until(
        "the node has an agent",
        () -> cluster.onNode(node, "ls", "/sys/fs/bpf").outOrFail().contains("xdplb"));
    xdplb.awaitAgents();
    awaitReady();
    client.ip("route add 203.0.113.20/32 via " + node.ipv4());
    try {
      Web.until(
          "all pods answer by way of it",
          () -> Clients.whoAnswers(client, VIP4, 80, 50, SECOND).size() == PODS);
    } finally {
      client.ip("route del 203.0.113.20/32");
    }
  }
}
