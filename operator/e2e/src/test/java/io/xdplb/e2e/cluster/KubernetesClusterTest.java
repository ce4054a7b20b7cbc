// SPDX-License-Identifier: Apache-2.0
package io.xdplb.e2e.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.testing.cluster.KubernetesCluster;
import io.xdplb.testing.cluster.KubernetesCluster.ContainerNode;
import io.xdplb.testing.cluster.RequiresCluster;
import io.xdplb.testing.kernel.Clients;
import io.xdplb.testing.kernel.Netns;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** The cluster that the other tests run on is one, before anything of ours runs in it. */
@RequiresCluster
class KubernetesClusterTest {

  private static final Duration SECOND = Duration.ofSeconds(1);

  private final KubernetesCluster cluster;
  private final Netns client;

  KubernetesClusterTest(KubernetesCluster cluster) {
    this.cluster = cluster;
    client = cluster.client().netns();
  }

  @Test
  void podsOnAllNodesAnswerByNodePortAndByClusterIpInBothFamilies() {
    try (Web web = new Web(cluster, 3)) {
      assertThat(web.nodes()).containsExactlyInAnyOrder("node1", "node2", "node3");
      String port = web.get("service/web", "{.spec.ports[0].nodePort}");
      String[] addresses = web.get("service/web", "{.spec.clusterIPs[*]}").split(" ");
      assertThat(addresses).hasSize(2);
      for (ContainerNode node : cluster.nodes()) {
        answers("http://" + node.ipv4() + ":" + port);
        answers("http://[" + node.ipv6() + "]:" + port);
        for (String address : addresses) {
          String url = "http://" + (address.contains(":") ? "[" + address + "]" : address);
          assertThat(cluster.onNode(node, "curl", "-gsSf", "-m", "2", url).outOrFail())
              .contains("Hostname: web-");
        }
      }
      String[] families = web.get("endpointslices", "{.items[*].addressType}").split(" ");
      assertThat(families).containsExactlyInAnyOrder("IPv4", "IPv6");
    }
  }

  @Test
  void commandsRunInPods() {
    try (Web web = new Web(cluster, 1)) {
      // The image has no program but its own, which refuses to start: its address is taken.
      assertThat(web.kubectl("exec", web.pods().get(0), "--", "/echo").err())
          .contains("address already in use");
    }
  }

  /** kube-proxy learns of a pod a little later than the Deployment. */
  private void answers(String url) {
    Web.until(url + " answers", () -> Clients.curl(client, url, SECOND).contains("Hostname: web-"));
  }

  @Test
  void nodeThatRebootsComesBackFitForXdp() {
    ContainerNode node = cluster.node("node3");
    cluster.onNode(node, "mkdir", "/sys/fs/bpf/xdplb-test-left").outOrFail();
    cluster.restart(node);
    Web.until(
        "the API server has noticed, and the node is ready",
        () -> cluster.kubectl("get", "node", node.name()).outOrFail().contains(" Ready"));
    assertThat(cluster.onNode(node, "stat", "-fc", "%T", "/sys/fs/bpf").outOrFail().strip())
        .isEqualTo("bpf_fs");
    assertThat(cluster.onNode(node, "ls", "/sys/fs/bpf").outOrFail())
        .doesNotContain("xdplb-test-left");
    assertThat(cluster.onNode(node, "ethtool", "-k", "eth0").outOrFail())
        .contains("tx-checksumming: off");
  }
}
