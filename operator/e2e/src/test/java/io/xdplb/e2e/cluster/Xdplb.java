// SPDX-License-Identifier: Apache-2.0
package io.xdplb.e2e.cluster;

import io.xdplb.testing.Checkout;
import io.xdplb.testing.apiserver.Command;
import io.xdplb.testing.apiserver.KubernetesApi.Kubectl;
import io.xdplb.testing.cluster.KubernetesCluster;
import io.xdplb.testing.cluster.KubernetesCluster.ContainerNode;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/** This checkout's xdplb in the cluster, as its users get it: the image and the chart. */
final class Xdplb {

  static final String NAMESPACE = "xdplb-system";

  private static final String RELEASE = "xdplb";

  private final KubernetesCluster cluster;
  private final String helm;

  /** Makes the image and gives it to the nodes. */
  Xdplb(KubernetesCluster cluster) {
    this.cluster = cluster;
    helm = lastLineOf("operator/testing/kubernetes/helm.sh");
    cluster.load(Path.of(lastLineOf("operator/image/build.sh")));
  }

  private static String lastLineOf(String script) {
    Kubectl run = Command.run("", List.of("bash", Checkout.path(script).toString()));
    if (!run.succeeded()) {
      throw new IllegalStateException(script + " ended with " + run.exitCode() + ":\n" + run.err());
    }
    return run.out().lines().reduce((line, next) -> next).orElseThrow();
  }

  /**
   * {@code helm upgrade --install}: returns when the operators and an agent on each node are ready.
   *
   * @param settings {@code name=value}, as for {@code --set}
   */
  void install(String... settings) {
    helm(
        Stream.concat(
                Stream.of(
                    "upgrade",
                    "--install",
                    RELEASE,
                    Checkout.path("helm/xdplb").toString(),
                    "--create-namespace",
                    "--wait",
                    "--timeout=120s"),
                Arrays.stream(settings).flatMap(setting -> Stream.of("--set", setting)))
            .toArray(String[]::new));
    awaitAgents();
  }

  /** {@code helm uninstall}, with all that it does before. */
  void uninstall() {
    helm("uninstall", RELEASE, "--wait", "--timeout=120s");
  }

  /** Returns when all agents are ready and have said what they hold. */
  void awaitAgents() {
    kubectl(
            "rollout",
            "status",
            "daemonset/xdplb-agent",
            "--timeout=" + Web.DEADLINE.toSeconds() + "s")
        .outOrFail();
    Web.until("every node has a NodeState", () -> nodeStates() == cluster.nodes().size());
  }

  private long nodeStates() {
    return cluster.kubectl("get", "nodestates", "-o", "name").outOrFail().lines().count();
  }

  Kubectl kubectl(String... arguments) {
    return cluster.kubectl(
        Stream.concat(Stream.of("--namespace=" + NAMESPACE), Stream.of(arguments))
            .toArray(String[]::new));
  }

  /** The agent's pod on a node. */
  String agentOn(ContainerNode node) {
    return kubectl(
            "get",
            "pods",
            "-l",
            "app.kubernetes.io/component=agent",
            "--field-selector=spec.nodeName=" + node.name(),
            "-o",
            "jsonpath={.items[0].metadata.name}")
        .outOrFail();
  }

  private void helm(String... arguments) {
    Kubectl run =
        Command.run(
            "",
            Stream.concat(
                    Stream.of(
                        helm, "--kubeconfig=" + cluster.kubeconfig(), "--namespace=" + NAMESPACE),
                    Stream.of(arguments))
                .toList());
    if (!run.succeeded()) {
      throw new AssertionError(
          "helm %s ended with %d:\n%s%s\n%s"
              .formatted(
                  String.join(" ", arguments),
                  run.exitCode(),
                  run.err(),
                  run.out(),
                  kubectl("get", "pods", "-o", "wide").out()));
    }
  }
}
