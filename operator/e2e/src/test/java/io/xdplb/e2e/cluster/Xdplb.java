// SPDX-License-Identifier: Apache-2.0
package io.xdplb.e2e.cluster;

import io.xdplb.testing.Checkout;
import io.xdplb.testing.apiserver.Command;
import io.xdplb.testing.apiserver.KubernetesApi.Kubectl;
import io.xdplb.testing.cluster.KubernetesCluster;
import io.xdplb.testing.cluster.KubernetesCluster.ContainerNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/** This checkout's xdplb in the cluster: its image on the nodes, the operator and the agents. */
final class Xdplb {

  static final String NAMESPACE = "xdplb-system";

  private final KubernetesCluster cluster;

  /** Makes the image and gives it to the nodes. */
  Xdplb(KubernetesCluster cluster) {
    this.cluster = cluster;
    Kubectl image = Command.run("", List.of(Checkout.path("operator/image/build.sh").toString()));
    String[] lines = image.outOrFail().strip().split("\n");
    cluster.load(Path.of(lines[lines.length - 1]));
  }

  /** Returns when the operator and an agent on each node run. */
  void install() {
    cluster.installCrds();
    cluster.kubectlWithInput(manifest(), "apply", "-f", "-").outOrFail();
    awaitRollout();
  }

  void awaitRollout() {
    for (String workload : List.of("daemonset/xdplb-agent", "deployment/xdplb-operator")) {
      kubectl("rollout", "status", workload, "--timeout=" + Web.DEADLINE.toSeconds() + "s")
          .outOrFail();
    }
    Web.until("every node has a NodeState", () -> nodeStates() == cluster.nodes().size());
  }

  private long nodeStates() {
    return cluster.kubectl("get", "nodestates", "-o", "name").outOrFail().lines().count();
  }

  Kubectl kubectl(String... arguments) {
    return cluster.kubectl(
        Stream.concat(Stream.of("--namespace=" + NAMESPACE), Arrays.stream(arguments))
            .toArray(String[]::new));
  }

  /** The agent's pod on a node. */
  String agentOn(ContainerNode node) {
    return kubectl(
            "get",
            "pods",
            "-l",
            "app=xdplb-agent",
            "--field-selector=spec.nodeName=" + node.name(),
            "-o",
            "jsonpath={.items[0].metadata.name}")
        .outOrFail();
  }

  private static String manifest() {
    try (var in = Xdplb.class.getResourceAsStream("/xdplb.yaml")) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
