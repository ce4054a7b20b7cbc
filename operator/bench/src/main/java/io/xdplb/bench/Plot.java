// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Horizontal bars, one panel a quantity, as SVG that is legible on light and on dark ground. */
final class Plot {

  private static final int WIDTH = 800;
  private static final int LABEL = 280;
  private static final int BAR = 18;
  private static final int ROW = 26;
  private static final int ROOM_FOR_VALUE = 90;

  private record Bar(String label, double value, String text, boolean own) {}

  private final StringBuilder body = new StringBuilder();
  private int y = 10;

  private Plot() {}

  /** The whole file. */
  static String render(Results results, Machine machine) {
    Plot plot = new Plot();
    plot.panel("The program alone, net ns per packet (less is better)", speed(results));
    plot.panel(
        "Net ns per packet, 1,000 established flows (less is better)",
        bars(results, Quantity.FLOWS_NS, "%,.0f ns", 1));
    plot.panel(
        "Net ns per packet, every packet a new flow (less is better)",
        bars(results, Quantity.NEW_NS, "%,.0f ns", 1));
    plot.panel(
        "HTTP requests/s, connections kept open (more is better)",
        bars(results, Quantity.KEEPALIVE_REQUESTS, "%,.0f k/s", 1e-3));
    plot.panel(
        "HTTP requests/s, a connection each (more is better)",
        bars(results, Quantity.CONNECTION_REQUESTS, "%,.1f k/s", 1e-3));
    plot.panel(
        "From a changed EndpointSlice to the first packet, median ms (less is better)",
        bars(results, Quantity.SCALE_P50, "%,.0f ms", 1));
    plot.panel("The same, 99 % (less is better)", bars(results, Quantity.SCALE_P99, "%,.0f ms", 1));
    plot.text(10, plot.y + 6, "note", machine + "; client, balancer and servers share it");
    return """
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %1$d %2$d" width="%1$d" height="%2$d" role="img">
        <title>Ways of balancing, measured side by side</title>
        <style>
        text { font: 13px system-ui, sans-serif; fill: #333 }
        .head { font-weight: 600 }
        .note { font-size: 11px; fill: #666 }
        .bar { fill: #8a93a0 }
        .own { fill: #2a78c8 }
        @media (prefers-color-scheme: dark) {
        text { fill: #ddd } .note { fill: #aaa } .own { fill: #58a6f0 }
        }
        </style>
        %3$s</svg>
        """
        .formatted(WIDTH, plot.y + 22, plot.body);
  }

  private static List<Bar> bars(Results results, Quantity quantity, String format, double scale) {
    List<Bar> bars = new ArrayList<>();
    for (Results.Row row : results.rows()) {
      row.series(quantity)
          .ifPresent(
              series ->
                  bars.add(
                      new Bar(
                          row.title(),
                          series.median(),
                          String.format(Locale.ROOT, format, series.median() * scale),
                          row.title().startsWith("xdplb") || quantity == Quantity.SPEED_NS)));
    }
    return bars;
  }

  /** The rows of the table of speed, and what they are compared with. */
  private static List<Bar> speed(Results results) {
    List<Bar> bars = bars(results, Quantity.SPEED_NS, "%,.0f ns", 1);
    results
        .median(Quantity.SPEED_REWRITE_NS)
        .ifPresent(
            ns ->
                bars.add(
                    0,
                    new Bar(
                        "plain rewrite (the tutorial's)",
                        ns,
                        String.format(Locale.ROOT, "%,.0f ns", ns),
                        false)));
    return bars;
  }

  private void panel(String head, List<Bar> bars) {
    if (bars.isEmpty()) {
      return;
    }
    double most = bars.stream().mapToDouble(Bar::value).max().orElseThrow();
    y += 14;
    text(10, y, "head", head);
    y += 10;
    for (Bar bar : bars) {
      double length = Math.max(1, bar.value() / most * (WIDTH - LABEL - ROOM_FOR_VALUE));
      text(10, y + BAR - 5, "label", bar.label());
      body.append(
          String.format(
              Locale.ROOT,
              "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" rx=\"2\"/>\n",
              bar.own() ? "own" : "bar",
              LABEL,
              y,
              length,
              BAR));
      text((int) (LABEL + length + 6), y + BAR - 5, "value", bar.text());
      y += ROW;
    }
    y += 12;
  }

  private void text(int x, int baseline, String kind, String text) {
    body.append(
        "<text class=\"%s\" x=\"%d\" y=\"%d\">%s</text>\n"
            .formatted(kind, x, baseline, escape(text)));
  }

  private static String escape(String text) {
    return text.replace("&", "&amp;").replace("<", "&lt;");
  }
}
