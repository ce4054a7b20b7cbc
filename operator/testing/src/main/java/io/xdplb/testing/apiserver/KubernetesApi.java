// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.apiserver;

import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.nio.file.Path;
import java.util.UUID;

/**
 * A real Kubernetes API server for tests, with the rights of a cluster administrator. Got as a
 * parameter of a test class that carries {@link RequiresApiServer}; all test classes of a JVM share
 * it, so each makes a namespace of its own with {@link #newNamespace}.
 *
 * <p>The server may be an API server and nothing else: then no controller runs. Owner references
 * are not collected, a deleted namespace stays in {@code Terminating}, no EndpointSlice appears for
 * a Service and no Pod for a Deployment. A test writes what a controller would have written.
 */
public interface KubernetesApi {

  /** Which server this is, with its version, for logs and reports. */
  String description();

  /**
   * A kubeconfig file with the rights of a cluster administrator. It contains all it needs, and
   * stays valid over {@link #stop} and {@link #start}.
   */
  Path kubeconfig();

  /** The same as {@link #kubeconfig}, for a fabric8 client. A new object with each call. */
  Config config();

  /** A new client of this server. The caller closes it. */
  default KubernetesClient newClient() {
    return new KubernetesClientBuilder().withConfig(config()).build();
  }

  /**
   * Runs kubectl and waits until it ends.
   *
   * @param arguments without {@code kubectl} itself. Files named in them may not exist where
   *     kubectl runs: pass manifests as {@code -f -} with {@link #kubectlWithInput}
   */
  default Kubectl kubectl(String... arguments) {
    return kubectlWithInput("", arguments);
  }

  /**
   * Runs kubectl with a text on its standard input and waits until it ends.
   *
   * @param input for example the manifests for {@code apply -f -}
   * @param arguments as for {@link #kubectl}
   */
  Kubectl kubectlWithInput(String input, String... arguments);

  /**
   * Makes a namespace that no other test uses. It is not deleted: it goes with the server.
   *
   * @param prefix what its name starts with, a lower case DNS label of at most 50 characters
   * @return its name
   */
  default String newNamespace(String prefix) {
    String name = prefix + "-" + UUID.randomUUID().toString().substring(0, 8);
    try (KubernetesClient client = newClient()) {
      client
          .resource(new NamespaceBuilder().withNewMetadata().withName(name).endMetadata().build())
          .create();
    }
    return name;
  }

  /**
   * Applies the CRDs in {@code crds/} of this checkout and returns when all are established. May be
   * called by each test class.
   */
  default void installCrds() {
    String manifests = CrdManifests.ofCheckout();
    kubectlWithInput(manifests, "apply", "--server-side", "-f", "-").outOrFail();
    kubectlWithInput(manifests, "wait", "--for=condition=Established", "--timeout=30s", "-f", "-")
        .outOrFail();
  }

  /**
   * An outage: the API server no longer answers. What it stored and the address it listens on stay.
   * Does nothing while it is stopped.
   */
  void stop();

  /** Ends the outage and returns once the server is ready. Does nothing while it runs. */
  void start();

  /**
   * How a run of kubectl ended.
   *
   * @param exitCode 0 on success
   * @param out standard output
   * @param err standard error
   */
  record Kubectl(int exitCode, String out, String err) {

    /** Whether the exit code is 0. */
    public boolean succeeded() {
      return exitCode == 0;
    }

    /**
     * The standard output of a run that must have succeeded.
     *
     * @throws AssertionError with both outputs when it failed
     */
    public String outOrFail() {
      if (!succeeded()) {
        throw new AssertionError("kubectl ended with " + exitCode + ":\n" + err + out);
      }
      return out;
    }
  }
}
