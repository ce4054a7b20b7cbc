// SPDX-License-Identifier: Apache-2.0
package io.xdplb.dist;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Which metrics alerts and panels name, and which there are. */
final class MetricNames {

  /** What else is a word in our PromQL. */
  private static final Set<String> LANGUAGE =
      Set.of(
          "sum",
          "max",
          "min",
          "count",
          "rate",
          "histogram_quantile",
          "vector",
          "and",
          "or",
          "unless",
          "on");

  private static final Pattern WORD = Pattern.compile("[a-zA-Z_:][a-zA-Z0-9_:]*");

  private MetricNames() {}

  /** Those of all {@code expr} fields, wherever they are. */
  static Set<String> named(JsonNode document) {
    Set<String> names = new TreeSet<>();
    document.findValuesAsText("expr").forEach(expression -> names.addAll(inExpression(expression)));
    return names;
  }

  static Set<String> inExpression(String expression) {
    String words =
        expression
            .replaceAll("\\{[^}]*}", " ")
            .replaceAll("\\[[^]]*]", " ")
            .replaceAll("\\b(by|on|without|ignoring)\\s*\\([^)]*\\)", " ")
            .replaceAll("\\b[0-9.]+\\b", " ");
    Set<String> names = new TreeSet<>();
    for (Matcher word = WORD.matcher(words); word.find(); ) {
      if (!LANGUAGE.contains(word.group())) {
        names.add(word.group());
      }
    }
    return names;
  }

  /** Those of a scrape, in Prometheus' text format. */
  static Set<String> scraped(String text) {
    Set<String> names = new TreeSet<>();
    text.lines()
        .filter(line -> !line.startsWith("#") && !line.isBlank())
        .forEach(line -> names.add(line.split("[{ ]", 2)[0]));
    return names;
  }
}
