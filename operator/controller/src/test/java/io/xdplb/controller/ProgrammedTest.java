// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import static io.xdplb.controller.TestCluster.condition;
import static io.xdplb.controller.TestCluster.message;
import static io.xdplb.controller.TestCluster.staticSpec;
import static io.xdplb.controller.TestCluster.until;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fabric8.kubernetes.api.model.Condition;
import io.xdplb.api.v1alpha1.ForwardingTable;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.core.model.ObjectName;
import io.xdplb.testing.apiserver.KubernetesApi;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** From what the nodes report to Programmed and Ready. */
class ProgrammedTest extends OperatorTestCase {

  ProgrammedTest(KubernetesApi api) {
    super(api);
  }

  @Test
  void withoutNodesNothingIsProgrammed() {
    cluster.create("web", staticSpec("203.0.113.30", 80, "198.51.100.1"));
    LoadBalancer balancer = cluster.awaitCondition("web", "Programmed", "False", "NoNodes");
    assertThat(balancer.getStatus().conditions())
        .extracting(Condition::getType)
        .containsExactly(
            "Accepted",
            "ResolvedRefs",
            "AddressAllocated",
            "Programmed",
            "Announced",
            "Ready",
            "Reconciling");
    assertThat(balancer.getStatus().desiredNodes()).isZero();
    assertThat(balancer.getStatus().programmedNodes()).isZero();
  }

  @Test
  void programmedWhenEveryNodeProvesItAndNotBefore() {
    TestAgent first = new TestAgent(cluster.client, "node-1");
    TestAgent second = new TestAgent(cluster.client, "node-2");
    cluster.create("web", staticSpec("203.0.113.31", 80, "198.51.100.1"));
    cluster.awaitTakers("web", "198.51.100.1:8080");
    cluster.awaitCondition("web", "Programmed", "False", "NodesLagging");
    first.followsAll();
    until("one has proven it", () -> cluster.balancer("web").getStatus().programmedNodes() == 1);
    LoadBalancer lagging = cluster.awaitCondition("web", "Ready", "False", "NodesLagging");
    assertThat(message(lagging, "Programmed")).contains("node-2").doesNotContain("node-1");
    second.followsAll();
    LoadBalancer ready = cluster.awaitCondition("web", "Ready", "True", "Ready");
    assertThat(condition(ready, "Programmed").orElseThrow().getStatus()).isEqualTo("True");
    assertThat(condition(ready, "Reconciling")).isEmpty();
    assertThat(condition(ready, "Stalled")).isEmpty();
    assertThat(ready.getStatus().desiredNodes()).isEqualTo(2);
    assertThat(ready.getStatus().programmedNodes()).isEqualTo(2);
    assertThat(ready.getStatus().observedGeneration())
        .isEqualTo(ready.getMetadata().getGeneration());
    until(
        "an Event says so",
        () -> cluster.events("web").containsAll(List.of("Normal Accepted", "Normal Programmed")));
  }

  @Test
  void atMostFiveLaggingNodesAreNamed() {
    for (int node = 1; node <= 7; node++) {
      new TestAgent(cluster.client, "node-" + node);
    }
    cluster.create("web", staticSpec("203.0.113.32", 80, "198.51.100.1"));
    LoadBalancer balancer = cluster.awaitCondition("web", "Programmed", "False", "NodesLagging");
    assertThat(message(balancer, "Programmed"))
        .contains("node-1, node-2, node-3, node-4, node-5 and others");
  }

  @Test
  void whatANodeCannotDoIsSaidWithItsReason() {
    TestAgent agent = new TestAgent(cluster.client, "node-1");
    cluster.create("web", staticSpec("203.0.113.33", 80, "198.51.100.1"));
    ForwardingTable table = cluster.awaitTakers("web", "198.51.100.1:8080");
    agent.cannot(table, "MapFull", "placing 203.0.113.33 in the VIP table: it is full");
    LoadBalancer balancer = cluster.awaitCondition("web", "Ready", "False", "MapFull");
    assertThat(message(balancer, "Programmed")).contains("node-1", "it is full");
    until("an Event says so", () -> cluster.events("web").contains("Warning MapFull"));
    agent.followsAll();
    cluster.awaitCondition("web", "Ready", "True", "Ready");
  }

  @Test
  void anInterfaceThatIsNotAttachedCountsAgainstAll() {
    TestAgent agent = new TestAgent(cluster.client, "node-1");
    cluster.create("a", staticSpec("203.0.113.34", 80, "198.51.100.1"));
    cluster.create("b", staticSpec("203.0.113.35", 80, "198.51.100.1"));
    cluster.awaitTakers("a", "198.51.100.1:8080");
    cluster.awaitTakers("b", "198.51.100.1:8080");
    agent.isDetached("XdpConflict", "attach eth1: EBUSY, another program is there");
    cluster.awaitCondition("a", "Programmed", "False", "XdpConflict");
    LoadBalancer balancer = cluster.awaitCondition("b", "Programmed", "False", "XdpConflict");
    assertThat(message(balancer, "Programmed")).contains("node-1", "eth1", "EBUSY");
    agent.followsAll();
    cluster.awaitCondition("a", "Programmed", "True", "Programmed");
    cluster.awaitCondition("b", "Programmed", "True", "Programmed");
  }

  @Test
  void anAgentWithoutASignOfLifeIsNamedUntilItIsBack() {
    TestAgent first = new TestAgent(cluster.client, "node-1");
    TestAgent second = new TestAgent(cluster.client, "node-2");
    first.isAlive(600);
    second.isAlive(1);
    cluster.create("web", staticSpec("203.0.113.38", 80, "198.51.100.1"));
    cluster.awaitTakers("web", "198.51.100.1:8080");
    first.followsAll();
    second.followsAll();
    LoadBalancer silent = cluster.awaitCondition("web", "Programmed", "Unknown", "NodesLagging");
    assertThat(message(silent, "Programmed")).contains("sign of life on: node-2.");
    assertThat(silent.getStatus().programmedNodes()).isEqualTo(1);
    cluster.awaitCondition("web", "Ready", "Unknown", "NodesLagging");

    second.isAlive(600);
    cluster.awaitCondition("web", "Ready", "True", "Ready");
    first.leaves();
    second.leaves();
  }

  @Test
  void aNodeThatLeavesIsNoLongerWaitedFor() {
    TestAgent first = new TestAgent(cluster.client, "node-1");
    TestAgent second = new TestAgent(cluster.client, "node-2");
    cluster.create("web", staticSpec("203.0.113.36", 80, "198.51.100.1"));
    cluster.awaitTakers("web", "198.51.100.1:8080");
    first.followsAll();
    cluster.awaitCondition("web", "Programmed", "False", "NodesLagging");
    second.leaves();
    LoadBalancer balancer = cluster.awaitCondition("web", "Programmed", "True", "Programmed");
    assertThat(balancer.getStatus().desiredNodes()).isEqualTo(1);
  }

  @Test
  void aChangedSpecIsNotProgrammedUntilItIsProvenAgain() {
    TestAgent agent = new TestAgent(cluster.client, "node-1");
    cluster.create("web", staticSpec("203.0.113.37", 80, "198.51.100.1"));
    cluster.awaitTakers("web", "198.51.100.1:8080");
    agent.followsAll();
    cluster.awaitCondition("web", "Programmed", "True", "Programmed");
    cluster.edit("web", staticSpec("203.0.113.37", 80, "198.51.100.2"));
    cluster.awaitCondition("web", "Programmed", "False", "Programming");
    cluster.awaitTakers("web", "198.51.100.2:8080");
    agent.followsAll();
    LoadBalancer again = cluster.awaitCondition("web", "Programmed", "True", "Programmed");
    assertThat(again.getStatus().observedGeneration()).isEqualTo(2);
  }

  @Test
  void aNeighbourInTheSameBucketThatChangesCostsNoProof() {
    TestAgent agent = new TestAgent(cluster.client, "node-1");
    List<String> names = sameBucket(2);
    String still = names.get(0);
    String changing = names.get(1);
    cluster.create(still, staticSpec("203.0.113.38", 80, "198.51.100.1"));
    cluster.create(changing, staticSpec("203.0.113.39", 80, "198.51.100.1"));
    cluster.awaitTakers(still, "198.51.100.1:8080");
    ForwardingTable old = cluster.awaitTakers(changing, "198.51.100.1:8080");
    agent.followsAll();
    String version =
        cluster
            .awaitCondition(still, "Programmed", "True", "Programmed")
            .getMetadata()
            .getResourceVersion();
    cluster.awaitCondition(changing, "Programmed", "True", "Programmed");
    cluster.edit(changing, staticSpec("203.0.113.39", 80, "198.51.100.2"));
    cluster.awaitTakers(changing, "198.51.100.2:8080");
    cluster.awaitCondition(changing, "Programmed", "False", "NodesLagging");
    agent.cannot(old, "MapFull", "full");
    cluster.awaitCondition(changing, "Programmed", "False", "MapFull");
    await("the neighbour's status stays")
        .during(TestOperator.SETTLE.multipliedBy(2))
        .atMost(Duration.ofSeconds(3))
        .until(() -> cluster.balancer(still).getMetadata().getResourceVersion().equals(version));

    // And a node that has lost it is found out, although its neighbour is no better.
    agent.holds(List.of());
    cluster.awaitCondition(still, "Programmed", "False", "NodesLagging");
  }

  @Test
  void endpointsThatComeAndGoLeaveAProgrammedStatusAlone() {
    operator.restart(Duration.ofSeconds(20));
    TestAgent agent = new TestAgent(cluster.client, "node-1");
    cluster.service("calm", 80);
    cluster.slice("calm", "calm", "IPv4", 8080, TestCluster.endpoint("198.51.100.1"));
    cluster.create("calm", TestCluster.serviceSpec("203.0.113.40", "calm", 80));
    cluster.awaitTakers("calm", "198.51.100.1:8080");
    agent.followsAll();
    cluster.awaitCondition("calm", "Ready", "True", "Ready");
    until("an Event says so", () -> cluster.events("calm").contains("Normal Programmed"));
    List<String> events = cluster.events("calm");
    String version = cluster.balancer("calm").getMetadata().getResourceVersion();
    for (int change = 2; change <= 6; change++) {
      String address = "198.51.100." + change;
      cluster.endpoints("calm", TestCluster.endpoint(address));
      cluster.awaitTakers("calm", address + ":8080");
      agent.followsAll();
    }
    await("the status stays")
        .during(Duration.ofMillis(600))
        .atMost(Duration.ofSeconds(3))
        .until(() -> cluster.balancer("calm").getMetadata().getResourceVersion().equals(version));
    assertThat(cluster.events("calm")).isEqualTo(events);
    operator.restart(TestOperator.SETTLE);
    cluster.endpoints("calm", TestCluster.endpoint("198.51.100.99"));
    cluster.awaitCondition("calm", "Programmed", "False", "NodesLagging");
  }

  @Test
  void theTransitionTimeMovesOnlyWithTheStatus() {
    cluster.create("web", staticSpec("203.0.113.41", 80, "198.51.100.1"));
    LoadBalancer before = cluster.awaitCondition("web", "Programmed", "False", "NoNodes");
    String since = condition(before, "Programmed").orElseThrow().getLastTransitionTime();
    until("a second later", () -> Instant.now().isAfter(Instant.parse(since).plusSeconds(1)));
    TestAgent agent = new TestAgent(cluster.client, "node-1");
    LoadBalancer lagging = cluster.awaitCondition("web", "Programmed", "False", "NodesLagging");
    assertThat(condition(lagging, "Programmed").orElseThrow().getLastTransitionTime())
        .isEqualTo(since);
    agent.followsAll();
    LoadBalancer programmed = cluster.awaitCondition("web", "Programmed", "True", "Programmed");
    assertThat(condition(programmed, "Programmed").orElseThrow().getLastTransitionTime())
        .isNotEqualTo(since);
    assertThat(condition(programmed, "Accepted").orElseThrow().getLastTransitionTime())
        .isEqualTo(condition(before, "Accepted").orElseThrow().getLastTransitionTime());
  }

  private List<String> sameBucket(int count) {
    List<String> names = new ArrayList<>();
    String bucket = TableEvidence.bucketOf(new ObjectName(cluster.namespace, "n0"));
    IntStream.iterate(0, i -> i + 1)
        .mapToObj(i -> "n" + i)
        .filter(
            name -> TableEvidence.bucketOf(new ObjectName(cluster.namespace, name)).equals(bucket))
        .limit(count)
        .forEach(names::add);
    return names;
  }
}
