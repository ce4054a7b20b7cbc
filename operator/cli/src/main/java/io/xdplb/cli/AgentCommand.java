// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli;

import io.fabric8.kubernetes.client.KubernetesClient;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import io.xdplb.agent.Agent;
import io.xdplb.cli.observe.AgentHealth;
import io.xdplb.cli.observe.AgentMetrics;
import io.xdplb.datapath.DatapathConfig;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code xdplb agent}. */
@Command(
    name = "agent",
    description = {
      "Programs this node with the cluster's ForwardingTables and reports what the kernel holds.",
      "Stopping it leaves the datapath as it is: traffic goes on; `xdplb detach` removes it."
    },
    mixinStandardHelpOptions = true)
final class AgentCommand implements Callable<Integer> {

  @Option(
      names = "--node-name",
      paramLabel = "NAME",
      defaultValue = "${NODE_NAME}",
      description = "Name of this Node. Default: the environment's NODE_NAME.")
  private String nodeName;

  @Option(
      names = "--vip-metrics",
      paramLabel = "N",
      defaultValue = "0",
      description =
          "So many VIPs have series of their own in /metrics, the first by address. Default:"
              + " ${DEFAULT-VALUE}.")
  private int vipMetrics;

  @Option(
      names = "--bird-dir",
      paramLabel = "DIR",
      description =
          "Folder that a BIRD beside the agent has its configuration (bird.conf) and its socket"
              + " (bird.ctl) in. Default: there is none, and nothing is announced by BGP.")
  private Path birdFolder;

  @Mixin private KubernetesOptions kubernetes;
  @Mixin private DatapathOptions options;
  @Mixin private HttpOptions http;

  @Override
  public Integer call() throws Exception {
    if (nodeName == null || nodeName.isEmpty() || nodeName.startsWith("$")) {
      throw new UserError(
          "cannot tell which node this is: give --node-name or set NODE_NAME in the environment"
              + " (in a pod from the field spec.nodeName)");
    }
    List<String> interfaces = options.interfaces();
    KubernetesClient client = kubernetes.client();
    DatapathConfig config = options.config();
    PrometheusRegistry registry = new PrometheusRegistry();
    AgentMetrics metrics = new AgentMetrics(registry, config.pinPath(), vipMetrics);
    Agent agent =
        Agent.start(
            client,
            config,
            kubernetes.namespace(),
            nodeName,
            interfaces,
            Optional.ofNullable(birdFolder),
            Version.text(),
            metrics);
    AgentHealth health = new AgentHealth(agent, metrics);
    AutoCloseable endpoint = http.serve(health::health, health::readiness, registry);
    UntilStopped.run(
        () -> {
          endpoint.close();
          agent.close();
          client.close();
        });
    return 0;
  }
}
