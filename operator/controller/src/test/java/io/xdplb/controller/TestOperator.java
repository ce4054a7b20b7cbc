// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.javaoperatorsdk.operator.api.monitoring.Metrics;
import io.xdplb.testing.apiserver.KubernetesApi;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.UnaryOperator;

/** A running operator as the command line would run it, but quick to say that nodes lag. */
final class TestOperator implements AutoCloseable {

  static final Duration SETTLE = Duration.ofMillis(300);

  private final KubernetesClient client;
  private final Map<String, Integer> reconciliations = new ConcurrentHashMap<>();
  private OperatorRuntime runtime;

  private final class Counting implements Metrics {
    @Override
    public void reconciliationStarted(HasMetadata resource, Map<String, Object> metadata) {
      reconciliations.merge(resource.getMetadata().getName(), 1, Integer::sum);
    }
  }

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
    start(settings -> settings);
  }

  /** The same with other patience with the nodes. */
  void restart(Duration settle) {
    restart(settings -> settings.withSettle(settle));
  }

  void restart(UnaryOperator<OperatorSettings> change) {
    stop();
    start(change);
  }

  private void start(UnaryOperator<OperatorSettings> change) {
    runtime =
        new OperatorRuntime(
            client,
            change.apply(OperatorSettings.of("default", "test").withSettle(SETTLE)),
            new Counting(),
            null,
            () -> {});
    runtime.start();
  }

  void stop() {
    runtime.stop();
  }

  /** How often objects of that name were reconciled. */
  int reconciliations(String name) {
    return reconciliations.getOrDefault(name, 0);
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
