// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli;

import io.fabric8.kubernetes.client.KubernetesClient;
import io.xdplb.api.v1alpha1.Membership;
import io.xdplb.api.v1alpha1.NodeLeases;
import io.xdplb.api.v1alpha1.NodeState;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code xdplb uninstall}. */
@Command(
    name = "uninstall",
    description = {
      "Takes the programs off all nodes of a cluster, before the agents' DaemonSet is deleted:"
          + " traffic to all VIPs ends.",
      "It makes the DaemonSet's pods run `xdplb detach --stay`, waits for all of them, and removes"
          + " the NodeStates, the Membership and the agents' Leases. Deleting or changing the DaemonSet alone leaves traffic as it is."
    },
    mixinStandardHelpOptions = true)
final class UninstallCommand implements Callable<Integer> {

  @Spec private CommandSpec spec;

  @Option(
      names = "--daemonset",
      paramLabel = "NAME",
      defaultValue = "xdplb-agent",
      description = "The agents' DaemonSet. Default: ${DEFAULT-VALUE}.")
  private String daemonSet;

  @Option(
      names = "--timeout-seconds",
      paramLabel = "N",
      defaultValue = "300",
      description = "How long to wait for all nodes. Default: ${DEFAULT-VALUE}.")
  private int timeoutSeconds;

  @Mixin private KubernetesOptions kubernetes;

  @Override
  public Integer call() throws InterruptedException {
    PrintWriter out = spec.commandLine().getOut();
    try (KubernetesClient client = kubernetes.client()) {
      new AgentRemoval(client, kubernetes.namespace(), daemonSet, line -> say(out, line))
          .run(Duration.ofSeconds(timeoutSeconds));
      client.resources(NodeState.class).list().getItems().stream()
          .forEach(
              state -> {
                client.resource(state).delete();
                say(out, "removed NodeState " + state.getMetadata().getName());
              });
      // No datapath is left that could count votes by it.
      client.resources(Membership.class).withName(Membership.NAME).delete();
      client
          .leases()
          .inNamespace(kubernetes.namespace())
          .withLabel(NodeLeases.LABEL, NodeLeases.LABEL_VALUE)
          .delete();
    }
    return 0;
  }

  private static void say(PrintWriter out, String line) {
    out.println(line);
    out.flush();
  }
}
