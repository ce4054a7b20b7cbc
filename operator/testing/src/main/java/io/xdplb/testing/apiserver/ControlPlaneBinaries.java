// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.apiserver;

import io.xdplb.testing.Checkout;
import java.nio.file.Path;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * etcd, kube-apiserver and kubectl, as {@code operator/testing/kubernetes/build.sh} leaves them.
 *
 * @param folder where they are; its name says the versions
 */
record ControlPlaneBinaries(Path folder) {

  private static final Logger log = LoggerFactory.getLogger(ControlPlaneBinaries.class);
  private static final String SCRIPT = "operator/testing/kubernetes/build.sh";

  /** Runs the script, which builds them once (about five minutes) and then finds them at once. */
  static ControlPlaneBinaries find() throws TestServer.Unavailable {
    Path script = script();
    log.info("control plane from {} (about five minutes where it is not built yet)", script);
    KubernetesApi.Kubectl built = Command.run("", List.of("bash", script.toString()));
    if (!built.succeeded()) {
      throw new TestServer.Unavailable(
          script + " ended with " + built.exitCode() + ": " + built.err().strip());
    }
    String[] lines = built.out().strip().split("\n");
    return new ControlPlaneBinaries(Path.of(lines[lines.length - 1]));
  }

  private static Path script() throws TestServer.Unavailable {
    try {
      return Checkout.path(SCRIPT);
    } catch (NoSuchElementException e) {
      throw new TestServer.Unavailable(e.getMessage(), e);
    }
  }

  String etcd() {
    return folder.resolve("etcd").toString();
  }

  String apiServer() {
    return folder.resolve("kube-apiserver").toString();
  }

  List<String> kubectlCommand(Path kubeconfig, String... arguments) {
    return Stream.concat(
            Stream.of(
                folder.resolve("kubectl").toString(),
                "--kubeconfig=" + kubeconfig,
                "--cache-dir=" + kubeconfig.resolveSibling("kubectl-cache")),
            Stream.of(arguments))
        .toList();
  }
}
