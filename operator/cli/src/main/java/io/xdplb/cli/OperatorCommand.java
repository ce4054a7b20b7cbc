// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli;

import io.fabric8.kubernetes.client.KubernetesClient;
import io.javaoperatorsdk.operator.OperatorException;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import io.xdplb.api.v1alpha1.AnnouncementPolicySpec;
import io.xdplb.cli.observe.OperatorMetrics;
import io.xdplb.controller.LeaderElection;
import io.xdplb.controller.OperatorRuntime;
import io.xdplb.controller.OperatorSettings;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code xdplb operator}. */
@Command(
    name = "operator",
    description =
        "Compiles the cluster's LoadBalancers into ForwardingTables and says what became of them.",
    mixinStandardHelpOptions = true)
final class OperatorCommand implements Callable<Integer> {

  /**
   * A node that is emptied loses this pod together with those that are balanced: that these go is
   * still told to the nodes, before another operator has to begin.
   */
  private static final Duration LINGER = Duration.ofSeconds(3);

  @Option(
      names = "--instance",
      paramLabel = "NAME",
      defaultValue = "${HOSTNAME:-xdplb-operator}",
      description = "What this operator is called in Events. Default: the host's name.")
  private String instance;

  @Option(
      names = "--leader-elect",
      description =
          "Work only while holding a Lease, and stand by else: for several operators, one of which"
              + " works.")
  private boolean leaderElect;

  @Option(
      names = "--lease",
      paramLabel = "NAME",
      defaultValue = "xdplb-operator",
      description = "The Lease, which is in --namespace. Default: ${DEFAULT-VALUE}.")
  private String lease;

  @Option(
      names = "--default-for-services",
      description =
          "Serve Services of type LoadBalancer without a loadBalancerClass too. Default: only those"
              + " of class xdplb.io/xdp.")
  private boolean defaultForServices;

  @Option(
      names = "--agent-pods",
      paramLabel = "SELECTOR",
      description =
          "Label selector of the agents' pods in --namespace: a LoadBalancer is Programmed when"
              + " each node with such a pod has it. Default: each node whose agent has ever"
              + " reported.")
  private String agentPods;

  @Option(
      names = "--default-policy",
      description =
          "Begin an installation with an AnnouncementPolicy, default, by which nodes answer ARP and"
              + " NDP for all addresses. Made once, unless there is a policy.")
  private boolean defaultPolicy;

  @Option(
      names = "--default-policy-interface",
      paramLabel = "NAME",
      description =
          "Interface that it names; may be given several times. Default: none is named, and the"
              + " agents' own are meant.")
  private List<String> defaultPolicyInterfaces;

  @Mixin private KubernetesOptions kubernetes;
  @Mixin private HttpOptions http;

  @Override
  public Integer call() throws Exception {
    KubernetesClient client = kubernetes.client();
    PrometheusRegistry registry = new PrometheusRegistry();
    OperatorMetrics metrics = new OperatorMetrics(registry);
    OperatorRuntime operator =
        new OperatorRuntime(
            client,
            OperatorSettings.of(kubernetes.namespace(), instance)
                .withAgentPods(agentPods)
                .withDefaultForServices(defaultForServices)
                .withDefaultPolicy(defaultPolicy ? l2OfAll() : null),
            metrics.sdk(),
            leaderElect ? election() : null,
            OperatorCommand::leadershipLost);
    metrics.of(operator);
    // From the first moment on, so that a probe's answer is never "connection refused" for long.
    AutoCloseable endpoint = http.serve(Optional::empty, () -> readiness(operator), registry);
    try {
      operator.start();
    } catch (OperatorException e) {
      endpoint.close();
      client.close();
      throw new UserError(
          "cannot start with the API server "
              + client.getMasterUrl()
              + ": "
              + rootMessage(e)
              + "; is it there, are the CRDs of crds/ applied, and may this account list them?");
    }
    UntilStopped.run(
        () -> {
          if (leaderElect) {
            Thread.sleep(LINGER.toMillis());
          }
          endpoint.close();
          operator.close();
          metrics.close();
          client.close();
        });
    return 0;
  }

  private AnnouncementPolicySpec l2OfAll() {
    return new AnnouncementPolicySpec(
        null, null, null, new AnnouncementPolicySpec.L2(defaultPolicyInterfaces), null);
  }

  private LeaderElection election() {
    return new LeaderElection(kubernetes.namespace(), lease, instance);
  }

  /** Standing by is ready, too: all caches are filled. */
  private static Optional<String> readiness(OperatorRuntime operator) {
    return operator.isReady()
        ? Optional.empty()
        : Optional.of("the caches of the API server's objects are not filled, or not followed");
  }

  /** Whoever runs us starts us again, and then we stand by. */
  private static void leadershipLost() {
    new Thread(() -> Runtime.getRuntime().exit(1), "leadership lost").start();
  }

  private static String rootMessage(Throwable e) {
    Throwable root = e;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    return String.valueOf(root.getMessage());
  }
}
