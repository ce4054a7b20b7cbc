// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.xdplb.testing.kernel.Command;
import io.xdplb.testing.kernel.RequiresBpf;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

@RequiresBpf
class BenchTest {

  private static final List<String> HTTP =
      List.of(
          "direct",
          "forwarding",
          "nginx-stream",
          "haproxy",
          "nftables",
          "rewrite",
          "rewrite-generic",
          "xdplb",
          "xdplb-generic");
  private static final List<String> PACKETS =
      List.of(
          "reflect",
          "forwarding",
          "nftables",
          "rewrite",
          "rewrite-generic",
          "xdplb-dsr",
          "xdplb-dsr-generic",
          "xdplb",
          "xdplb-generic");

  @TempDir private Path out;

  @Test
  void quickRunMeasuresEveryContenderAndLeavesNothingBehind() throws Exception {
    long start = System.nanoTime();
    assertThat(Bench.run("--quick", "--out", out.toString())).isZero();
    assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(180));

    JsonNode json = new ObjectMapper().readTree(out.resolve("bench.json").toFile());
    JsonNode contenders = json.get("contenders");
    for (String id : HTTP) {
      for (String way : List.of("keepalive", "connection")) {
        assertThat(median(contenders, id, way + "_requests")).as(id).isGreaterThan(100);
        assertThat(median(contenders, id, way + "_p99"))
            .as(id)
            .isGreaterThanOrEqualTo(median(contenders, id, way + "_p50"));
        assertThat(median(contenders, id, way + "_cpu")).as(id).isPositive();
      }
      assertThat(median(contenders, id, "paced_p99")).as(id).isPositive();
    }
    for (String id : PACKETS) {
      assertThat(median(contenders, id, "flows_packets")).as(id).isGreaterThan(10_000);
      assertThat(median(contenders, id, "flows_delivered")).as(id).isGreaterThan(0.99);
      assertThat(median(contenders, id, "new_delivered")).as(id).isGreaterThan(0.99);
    }
    for (String id : List.of("agent", "standalone")) {
      assertThat(median(contenders, id, "agent_programmed")).as(id).isBetween(0.1, 30.0);
      assertThat(median(contenders, id, "agent_reloaded")).as(id).isBetween(0.1, 30.0);
      assertThat(median(contenders, id, "agent_memory")).as(id).isBetween(20.0, 300.0);
    }
    assertThat(json.get("speed").size()).isGreaterThanOrEqualTo(15);
    for (JsonNode row : json.get("speed")) {
      String title = row.get("title").asText();
      assertThat(row.at("/speed_ns/median").asDouble()).as(title).isBetween(-20.0, 5000.0);
      assertThat(row.at("/speed_rewrite_ns/median").asDouble()).as(title).isBetween(3.0, 300.0);
    }
    assertThat(json.at("/speed/nat-ipv4/limit/times").asDouble()).isEqualTo(2.5);
    assertThat(json.get("programs")).isNotEmpty();
    for (JsonNode program : json.get("programs")) {
      assertThat(program.get("verified").asInt()).as(program.toString()).isBetween(1, 1_000_000);
    }
    assertThat(out.resolve("bench.svg")).content().contains("nftables");
    assertThat(Command.run(List.of("ip", "netns", "list")))
        .doesNotContain("xl-" + ProcessHandle.current().pid() + "-");
  }

  @Test
  void unknownContenderIsRefusedWithTheNamesThereAre() {
    StringWriter errors = new StringWriter();
    int status =
        new CommandLine(new Bench())
            .setErr(new PrintWriter(errors))
            .execute("--quick", "--only", "ipvs", "--out", out.toString());
    assertThat(status).isEqualTo(CommandLine.ExitCode.USAGE);
    assertThat(errors.toString()).contains("--only ipvs", "haproxy", "reflect");
    assertThat(out.resolve("bench.json")).doesNotExist();
  }

  @Test
  void unknownPartIsRefusedWithThePartsThereAre() {
    StringWriter errors = new StringWriter();
    int status =
        Bench.commandLine()
            .setErr(new PrintWriter(errors))
            .execute("--part", "latency", "--out", out.toString());
    assertThat(status).isEqualTo(CommandLine.ExitCode.USAGE);
    assertThat(errors.toString()).contains("latency", "SPEED", "PACKETS");
  }

  private static double median(JsonNode contenders, String id, String quantity) {
    JsonNode series = contenders.path(id).path(quantity);
    assertThat(series.isObject()).as("%s of %s was measured", quantity, id).isTrue();
    return series.get("median").asDouble();
  }
}
