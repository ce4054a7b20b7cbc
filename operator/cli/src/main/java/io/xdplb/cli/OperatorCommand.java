package io.xdplb.cli;

import io.fabric8.kubernetes.client.KubernetesClient;
import io.xdplb.controller.OperatorRuntime;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code xdplb operator}. */
@Command(
    name = "operator",
    description =
        "Compiles the cluster's LoadBalancers into ForwardingTables and says what became of them.",
    mixinStandardHelpOptions = true)
final class OperatorCommand implements Callable<Integer> {

  @Mixin private KubernetesOptions kubernetes;

  @Override
  public Integer call() throws InterruptedException {
    KubernetesClient client = kubernetes.client();
    OperatorRuntime operator = OperatorRuntime.start(client);
    UntilStopped.run(
        () -> {
          operator.close();
          client.close();
        });
    return 0;
  }
}
