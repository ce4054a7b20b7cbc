// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;

class ResultsTest {

  private static final Machine MACHINE = new Machine("a CPU", 2, "6.1");

  private record Named(String id, String title) implements Contender {
    @Override
    public AutoCloseable start(Scene scene) {
      throw new UnsupportedOperationException();
    }
  }

  private final Contender direct = new Named("direct", "direct");
  private final Contender nftables = new Named("nftables", "nft <&>");
  private final Results results = new Results(List.of(direct, nftables));

  @Test
  void medianIsTheMiddleOneOrTheMeanOfTheMiddleTwo() {
    assertThat(Results.Series.of(List.of(9.0, 1.0, 2.0)).median()).isEqualTo(2);
    assertThat(Results.Series.of(List.of(9.0, 1.0, 2.0, 4.0)).median()).isEqualTo(3);
  }

  @Test
  void spreadIsHalfTheRangeOfTheMedian() {
    assertThat(Results.Series.of(List.of(90.0, 100.0, 130.0)).spreadPercent())
        .isEqualTo(20, within(1e-9));
  }

  @Test
  void refusesWhatIsNoNumber() {
    assertThatThrownBy(() -> results.add(direct, Quantity.PACED_P50, Double.NaN))
        .hasMessageContaining("direct: PACED_P50");
  }

  @Test
  void tableComparesWithTheReferenceAndLeavesOutWhatWasNotMeasured() {
    results.add(direct, Quantity.KEEPALIVE_REQUESTS, 1000);
    results.add(direct, Quantity.KEEPALIVE_CPU, 16);
    results.add(nftables, Quantity.KEEPALIVE_REQUESTS, 730);
    results.add(nftables, Quantity.KEEPALIVE_CPU, 22.2);
    results.add(nftables, Quantity.FLOWS_NS, 1500);
    String table = Table.render(report(1));
    assertThat(table.lines().filter(line -> line.startsWith("| nft")))
        .hasSize(2)
        .anySatisfy(line -> assertThat(line).contains("730", "0.73", "+6.2"))
        .anySatisfy(line -> assertThat(line).contains("1,500", " 1 |"));
    assertThat(table.lines().filter(line -> line.startsWith("| direct"))).hasSize(1);
  }

  @Test
  void whatFailedIsSaidBelowTheTables() {
    results.failed(nftables, 3, new IllegalStateException("connect timed out"));
    assertThat(Table.render(report(5)))
        .endsWith("not measured in round 3, nft <&>: connect timed out\n");
  }

  @Test
  void plotIsWellFormedAndLongerBarsMeanMore() throws Exception {
    results.add(direct, Quantity.KEEPALIVE_REQUESTS, 1000);
    results.add(nftables, Quantity.KEEPALIVE_REQUESTS, 500);
    var document =
        DocumentBuilderFactory.newInstance()
            .newDocumentBuilder()
            .parse(
                new ByteArrayInputStream(
                    Plot.render(results, MACHINE).getBytes(StandardCharsets.UTF_8)));
    var bars = document.getElementsByTagName("rect");
    assertThat(bars.getLength()).isEqualTo(2);
    double first = width(bars.item(0));
    assertThat(width(bars.item(1))).isEqualTo(first / 2, within(0.1));
  }

  @Test
  void limitsAreOfThePlainRewriteOrOfAnotherRow() {
    Traffic traffic = Traffic.same(new byte[64]);
    Scenario rest = Scenario.forwarded("rest", "at rest", traffic).within(Limit.ofRewrite(1.4));
    Scenario moving =
        Scenario.forwarded("moving", "slots that move", traffic).within(Limit.of("rest", 1.5));
    results.add("rest", "at rest", Quantity.SPEED_NS, 30);
    results.add("rest", "at rest", Quantity.SPEED_OF_REWRITE, 1.2);
    results.add("moving", "slots that move", Quantity.SPEED_NS, 60);
    results.add("moving", "slots that move", Quantity.SPEED_OF_REWRITE, 2.4);
    Report report = new Report(MACHINE, 1, results, List.of(rest, moving), List.of());
    assertThat(report.kept(rest)).hasValueSatisfying(kept -> assertThat(kept.met()).isTrue());
    assertThat(report.kept(moving)).hasValueSatisfying(kept -> assertThat(kept.met()).isFalse());
    assertThat(Table.render(report).lines())
        .anySatisfy(line -> assertThat(line).contains("at rest", "1.20", "1.40 ×", "yes"))
        .anySatisfy(
            line -> assertThat(line).contains("slots that move", "1.50 × at rest", "NO: 2.00"));
  }

  private Report report(int rounds) {
    return new Report(MACHINE, rounds, results, List.of(), List.of());
  }

  private static double width(org.w3c.dom.Node bar) {
    return Double.parseDouble(bar.getAttributes().getNamedItem("width").getNodeValue());
  }
}
