// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.observe;

import io.prometheus.metrics.model.snapshots.CounterSnapshot;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricSnapshot;
import java.util.function.Consumer;

/** Metrics as they are at the moment of a scrape. */
final class Snapshots {

  private Snapshots() {}

  /** Takes the series of a metric. */
  interface Rows {
    /**
     * One series.
     *
     * @param labels names and values in turn
     */
    void add(double value, String... labels);
  }

  static MetricSnapshot gauge(String name, String help, double value) {
    return gauges(name, help, rows -> rows.add(value));
  }

  static MetricSnapshot gauges(String name, String help, Consumer<Rows> series) {
    GaugeSnapshot.Builder metric = GaugeSnapshot.builder().name(name).help(help);
    series.accept(
        (value, labels) ->
            metric.dataPoint(
                GaugeSnapshot.GaugeDataPointSnapshot.builder()
                    .value(value)
                    .labels(Labels.of(labels))
                    .build()));
    return metric.build();
  }

  /**
   * Values that only grow.
   *
   * @param name without the {@code _total} that is appended
   */
  static MetricSnapshot counters(String name, String help, Consumer<Rows> series) {
    CounterSnapshot.Builder metric = CounterSnapshot.builder().name(name).help(help);
    series.accept(
        (value, labels) ->
            metric.dataPoint(
                CounterSnapshot.CounterDataPointSnapshot.builder()
                    .value(value)
                    .labels(Labels.of(labels))
                    .build()));
    return metric.build();
  }
}
