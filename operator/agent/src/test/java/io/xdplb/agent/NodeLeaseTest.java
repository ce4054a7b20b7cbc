// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.coordination.v1.Lease;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.xdplb.api.v1alpha1.NodeLeases;
import io.xdplb.testing.apiserver.KubernetesApi;
import io.xdplb.testing.apiserver.RequiresApiServer;
import java.time.Clock;
import java.time.Duration;
import java.time.ZonedDateTime;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

@RequiresApiServer
class NodeLeaseTest {
  private final KubernetesApi api;

  NodeLeaseTest(KubernetesApi api) {
    this.api = api;
  }

  private static Lease lease(KubernetesClient client, String namespace, String node) {
    return client.leases().inNamespace(namespace).withName(NodeLeases.nameOf(node)).get();
  }

  @Test
  void isRenewedAgainAndAgainAlsoWhenSomebodyDeletedItAndStaysWhenTheAgentStops() {
    String namespace = api.newNamespace("lease");
    try (KubernetesClient client = new KubernetesClientBuilder().withConfig(api.config()).build();
        NodeLease renewing =
            new NodeLease(client, namespace, "node-a", () -> 3, Clock.systemUTC())) {
      renewing.start();
      await(() -> lease(client, namespace, "node-a") != null);
      Lease first = lease(client, namespace, "node-a");
      assertThat(first.getSpec().getHolderIdentity()).isEqualTo("node-a");
      assertThat(first.getSpec().getLeaseDurationSeconds()).isEqualTo(3);
      ZonedDateTime renewed = first.getSpec().getRenewTime();
      await(() -> lease(client, namespace, "node-a").getSpec().getRenewTime().isAfter(renewed));

      client.resource(first).delete();
      await(() -> lease(client, namespace, "node-a") != null);
      renewing.close();
      assertThat(lease(client, namespace, "node-a")).isNotNull();
    }
  }

  @Test
  void largeClustersRenewLessOften() {
    assertThat(NodeLease.interval(0)).isEqualTo(Duration.ofSeconds(1));
    assertThat(NodeLease.interval(25)).isEqualTo(Duration.ofSeconds(1));
    assertThat(NodeLease.interval(50)).isEqualTo(Duration.ofSeconds(2));
    assertThat(NodeLease.interval(5000)).isEqualTo(Duration.ofSeconds(200));
  }

  @Test
  void namesAreValidAndApartHoweverLongTheNodesAre() {
    String one = "a".repeat(252) + "1";
    String two = "a".repeat(252) + "2";
    assertThat(NodeLeases.nameOf(one)).hasSize(253).isNotEqualTo(NodeLeases.nameOf(two));
    assertThat(NodeLeases.nameOf("n1")).isEqualTo("xdplb-agent-n1");
  }

  private static void await(java.util.concurrent.Callable<Boolean> condition) {
    Awaitility.await().atMost(Duration.ofSeconds(10)).until(condition);
  }
}
