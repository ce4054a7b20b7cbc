// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.xdplb.testing.apiserver.KubernetesApi;
import java.time.Duration;

/** A running operator as the command line would run it, but quick to say that nodes lag. */
final class TestOperator implements AutoCloseable {

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
    runtime =
        new OperatorRuntime(client, OperatorSettings.of("test").withSettle(Duration.ofMillis(300)));
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
