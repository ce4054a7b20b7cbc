// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** All samples: for each contender, in the order of their first sample, each quantity's rounds. */
final class Results {

  /**
   * A quantity over the rounds.
   *
   * @param median of the samples; the mean of the middle two if their number is even
   * @param samples in the order of the rounds; not empty
   */
  record Series(double median, List<Double> samples) {

    static Series of(List<Double> samples) {
      List<Double> sorted = samples.stream().sorted().toList();
      int middle = sorted.size() / 2;
      double median =
          sorted.size() % 2 == 1
              ? sorted.get(middle)
              : (sorted.get(middle - 1) + sorted.get(middle)) / 2;
      return new Series(median, List.copyOf(samples));
    }

    double low() {
      return Collections.min(samples);
    }

    double high() {
      return Collections.max(samples);
    }

    /** Half the distance between the extremes, in percent of the median. */
    double spreadPercent() {
      return median == 0 ? 0 : Math.abs((high() - low()) / 2 / median * 100);
    }
  }

  /** A contender's name for people, and its samples. */
  record Row(String id, String title, Map<Quantity, List<Double>> samples) {

    /** Absent if it was not measured. */
    Optional<Series> series(Quantity quantity) {
      return Optional.ofNullable(samples.get(quantity)).map(Series::of);
    }
  }

  private final List<String> failures = new ArrayList<>();
  private final Map<String, Row> rows = new LinkedHashMap<>();

  /**
   * @param order of the rows; a contender may be in it twice, and need not be measured at all
   */
  Results(List<Contender> order) {
    order.forEach(contender -> row(contender.id(), contender.title()));
  }

  void add(Contender contender, Quantity quantity, double value) {
    add(contender.id(), contender.title(), quantity, value);
  }

  void add(String id, String title, Quantity quantity, double value) {
    if (!Double.isFinite(value)) {
      throw new IllegalArgumentException(id + ": " + quantity + " is " + value);
    }
    row(id, title).samples().computeIfAbsent(quantity, q -> new ArrayList<>()).add(value);
  }

  /** Notes that a contender could not be measured in a round; the others go on. */
  void failed(Contender contender, int round, Exception reason) {
    failed(contender.title(), round, reason);
  }

  void failed(String title, int round, Exception reason) {
    failures.add("round %d, %s: %s".formatted(round, title, reason.getMessage()));
  }

  /** What could not be measured, and why. */
  List<String> failures() {
    return List.copyOf(failures);
  }

  Collection<Row> rows() {
    return Collections.unmodifiableCollection(rows.values());
  }

  /** The median, absent if the contender or the quantity was not measured. */
  Optional<Double> median(String id, Quantity quantity) {
    return Optional.ofNullable(rows.get(id))
        .flatMap(row -> row.series(quantity))
        .map(Series::median);
  }

  /** The median over all that have it, of their medians; absent if none has. */
  Optional<Double> median(Quantity quantity) {
    List<Double> medians =
        rows.values().stream()
            .flatMap(row -> row.series(quantity).stream())
            .map(Series::median)
            .toList();
    return medians.isEmpty() ? Optional.empty() : Optional.of(Series.of(medians).median());
  }

  private Row row(String id, String title) {
    return rows.computeIfAbsent(id, i -> new Row(i, title, new EnumMap<>(Quantity.class)));
  }
}
