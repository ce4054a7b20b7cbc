// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import static io.xdplb.controller.TestCluster.condition;
import static io.xdplb.controller.TestCluster.message;
import static io.xdplb.controller.TestCluster.staticSpec;
import static io.xdplb.controller.TestCluster.until;
import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.NodeBuilder;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.xdplb.api.v1alpha1.AddressPool;
import io.xdplb.api.v1alpha1.AddressPoolSpec;
import io.xdplb.api.v1alpha1.AnnouncementPolicySpec;
import io.xdplb.api.v1alpha1.AnnouncementPolicySpec.Bgp;
import io.xdplb.api.v1alpha1.AnnouncementPolicySpec.L2;
import io.xdplb.api.v1alpha1.BGPPeer;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.api.v1alpha1.NodeStateStatus.Announcing;
import io.xdplb.api.v1alpha1.NodeStateStatus.Duplicate;
import io.xdplb.api.v1alpha1.NodeStateStatus.Session;
import io.xdplb.api.v1alpha1.Selector;
import io.xdplb.testing.apiserver.KubernetesApi;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What is said of announcing, on a real API server, by what nodes report. */
class AnnouncingTest extends OperatorTestCase {

  private static final String VIP = "203.0.113.60";
  private static final AnnouncementPolicySpec L2_OF_ALL =
      new AnnouncementPolicySpec(null, null, null, new L2(null), null);
  private static final AnnouncementPolicySpec BGP_OF_ALL =
      new AnnouncementPolicySpec(null, null, null, null, new Bgp(null, null, null, null));

  private TestAgent first;
  private TestAgent second;

  AnnouncingTest(KubernetesApi api) {
    super(api);
  }

  @BeforeEach
  void twoNodes() {
    cluster.node("node-1", "198.51.100.1");
    cluster.node("node-2", "198.51.100.2");
    first = new TestAgent(cluster.client, "node-1");
    second = new TestAgent(cluster.client, "node-2");
  }

  @Test
  void withoutAPolicyReadyDoesNotWaitAndWithOneItDoes() {
    programmed("web", VIP);
    LoadBalancer unmanaged = cluster.awaitCondition("web", "Ready", "True", "Ready");
    assertThat(condition(unmanaged, "Announced").orElseThrow().getReason()).isEqualTo("NotManaged");
    cluster.policy("all", L2_OF_ALL);
    cluster.awaitCondition("web", "Ready", "False", "NoEligibleNode");
    first.announces(l2(VIP));
    LoadBalancer ready = cluster.awaitCondition("web", "Ready", "True", "Ready");
    assertThat(message(ready, "Announced")).isEqualTo(VIP + " by ARP from node-1.");
    until(
        "Events say so",
        () ->
            cluster
                .events("web")
                .containsAll(List.of("Warning NoEligibleNode", "Normal Announced")));
    assertThat(cluster.events("web")).doesNotContain("Normal Announcing");
    cluster.client.resources(io.xdplb.api.v1alpha1.AnnouncementPolicy.class).delete();
    cluster.awaitCondition("web", "Announced", "Unknown", "NotManaged");
  }

  /** Longer than a takeover lasts it says nothing; then it does. */
  @Test
  void anotherOwnerIsNamedAndAMomentWithoutOneIsNotSaid() throws InterruptedException {
    operator.restart(Duration.ofSeconds(3));
    cluster.policy("all", L2_OF_ALL);
    first.announces(l2(VIP));
    second.announces(l2());
    programmed("web", VIP);
    LoadBalancer ready = cluster.awaitCondition("web", "Announced", "True", "Announced");
    List<String> events = cluster.events("web");

    first.announces(l2());
    Thread.sleep(500);
    assertThat(condition(cluster.balancer("web"), "Announced"))
        .isEqualTo(condition(ready, "Announced"));
    second.announces(l2(VIP));
    LoadBalancer moved = cluster.awaitMessage("web", "Announced", "from node-2.");
    assertThat(condition(moved, "Announced").orElseThrow().getLastTransitionTime())
        .isEqualTo(condition(ready, "Announced").orElseThrow().getLastTransitionTime());
    assertThat(cluster.events("web")).isEqualTo(events);

    second.announces(l2());
    LoadBalancer lost = cluster.awaitCondition("web", "Announced", "False", "NoEligibleNode");
    assertThat(condition(lost, "Reconciling")).isPresent();
    assertThat(message(lost, "Announced")).contains("of node-1, node-2 one should");
  }

  @Test
  void whatAnAgentSaidCountsForAsLongAsItLives() {
    cluster.policy("all", L2_OF_ALL);
    first.isAlive(3600);
    first.announces(l2(VIP));
    programmed("web", VIP);
    cluster.awaitCondition("web", "Announced", "True", "Announced");
    first.isAlive(1);
    cluster.awaitCondition("web", "Announced", "False", "NoEligibleNode");
    first.isAlive(3600);
    cluster.awaitCondition("web", "Announced", "True", "Announced");
  }

  @Test
  void somebodyElsesAddressIsSaidAtOnce() {
    cluster.policy("all", L2_OF_ALL);
    first.announces(
        new Announcing(
            1L, null, null, List.of(new Duplicate(VIP, "eth0", "02:00:00:00:00:01")), null));
    programmed("web", VIP);
    LoadBalancer refused = cluster.awaitCondition("web", "Ready", "False", "DuplicateAddress");
    assertThat(message(refused, "Announced")).contains("02:00:00:00:00:01", "eth0 of node-1");
  }

  @Test
  void whyNoNodeIsEligibleIsSaidAndFollowsTheNodes() {
    cluster.policy(
        "edge",
        new AnnouncementPolicySpec(
            null, null, new Selector(Map.of("edge", "yes"), null), new L2(null), null));
    programmed("web", VIP);
    cluster.awaitMessage("web", "Announced", "policy edge selects no node that has an agent");
    cluster.awaitPolicy("edge", "False", "NoSelectedNode");
    label(
        "node-1",
        Map.of("edge", "yes", "node.kubernetes.io/exclude-from-external-load-balancers", ""));
    cluster.awaitMessage("web", "Announced", "every node that policy edge selects is excluded");
    label("node-2", Map.of("edge", "yes"));
    cluster.awaitPolicy("edge", "True", "Ready");
    cluster.awaitMessage("web", "Announced", "none of the selected nodes has a vote");
    second.reaches(1);
    cluster.awaitMessage("web", "Announced", "of node-2 one should");
    cluster.policy(
        "other",
        new AnnouncementPolicySpec(null, List.of("203.0.113.0/28"), null, new L2(null), null));
    cluster.create("outside", staticSpec("198.51.100.2", 80, "198.51.100.9"));
    cluster.awaitMessage("outside", "Announced", "is an address of node-2 itself");
    cluster
        .client
        .resources(io.xdplb.api.v1alpha1.AnnouncementPolicy.class)
        .withName("edge")
        .delete();
    cluster.awaitCondition("web", "Announced", "False", "NoMatchingPolicy");
  }

  @Test
  void sessionsAreSaidAtThePeerAndAtWhomTheyAreMissedBy() {
    cluster.policy("bgp", BGP_OF_ALL);
    cluster.awaitPolicy("bgp", "False", "PeerNotFound");
    cluster.peer("tor-1");
    cluster.awaitPolicy("bgp", "True", "Ready");
    cluster.awaitPeer("tor-1", "False", "Connecting");
    programmed("web", VIP);
    Session up = new Session("tor-1", "Established", null);
    Session down = new Session("tor-1", "Active", "connection refused");
    first.announces(bgp(List.of(), down));
    second.announces(bgp(List.of(), down));
    BGPPeer lost = cluster.awaitPeer("tor-1", "False", "SessionDown");
    assertThat(lost.getStatus().nodes()).isEqualTo(2);
    assertThat(lost.getStatus().established()).isZero();
    assertThat(
            Conditions.of(lost.getStatus().conditions(), "Established").orElseThrow().getMessage())
        .isEqualTo(
            "No session with: node-1 (Active: connection refused), node-2 (Active: connection"
                + " refused).");
    cluster.awaitCondition("web", "Ready", "False", "SessionDown");
    cluster.awaitMessage("web", "Announced", "no session with tor-1 from node-1 (Active: conn");

    first.announces(bgp(List.of(VIP), up));
    LoadBalancer ready = cluster.awaitCondition("web", "Ready", "True", "Ready");
    assertThat(message(ready, "Announced")).isEqualTo(VIP + " by BGP from node-1.");
    second.announces(bgp(List.of(VIP), up));
    BGPPeer established = cluster.awaitPeer("tor-1", "True", "Ready");
    assertThat(established.getStatus().established()).isEqualTo(2);
    cluster.awaitMessage("web", "Announced", "by BGP from node-1, node-2.");
    until(
        "Events say so",
        () ->
            cluster
                .clusterEvents("BGPPeer", "tor-1")
                .containsAll(List.of("Warning SessionDown", "Normal Ready")));
    assertThat(cluster.clusterEvents("BGPPeer", "tor-1")).doesNotContain("Warning Connecting");
  }

  @Test
  void whatAPolicyNamesHasToExist() {
    cluster.policy(
        "named",
        new AnnouncementPolicySpec(
            List.of("edge-pool"),
            null,
            null,
            null,
            new Bgp(List.of("tor-8", "tor-9"), null, null, null)));
    cluster.awaitPolicy("named", "False", "PoolNotFound");
    AddressPool pool = new AddressPool();
    pool.setMetadata(new ObjectMetaBuilder().withName("edge-pool").build());
    pool.setSpec(new AddressPoolSpec(List.of(AddressPoolSpec.Block.of("203.0.113.64/28"))));
    cluster.client.resource(pool).create();
    try {
      cluster.peer("tor-8");
      assertThat(
              Conditions.of(
                      cluster
                          .awaitPolicy("named", "False", "PeerNotFound")
                          .getStatus()
                          .conditions(),
                      "ResolvedRefs")
                  .orElseThrow()
                  .getMessage())
          .contains("tor-9")
          .doesNotContain("tor-8");
      cluster.peer("tor-9");
      cluster.awaitPolicy("named", "True", "Ready");
      cluster.policy(
          "broken",
          new AnnouncementPolicySpec(
              null, null, null, null, new Bgp(null, List.of("65536:1"), null, null)));
      assertThat(
              Conditions.of(
                  cluster.awaitPolicy("broken", "False", "InvalidSpec").getStatus().conditions(),
                  "Stalled"))
          .isPresent();
    } finally {
      cluster.client.resource(pool).delete();
    }
  }

  /**
   * A node is lost, and its addresses go to others: each LoadBalancer is looked at, and no other.
   */
  @Test
  void anOwnerChangeOfManyAddressesLooksOnlyAtThese() {
    int many = 100;
    cluster.policy("all", L2_OF_ALL);
    List<String> addresses =
        IntStream.range(0, many).mapToObj(i -> "203.0.113." + (100 + i)).toList();
    List<String> all = new ArrayList<>(addresses);
    all.add(VIP);
    first.announces(l2(all.toArray(String[]::new)));
    for (int i = 0; i < many; i++) {
      cluster.create("many-" + i, staticSpec(addresses.get(i), 80, "198.51.100.9"));
    }
    cluster.create("bystander", staticSpec(VIP, 80, "198.51.100.9"));
    until("tables are there", () -> cluster.tables().size() == many + 1);
    first.announces(l2(all.toArray(String[]::new)));
    second.announces(l2());
    until("all are ready", () -> readyBalancers() == many + 1);
    quiet();
    int before = reconciliations(many);
    int bystander = operator.reconciliations("bystander");

    first.announces(l2(VIP));
    second.announces(l2(addresses.toArray(String[]::new)));
    until(
        "all say so",
        () ->
            cluster.balancers().stream()
                    .filter(b -> message(b, "Announced").contains("from node-2"))
                    .count()
                == many);
    quiet();
    assertThat(reconciliations(many) - before).isLessThanOrEqualTo(3 * many);
    assertThat(operator.reconciliations("bystander")).isEqualTo(bystander);
    assertThat(readyBalancers()).isEqualTo(many + 1);
  }

  private int reconciliations(int many) {
    return IntStream.range(0, many).map(i -> operator.reconciliations("many-" + i)).sum();
  }

  private long readyBalancers() {
    return cluster.balancers().stream()
        .filter(b -> StatusComposer.readiness(b.getStatus()).equals("True"))
        .count();
  }

  /** Until nothing is looked at any more. */
  private void quiet() {
    int[] last = {-1};
    until(
        "it is quiet",
        () -> {
          Thread.sleep(400);
          int now = reconciliations(100) + operator.reconciliations("bystander");
          boolean isQuiet = now == last[0];
          last[0] = now;
          return isQuiet;
        });
  }

  private void programmed(String name, String address) {
    cluster.create(name, staticSpec(address, 80, "198.51.100.9"));
    cluster.awaitTakers(name, "198.51.100.9:8080");
    first.followsAll();
    second.followsAll();
    cluster.awaitCondition(name, "Programmed", "True", "Programmed");
  }

  private void label(String node, Map<String, String> labels) {
    cluster
        .client
        .nodes()
        .withName(node)
        .edit(n -> new NodeBuilder(n).editMetadata().withLabels(labels).endMetadata().build());
  }

  private static Announcing l2(String... addresses) {
    return new Announcing(1L, List.of(addresses), null, null, null);
  }

  private static Announcing bgp(List<String> routes, Session... sessions) {
    return new Announcing(1L, null, routes, null, List.of(sessions));
  }
}
