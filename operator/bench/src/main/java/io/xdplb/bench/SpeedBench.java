// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import com.fasterxml.jackson.databind.JsonNode;
import io.xdplb.testing.packet.Frame;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;

/**
 * What a packet costs in the program of one setting, kind by kind, next to the plain rewrite of the
 * tutorial, which is measured in turns with it. The program runs as the product attached it, on the
 * maps that it filled, by BPF_PROG_TEST_RUN; what the harness around it costs is measured in turns
 * as well, and is not in it.
 */
final class SpeedBench implements AutoCloseable {

  /** Blocks of packets a turn. */
  private static final int BLOCKS = 100;

  /** So few that the flows of several rounds have room in a table. */
  private static final int BLOCKS_OF_NEW_FLOWS = 8;

  private static final int BLOCKS_IN_HASTE = 5;
  private static final int TURNS = 10; // as in alone.c
  private static final int PACKETS_A_BLOCK = 1024; // as in traffic.h

  /** Some of a million flows may have found no place in a table of flows. */
  private static final double NEARLY_ALL = 0.98;

  private final Tool tool;
  private final Setting setting;
  private final boolean quick;
  private final SpeedScene scene;

  /**
   * Starts the balancer, which runs until {@link #close}, and establishes its flows.
   *
   * @param quick a few packets of each kind, whose numbers say little
   */
  SpeedBench(Tool tool, Setting setting, boolean quick) throws Exception {
    this.tool = tool;
    this.setting = setting;
    this.quick = quick;
    System.err.println("  setting up " + setting.id());
    scene = new SpeedScene(setting);
    try {
      if (!setting.established().isEmpty()) {
        run(setting.established().stream().map(SpeedBench::pass).toList());
      }
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  /** What the product makes of a frame. */
  byte[] processed(byte[] frame) {
    JsonNode answer = run(List.of(pass(Traffic.same(frame)))).get(0);
    return HexFormat.of().parseHex(answer.get("frame").asText());
  }

  /** So many rounds; a scenario that fails is reported, the others' numbers stand. */
  void measure(int rounds, Results results) {
    for (int round = 1; round <= rounds; round++) {
      List<Scenario> scenarios = new ArrayList<>(setting.scenarios());
      Collections.rotate(scenarios, round - 1);
      for (Scenario scenario : scenarios) {
        System.err.printf("  round %d of %d: %s%n", round, rounds, scenario.title());
        try {
          add(scenario, measure(scenario, round), results);
        } catch (RuntimeException e) {
          e.printStackTrace();
          results.failed(scenario.title(), round, e);
        }
      }
    }
  }

  private JsonNode measure(Scenario scenario, int round) {
    Traffic traffic = scenario.traffic();
    boolean newFlows = traffic.flows() == 0;
    int blocks = quick ? BLOCKS_IN_HASTE : newFlows ? BLOCKS_OF_NEW_FLOWS : BLOCKS;
    List<String> script = new ArrayList<>(List.of("reference " + reference().words()));
    scenario.before().forEach(before -> script.add(pass(before)));
    if (newFlows) {
      long first = (long) round * TURNS * blocks * PACKETS_A_BLOCK;
      traffic = traffic.from((int) (first % Traffic.MOST_FLOWS));
    } else {
      script.add(pass(traffic));
    }
    script.add("measure " + blocks + " " + traffic.words());

    List<JsonNode> answers = run(script);
    int passes = scenario.before().size();
    for (JsonNode before : answers.subList(0, passes)) {
      check(scenario.title() + ", what goes before", Scenario.Outcome.SENT, before);
    }
    if (!newFlows) {
      check(scenario.title(), scenario.outcome(), answers.get(passes));
    }
    JsonNode measured = answers.get(answers.size() - 1);
    checkVerdict(scenario.title(), scenario.outcome(), measured);
    return measured;
  }

  private static void add(Scenario scenario, JsonNode measured, Results results) {
    double ns = measured.get("nanoseconds").asDouble();
    double reference = measured.get("reference").asDouble();
    String id = scenario.id();
    results.add(id, scenario.title(), Quantity.SPEED_NS, ns);
    results.add(id, scenario.title(), Quantity.SPEED_OF_REWRITE, ns / reference);
    results.add(id, scenario.title(), Quantity.SPEED_REWRITE_NS, reference);
    results.add(id, scenario.title(), Quantity.SPEED_HARNESS_NS, measured.get("floor").asDouble());
  }

  private static String pass(Traffic traffic) {
    return "pass " + traffic.words();
  }

  private static void check(String what, Scenario.Outcome outcome, JsonNode pass) {
    double changed = pass.get("changed").asDouble() / pass.get("frames").asDouble();
    if (outcome.changed() ? changed < NEARLY_ALL : changed > 0) {
      throw new IllegalStateException("%s: not all were %s: %s".formatted(what, outcome, pass));
    }
    checkVerdict(what, outcome, pass);
  }

  private static void checkVerdict(String what, Scenario.Outcome outcome, JsonNode answer) {
    if (answer.get("verdict").asInt() != outcome.verdict()) {
      throw new IllegalStateException("%s: not %s: %s".formatted(what, outcome, answer));
    }
  }

  /** Of the client that the tutorial's program knows. */
  private static Traffic reference() {
    return Traffic.same(
        Frame.tcp("198.51.100.10", 40000, Scene.VIP, Scene.PORT)
            .tcpOptions(SpeedHosts.TIMESTAMP)
            .bytes());
  }

  private List<JsonNode> run(List<String> script) {
    List<JsonNode> answers = new ArrayList<>();
    tool.runWithInput(
            scene.netns(),
            String.join("\n", script) + "\n",
            "alone",
            tool.object("harness"),
            tool.object("floor"),
            tool.object("rewrite"),
            SpeedScene.DEVICE)
        .forEach(answers::add);
    return answers;
  }

  @Override
  public void close() throws Exception {
    scene.close();
  }
}
