// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli;

import io.fabric8.kubernetes.client.KubernetesClient;
import io.javaoperatorsdk.operator.OperatorException;
import io.xdplb.controller.OperatorRuntime;
import io.xdplb.controller.OperatorSettings;
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

  @Option(
      names = "--instance",
      paramLabel = "NAME",
      defaultValue = "${HOSTNAME:-xdplb-operator}",
      description = "What this operator is called in Events. Default: the host's name.")
  private String instance;

  @Option(
      names = "--default-for-services",
      description =
          "Serve Services of type LoadBalancer without a loadBalancerClass too. Default: only those"
              + " of class xdplb.io/xdp.")
  private boolean defaultForServices;

  @Mixin private KubernetesOptions kubernetes;

  @Override
  public Integer call() throws InterruptedException {
    KubernetesClient client = kubernetes.client();
    OperatorRuntime operator =
        new OperatorRuntime(
            client, OperatorSettings.of(instance).withDefaultForServices(defaultForServices));
    try {
      operator.start();
    } catch (OperatorException e) {
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
          operator.close();
          client.close();
        });
    return 0;
  }

  private static String rootMessage(Throwable e) {
    Throwable root = e;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    return String.valueOf(root.getMessage());
  }
}
