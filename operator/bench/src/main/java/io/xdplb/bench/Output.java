// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/** The files that are kept. */
final class Output {

  static final String JSON = "bench.json";
  static final String SVG = "bench.svg";

  private Output() {}

  /** Writes both files into {@code folder}, which is made if need be. */
  static void write(Path folder, Report report) throws IOException {
    Files.createDirectories(folder);
    Results results = report.results();
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("machine", report.machine());
    json.put("rounds", report.rounds());
    Map<String, String> quantities = new LinkedHashMap<>();
    for (Quantity quantity : Quantity.values()) {
      quantities.put(key(quantity), quantity.meaning());
    }
    json.put("quantities", quantities);
    Map<String, Results.Row> rows = new LinkedHashMap<>();
    results.rows().forEach(row -> rows.put(row.id(), row));
    Map<String, Object> speed = new LinkedHashMap<>();
    for (Scenario scenario : report.scenarios()) {
      Results.Row row = rows.remove(scenario.id());
      if (row != null) {
        speed.put(scenario.id(), scenario(scenario, row, report));
      }
    }
    json.put("speed", speed);
    json.put("programs", report.programs());
    Map<String, Object> contenders = new LinkedHashMap<>();
    rows.values().forEach(row -> contenders.put(row.id(), contender(row)));
    json.put("contenders", contenders);
    json.put("goals", WireGoal.ALL.stream().map(goal -> goal(goal, results)).toList());
    json.put("failures", results.failures());
    new ObjectMapper()
        .enable(SerializationFeature.INDENT_OUTPUT)
        .writeValue(folder.resolve(JSON).toFile(), json);
    Files.writeString(folder.resolve(SVG), Plot.render(results, report.machine()));
  }

  /** The quantity's name in the JSON file. */
  static String key(Quantity quantity) {
    return quantity.name().toLowerCase(Locale.ROOT);
  }

  private static Map<String, Object> scenario(Scenario scenario, Results.Row row, Report report) {
    Map<String, Object> values = contender(row);
    report
        .kept(scenario)
        .ifPresent(
            kept -> {
              Map<String, Object> limit = new LinkedHashMap<>();
              limit.put("times", kept.limit().times());
              limit.put("of", kept.limit().row().orElse("the plain rewrite"));
              limit.put("measured", rounded(kept.times()));
              limit.put("met", kept.met());
              values.put("limit", limit);
            });
    return values;
  }

  private static Map<String, Object> contender(Results.Row row) {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("title", row.title());
    for (Quantity quantity : row.samples().keySet()) {
      Results.Series series = row.series(quantity).orElseThrow();
      Map<String, Object> value = new LinkedHashMap<>();
      value.put("median", rounded(series.median()));
      value.put("samples", series.samples().stream().map(Output::rounded).toList());
      values.put(key(quantity), value);
    }
    return values;
  }

  private static Map<String, Object> goal(WireGoal goal, Results results) {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("contender", goal.contender());
    values.put("flows", goal.newFlows() ? "new" : "established");
    values.put("nftables_at_least_times", goal.times());
    goal.netOfDrop(results).ifPresent(times -> values.put("net_of_drop", rounded(times)));
    goal.netOfTransmit(results).ifPresent(times -> values.put("net_of_transmit", rounded(times)));
    return values;
  }

  private static double rounded(double value) {
    return Math.round(value * 1000) / 1000.0;
  }
}
