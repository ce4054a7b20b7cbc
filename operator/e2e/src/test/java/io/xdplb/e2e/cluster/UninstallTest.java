// SPDX-License-Identifier: Apache-2.0
package io.xdplb.e2e.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.testing.cluster.KubernetesCluster;
import io.xdplb.testing.cluster.KubernetesCluster.ContainerNode;
import io.xdplb.testing.cluster.RequiresCluster;
import io.xdplb.testing.kernel.Clients;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** What is left of it when it has gone. */
@RequiresCluster
class UninstallTest {

  private static final String LOAD_BALANCER =
      """
      apiVersion: xdplb.io/v1alpha1
      kind: LoadBalancer
      metadata: {name: web}
      spec:
        addresses: {requested: ["203.0.113.30"]}
        listeners:
        - {name: http, protocol: TCP, port: 80, backends: [{serviceRef: {name: web, port: 80}}]}
      """;

  private final KubernetesCluster cluster;

  UninstallTest(KubernetesCluster cluster) {
    this.cluster = cluster;
  }

  @Test
  void uninstallingLeavesNothingOnAnyNode() {
    Xdplb xdplb = new Xdplb(cluster);
    xdplb.install();
    try (Web web = new Web(cluster, 2)) {
      web.apply(LOAD_BALANCER);
      web.kubectl("wait", "--for=condition=Ready", "loadbalancer/web", "--timeout=60s").outOrFail();
      assertThat(
              Clients.curl(cluster.client().netns(), "http://203.0.113.30", Duration.ofSeconds(1)))
          .contains("Hostname: web-");
      for (ContainerNode node : cluster.nodes()) {
        assertThat(cluster.programsOn(node)).as(node.name()).contains("eth0");
        assertThat(pins(node)).as(node.name()).contains("xdplb");
      }
      xdplb.uninstall();
    }
    for (ContainerNode node : cluster.nodes()) {
      assertThat(cluster.programsOn(node)).as(node.name()).doesNotContain("eth0");
      assertThat(pins(node)).as(node.name()).doesNotContain("xdplb");
    }
    Web.until(
        "the last pods have ended",
        () -> xdplb.kubectl("get", "all", "-o", "name").outOrFail().isEmpty());
    assertThat(
            cluster
                .kubectl("get", "clusterroles,clusterrolebindings,nodestates", "-o", "name")
                .outOrFail())
        .doesNotContain("xdplb");
  }

  private String pins(ContainerNode node) {
    return cluster.onNode(node, "ls", "/sys/fs/bpf").outOrFail();
  }
}
