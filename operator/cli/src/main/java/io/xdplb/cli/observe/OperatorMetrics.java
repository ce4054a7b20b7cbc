// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.observe;

import io.javaoperatorsdk.operator.api.monitoring.Metrics;
import io.javaoperatorsdk.operator.monitoring.micrometer.MicrometerMetricsV2;
import io.micrometer.core.instrument.Clock;
import io.micrometer.core.instrument.binder.jvm.JvmGcMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.prometheus.metrics.model.registry.MultiCollector;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import io.xdplb.controller.OperatorRuntime;
import java.util.List;

/** The operator's metrics: its own, the SDK's and the JVM's. */
public final class OperatorMetrics implements AutoCloseable {

  /** As the SDK names it. */
  private static final String CONTROLLER = "controller.name";

  private final PrometheusRegistry registry;
  private final PrometheusMeterRegistry meters;
  private final JvmGcMetrics garbage = new JvmGcMetrics();

  /** Registers those of the SDK and the JVM. */
  public OperatorMetrics(PrometheusRegistry registry) {
    this.registry = registry;
    meters = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT, registry, Clock.SYSTEM);
    new JvmMemoryMetrics().bindTo(meters);
    new JvmThreadMetrics().bindTo(meters);
    new ProcessorMetrics().bindTo(meters);
    garbage.bindTo(meters);
    // The SDK makes these with the first failure, too late for a rate to see that one.
    for (String rare :
        List.of(
            MicrometerMetricsV2.RECONCILIATIONS_FAILED,
            MicrometerMetricsV2.RECONCILIATIONS_RETRIES_NUMBER)) {
      meters.counter(rare, CONTROLLER, OperatorRuntime.CONTROLLER);
    }
  }

  /** What the SDK is to tell of reconciling. */
  public Metrics sdk() {
    return MicrometerMetricsV2.newBuilder(meters).build();
  }

  /** Registers those of an operator. */
  public void of(OperatorRuntime operator) {
    registry.register(
        (MultiCollector)
            () ->
                new MetricSnapshots(
                    Snapshots.gauge(
                        "xdplb_operator_leader",
                        "1 where this operator is the one that works, 0 where it stands by.",
                        operator.isLeader() ? 1 : 0),
                    Snapshots.gauges(
                        "xdplb_loadbalancers",
                        "LoadBalancers by the status of their condition Ready.",
                        rows ->
                            operator
                                .balancersByReady()
                                .forEach((ready, count) -> rows.add(count, "ready", ready)))));
  }

  @Override
  public void close() {
    garbage.close();
    meters.close();
  }
}
