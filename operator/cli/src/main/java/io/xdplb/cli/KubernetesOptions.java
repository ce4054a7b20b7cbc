// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli;

import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.xdplb.controller.OperatorRuntime;
import java.nio.file.Files;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/** Which cluster. */
final class KubernetesOptions {

  @Option(
      names = "--kubeconfig",
      paramLabel = "FILE",
      description =
          "Default: the environment's KUBECONFIG, else ~/.kube/config, else the service account of"
              + " the pod.")
  private Path kubeconfig;

  @Option(
      names = "--namespace",
      paramLabel = "NAME",
      defaultValue = "${POD_NAMESPACE:-default}",
      description =
          "Where xdplb runs and its Leases are, the same for the operator and all agents. Default:"
              + " the environment's POD_NAMESPACE, else default.")
  private String namespace;

  /** Where xdplb has its own objects. */
  String namespace() {
    return namespace;
  }

  /** A client of it that comes back soon after an outage; the caller closes it. */
  KubernetesClient client() {
    return new KubernetesClientBuilder().withConfig(OperatorRuntime.clientConfig(config())).build();
  }

  private Config config() {
    if (kubeconfig == null) {
      return Config.autoConfigure(null);
    }
    if (!Files.isReadable(kubeconfig)) {
      throw new UserError(
          "cannot read the kubeconfig " + kubeconfig + ": name another one with --kubeconfig");
    }
    return Config.fromKubeconfig(kubeconfig.toFile());
  }
}
