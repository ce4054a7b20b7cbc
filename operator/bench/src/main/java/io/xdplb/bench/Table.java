// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/** The results for people: medians over the rounds, ± half the distance between the extremes. */
final class Table {

  private record Column(String head, Function<Results.Row, String> cell) {}

  /** A smaller part is none: the difference of two measurements. */
  private static final double MOST_TIMES = 300;

  private final Report report;
  private final Results results;

  private Table(Report report) {
    this.report = report;
    this.results = report.results();
  }

  /** Several tables, as Markdown: those of what was measured. */
  static String render(Report report) {
    Table table = new Table(report);
    StringBuilder text =
        new StringBuilder(
            "%s; medians of %d interleaved rounds, ± half the range\n"
                .formatted(report.machine(), report.rounds()));
    table.section(text, Quantity.SPEED_NS, table::speed);
    if (!report.programs().isEmpty()) {
      text.append('\n').append(table.programs());
    }
    table.section(text, Quantity.FLOWS_NS, table::packets);
    table.section(text, Quantity.KEEPALIVE_REQUESTS, table::http);
    table.section(text, Quantity.AGENT_PROGRAMMED, table::agent);
    table.section(text, Quantity.SCALE_P50, table::scale);
    for (String failure : report.results().failures()) {
      text.append("not measured in ").append(failure).append('\n');
    }
    return text.toString();
  }

  private void section(StringBuilder text, Quantity quantity, Supplier<String> section) {
    if (results.rows().stream().anyMatch(row -> row.series(quantity).isPresent())) {
      text.append('\n').append(section.get());
    }
  }

  private String speed() {
    return """
        The program alone, as it ships: 100 VIPs of 100 backends; net of the harness. The plain
        rewrite is the tutorial's program, measured in turns with each row%s.

        """
            .formatted(rewrite())
        + table(
            Quantity.SPEED_NS,
            List.of(
                new Column("net ns/packet", row -> value(row, Quantity.SPEED_NS, 1, 1)),
                new Column("× plain rewrite", row -> value(row, Quantity.SPEED_OF_REWRITE, 1, 2)),
                new Column("limit", this::limit),
                new Column("kept", this::kept)));
  }

  private String rewrite() {
    return results
        .median(Quantity.SPEED_REWRITE_NS)
        .map(ns -> String.format(Locale.ROOT, " (%.1f ns)", ns))
        .orElse("");
  }

  private Optional<Scenario> scenario(Results.Row row) {
    return report.scenarios().stream().filter(each -> each.id().equals(row.id())).findFirst();
  }

  private String limit(Results.Row row) {
    return scenario(row)
        .flatMap(Scenario::limit)
        .map(
            limit ->
                String.format(Locale.ROOT, "%.2f ×", limit.times())
                    + limit.row().map(other -> " " + report.title(other)).orElse(""))
        .orElse("–");
  }

  private String kept(Results.Row row) {
    return scenario(row)
        .flatMap(report::kept)
        .map(kept -> kept.met() ? "yes" : String.format(Locale.ROOT, "NO: %.2f", kept.times()))
        .orElse("–");
  }

  private String programs() {
    StringBuilder text =
        new StringBuilder(
            """
            What the verifier goes through in each program, of the million instructions that it
            allows.

            | program | verified | instructions | bytes of machine code |
            |---|---:|---:|---:|
            """);
    for (ProgramSize program : report.programs()) {
      text.append(
          String.format(
              Locale.ROOT,
              "| %s | %,d | %,d | %,d |\n",
              program.name(),
              program.verified(),
              program.instructions(),
              program.bytes()));
    }
    return text.toString();
  }

  private String packets() {
    String baseline =
        results
            .median("baseline", Quantity.BASELINE_NS)
            .map(ns -> " (%.0f ns)".formatted(ns))
            .orElse("");
    return """
        Frames that enter as XDP frames, one core for generator, balancer and sink. Net of generator
        and drop%s, what a veth costs on the way out is still in it: that is all that bare XDP_TX
        does. Net of bare XDP_TX is what the balancer itself costs. nginx and HAProxy end connections
        themselves: there is nothing to measure here.

        """
            .formatted(baseline)
        + table(
            Quantity.FLOWS_NS,
            List.of(
                new Column("1,000 flows, Mpps", row -> value(row, Quantity.FLOWS_PACKETS, 1e-6, 2)),
                new Column("net of drop, ns", row -> value(row, Quantity.FLOWS_NS, 1, 0)),
                new Column("of nftables", row -> inverse(row, Quantity.FLOWS_NS)),
                new Column(
                    "net of bare XDP_TX, ns", row -> value(row, Quantity.FLOWS_BEYOND_NS, 1, 0)),
                new Column("of nftables", row -> inverse(row, Quantity.FLOWS_BEYOND_NS)),
                new Column(
                    "each packet a new flow, net of drop, ns",
                    row -> value(row, Quantity.NEW_NS, 1, 0)),
                new Column("of nftables", row -> inverse(row, Quantity.NEW_NS)),
                new Column(
                    "net of bare XDP_TX, ns", row -> value(row, Quantity.NEW_BEYOND_NS, 1, 0)),
                new Column("of nftables", row -> inverse(row, Quantity.NEW_BEYOND_NS)),
                new Column("arrived", row -> percent(row, Quantity.NEW_DELIVERED))))
        + WireGoal.ALL.stream().map(this::goal).collect(Collectors.joining());
  }

  private String goal(WireGoal goal) {
    Optional<Double> netOfDrop = goal.netOfDrop(results);
    Optional<Double> netOfTransmit = goal.netOfTransmit(results);
    return netOfDrop.isEmpty() || netOfTransmit.isEmpty()
        ? ""
        : String.format(
            Locale.ROOT,
            "Goal of %s, %s: 1/%.0f of nftables. Net of drop it is %s, net of bare XDP_TX %s.%n",
            goal.contender(),
            goal.newFlows() ? "new flows" : "1,000 flows",
            goal.times(),
            part(netOfDrop.get()),
            part(netOfTransmit.get()));
  }

  private String inverse(Results.Row row, Quantity quantity) {
    return relative(row, quantity, Contenders.Names.NFTABLES, Table::oneIn);
  }

  /** So small a part: 1/16. */
  private static String oneIn(double own, double other) {
    return own == other ? "1" : part(other / own);
  }

  private static String part(double times) {
    return times < 1 || times > MOST_TIMES ? "–" : String.format(Locale.ROOT, "1/%.1f", times);
  }

  private String http() {
    return """
        HTTP, all on this machine: mostly the client, the servers and the veths are measured, and
        native XDP pays for turning the local stack's packets into frames and back. "+µs" is the
        whole machine's CPU time per request above direct. Paced: 10,000 requests/s.

        """
        + table(
            Quantity.KEEPALIVE_REQUESTS,
            List.of(
                new Column(
                    "keep-alive, requests/s", row -> value(row, Quantity.KEEPALIVE_REQUESTS, 1, 0)),
                new Column(
                    "of direct",
                    row -> ratio(row, Quantity.KEEPALIVE_REQUESTS, Contenders.Names.DIRECT)),
                new Column("p50 µs", row -> value(row, Quantity.KEEPALIVE_P50, 1, 0)),
                new Column("p99 µs", row -> value(row, Quantity.KEEPALIVE_P99, 1, 0)),
                new Column("+µs", row -> above(row, Quantity.KEEPALIVE_CPU)),
                new Column(
                    "a connection each, requests/s",
                    row -> value(row, Quantity.CONNECTION_REQUESTS, 1, 0)),
                new Column(
                    "of direct",
                    row -> ratio(row, Quantity.CONNECTION_REQUESTS, Contenders.Names.DIRECT)),
                new Column("p50 µs", row -> value(row, Quantity.CONNECTION_P50, 1, 0)),
                new Column("p99 µs", row -> value(row, Quantity.CONNECTION_P99, 1, 0)),
                new Column("+µs", row -> above(row, Quantity.CONNECTION_CPU)),
                new Column("paced, p50 µs", row -> value(row, Quantity.PACED_P50, 1, 0)),
                new Column("p99 µs", row -> value(row, Quantity.PACED_P99, 1, 0)),
                new Column("+µs", row -> above(row, Quantity.PACED_CPU))));
  }

  private String agent() {
    return """
        The agent with many load balancers of 10 endpoints each; packets go on whatever it does.

        """
        + table(
            Quantity.AGENT_PROGRAMMED,
            List.of(
                new Column("attached, s", row -> value(row, Quantity.AGENT_ATTACHED, 1, 2)),
                new Column(
                    "all proven in the kernel, s",
                    row -> value(row, Quantity.AGENT_PROGRAMMED, 1, 2)),
                new Column(
                    "after kill -9: program swapped, s",
                    row -> value(row, Quantity.AGENT_RELOADED, 1, 2)),
                new Column("RSS, MiB", row -> value(row, Quantity.AGENT_MEMORY, 1, 0))));
  }

  private String scale() {
    return """
        A cluster: a real API server, operator and agent, and simulated agents beside; 10 endpoints
        each. Latency is from a changed EndpointSlice, sent, to the first packet that follows it.

        """
        + table(
            Quantity.SCALE_P50,
            List.of(
                new Column("all ready, s", row -> value(row, Quantity.SCALE_READY, 1, 1)),
                new Column("change, p50 ms", row -> value(row, Quantity.SCALE_P50, 1, 0)),
                new Column("p99 ms", row -> value(row, Quantity.SCALE_P99, 1, 0)),
                new Column(
                    "operator's RSS, MiB", row -> value(row, Quantity.SCALE_OPERATOR_MEMORY, 1, 0)),
                new Column(
                    "operator killed: all ready after s",
                    row -> value(row, Quantity.SCALE_RESTART, 1, 1)),
                new Column(
                    "needless writes", row -> value(row, Quantity.SCALE_RESTART_WRITES, 1, 0))));
  }

  /** Only contenders for which {@code required} was measured. */
  private String table(Quantity required, List<Column> columns) {
    List<List<String>> lines = new ArrayList<>();
    List<String> head = new ArrayList<>(List.of(""));
    columns.forEach(column -> head.add(column.head()));
    lines.add(head);
    for (Results.Row row : results.rows()) {
      if (row.series(required).isPresent()) {
        List<String> line = new ArrayList<>(List.of(row.title()));
        columns.forEach(column -> line.add(column.cell().apply(row)));
        lines.add(line);
      }
    }
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < lines.size(); i++) {
      text.append('|');
      for (int column = 0; column < head.size(); column++) {
        text.append(' ').append(pad(lines, i, column)).append(" |");
      }
      text.append('\n');
      if (i == 0) {
        text.append("|---").append("|---:".repeat(columns.size())).append("|\n");
      }
    }
    return text.toString();
  }

  private static String pad(List<List<String>> lines, int line, int column) {
    int width = lines.stream().mapToInt(cells -> cells.get(column).length()).max().orElseThrow();
    String cell = lines.get(line).get(column);
    String padding = " ".repeat(width - cell.length());
    return column == 0 ? cell + padding : padding + cell;
  }

  private static String value(Results.Row row, Quantity quantity, double scale, int digits) {
    return row.series(quantity)
        .map(
            series ->
                String.format(Locale.ROOT, "%,." + digits + "f", series.median() * scale)
                    + (series.samples().size() == 1
                        ? ""
                        : String.format(Locale.ROOT, " ±%.0f%%", series.spreadPercent())))
        .orElse("–");
  }

  private static String percent(Results.Row row, Quantity quantity) {
    return row.series(quantity)
        .map(series -> String.format(Locale.ROOT, "%.1f %%", series.median() * 100))
        .orElse("–");
  }

  private String ratio(Results.Row row, Quantity quantity, String reference) {
    return relative(row, quantity, reference, (own, other) -> "%.2f".formatted(own / other));
  }

  private String above(Results.Row row, Quantity quantity) {
    return relative(
        row, quantity, Contenders.Names.DIRECT, (own, other) -> "%+.1f".formatted(own - other));
  }

  private String relative(
      Results.Row row,
      Quantity quantity,
      String reference,
      java.util.function.BiFunction<Double, Double, String> compare) {
    Optional<Double> own = row.series(quantity).map(Results.Series::median);
    Optional<Double> other = results.median(reference, quantity);
    return own.isPresent() && other.isPresent() ? compare.apply(own.get(), other.get()) : "–";
  }
}
