// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import static io.xdplb.controller.TestCluster.condition;
import static io.xdplb.controller.TestCluster.staticSpec;
import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.testing.apiserver.KubernetesApi;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** On which nodes there should be an agent, by the Pods of the DaemonSet, and what that is for. */
class AgentPodsTest extends OperatorTestCase {

  AgentPodsTest(KubernetesApi api) {
    super(api);
  }

  @BeforeEach
  void knowTheAgentsPods() {
    operator.restart(
        settings -> settings.withSettle(TestOperator.SETTLE).withAgentPods("app=agent"));
  }

  @Test
  void aNodeWhoseAgentHasNeverReportedIsWaitedForUntilItsNodeIsGone() {
    List.of("node-1", "node-2", "node-3").forEach(node -> cluster.node(node));
    TestAgent first = new TestAgent(cluster.client, "node-1");
    cluster.agentPodOn("node-1");
    cluster.create("web", staticSpec("203.0.113.43", 80, "198.51.100.1"));
    cluster.awaitTakers("web", "198.51.100.1:8080");
    first.followsAll();
    cluster.awaitCondition("web", "Ready", "True", "Ready");

    // Of nodes that get a Pod now, whether or not there is room for it.
    cluster.agentPodOn("node-2");
    cluster.agentPodMadeFor("node-3");
    LoadBalancer waiting =
        cluster.awaitMessage("web", "Programmed", "not reported yet from: node-2, node-3;");
    assertThat(condition(waiting, "Ready").orElseThrow().getReason()).isEqualTo("NodesLagging");
    assertThat(waiting.getStatus().desiredNodes()).isEqualTo(3);
    assertThat(waiting.getStatus().programmedNodes()).isEqualTo(1);

    TestAgent second = new TestAgent(cluster.client, "node-2");
    second.followsAll();
    cluster.awaitMessage("web", "Programmed", "not reported yet from: node-3;");
    cluster.client.nodes().withName("node-3").delete();
    LoadBalancer ready = cluster.awaitCondition("web", "Ready", "True", "Ready");
    assertThat(ready.getStatus().desiredNodes()).isEqualTo(2);

    // And of one whose Pod comes before its Node is seen.
    cluster.agentPodOn("node-4");
    cluster.node("node-4");
    cluster.awaitMessage("web", "Programmed", "not reported yet from: node-4;");
    cluster.removeAgentPod("node-4");
    cluster.awaitCondition("web", "Ready", "True", "Ready");
  }

  @Test
  void podsWithOtherLabelsOrOfAnotherNamespaceAreNoAgents() {
    List.of("node-1", "node-2", "node-3").forEach(node -> cluster.node(node));
    TestAgent agent = new TestAgent(cluster.client, "node-1");
    cluster.pod("default", "other", "something", pod -> pod.withNodeName("node-2"));
    cluster.pod(cluster.namespace, "elsewhere", "agent", pod -> pod.withNodeName("node-3"));
    cluster.create("web", staticSpec("203.0.113.44", 80, "198.51.100.1"));
    cluster.awaitTakers("web", "198.51.100.1:8080");
    agent.followsAll();
    assertThat(cluster.awaitCondition("web", "Ready", "True", "Ready").getStatus().desiredNodes())
        .isEqualTo(1);
  }
}
