// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import java.util.List;
import java.util.Optional;

/**
 * All that is said in the end.
 *
 * @param rounds of all that is measured in rounds
 * @param scenarios the rows of the table of speed; empty if that was left out
 * @param programs what the verifier went through
 */
record Report(
    Machine machine,
    int rounds,
    Results results,
    List<Scenario> scenarios,
    List<ProgramSize> programs) {

  /**
   * A limit and how it was kept.
   *
   * @param times what was measured, in the limit's measure
   */
  record Kept(Limit limit, double times) {
    boolean met() {
      return times <= limit.times();
    }
  }

  /** Absent if there is no limit, or if it or what it is compared with was not measured. */
  Optional<Kept> kept(Scenario scenario) {
    return scenario
        .limit()
        .flatMap(
            limit ->
                (limit.row().isEmpty()
                        ? results.median(scenario.id(), Quantity.SPEED_OF_REWRITE)
                        : ratio(scenario.id(), limit.row().get()))
                    .map(times -> new Kept(limit, times)));
  }

  /** The title of a row of the table of speed. */
  String title(String id) {
    return scenarios.stream()
        .filter(scenario -> scenario.id().equals(id))
        .map(Scenario::title)
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("no row " + id));
  }

  private Optional<Double> ratio(String row, String other) {
    return results
        .median(row, Quantity.SPEED_OF_REWRITE)
        .flatMap(own -> results.median(other, Quantity.SPEED_OF_REWRITE).map(its -> own / its));
  }
}
