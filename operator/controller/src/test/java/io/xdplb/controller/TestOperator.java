// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.xdplb.testing.apiserver.KubernetesApi;
import java.time.Duration;

/** A running operator as the command line would run it, but quick to say that nodes lag. */
final class TestOperator implements AutoCloseable {

  static final Duration SETTLE = Duration.ofMillis(300);

  private final KubernetesClient client;
  private OperatorRuntime runtime;

  TestOperator(KubernetesApi api) {
    api.installCrds();
    client =
        new KubernetesClientBuilder()
            .withConfig(OperatorRuntime.clientConfig(api.config()))
            .build();
    start();
  }

  /** As a new process: nothing is known from before. */
  void start() {
    start(SETTLE);
  }

  /** The same with other patience with the nodes. */
  void restart(Duration settle) {
    stop();
    start(settle);
  }

  private void start(Duration settle) {
    runtime =
        new OperatorRuntime(client, OperatorSettings.of("default", "test").withSettle(settle));
    runtime.start();
  }

  void stop() {
    runtime.stop();
  }

  OperatorRuntime runtime() {
    return runtime;
  }

  @Override
  public void close() {
    runtime.close();
    client.close();
  }
}
