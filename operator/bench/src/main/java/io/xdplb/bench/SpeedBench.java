// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import com.fasterxml.jackson.databind.JsonNode;
import io.xdplb.testing.packet.Frame;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * What a packet costs in the product's program, kind by kind, next to the plain rewrite of the
 * tutorial, which is measured in turns with it. The program runs as the product attached it, on the
 * maps that it filled, by BPF_PROG_TEST_RUN; what the harness around it costs is measured in turns
 * as well, and is not in it.
 */
final class SpeedBench implements AutoCloseable {

  /** Blocks of 1024 packets a turn, of which there are ten: about a million packets. */
  private static final int BLOCKS = 100;

  /** So few that a flood does not fill the flow table over the rounds. */
  private static final int BLOCKS_OF_NEW_FLOWS = 8;

  private static final int TURNS = 10; // as in alone.c
  private static final int PACKETS_A_BLOCK = 1024; // as in traffic.h
  private static final int QUICK = 10;

  /** A few of a million flows may have found no place in a table of flows. */
  private static final double NEARLY_ALL = 0.999;

  private record Running(Setting setting, SpeedScene scene) {}

  private final Tool tool;
  private final boolean quick;
  private final List<Running> running = new ArrayList<>();

  /** Starts all balancers and establishes their flows. */
  SpeedBench(Tool tool, List<Setting> settings, boolean quick) throws Exception {
    this.tool = tool;
    this.quick = quick;
    try {
      for (Setting setting : settings) {
        System.err.println("speed: setting up " + setting.id());
        Running one = new Running(setting, new SpeedScene(setting));
        running.add(one);
        List<String> script = setting.established().stream().map(SpeedBench::pass).toList();
        run(one, script);
      }
    } catch (Exception | Error e) {
      close();
      throw e;
    }
  }

  /** One round of everything; a scenario that fails is reported, the others' numbers stand. */
  void measure(int round, Results results) throws InterruptedException {
    for (Running one : running) {
      List<Scenario> scenarios = new ArrayList<>(one.setting().scenarios());
      Collections.rotate(scenarios, round - 1);
      for (Scenario scenario : scenarios) {
        System.err.println("  speed: " + scenario.title());
        try {
          measure(one, scenario, round, results);
        } catch (RuntimeException e) {
          e.printStackTrace();
          results.failed(scenario.title(), round, e);
        }
      }
    }
  }

  private void measure(Running one, Scenario scenario, int round, Results results) {
    Traffic traffic = scenario.traffic();
    boolean newFlows = traffic.flows() == 0;
    int blocks = (newFlows ? BLOCKS_OF_NEW_FLOWS : BLOCKS) / (quick ? QUICK : 1);
    int blocksAtLeast = Math.max(1, blocks);
    if (newFlows) {
      int runs = TURNS * blocksAtLeast * PACKETS_A_BLOCK;
      traffic = traffic.from((int) ((long) round * runs % Traffic.MOST_FLOWS));
    }
    List<String> script = new ArrayList<>(List.of("reference " + reference().words()));
    scenario.before().forEach(before -> script.add(pass(before)));
    if (!newFlows) {
      script.add(pass(traffic));
    }
    script.add("measure " + blocksAtLeast + " " + traffic.words());

    List<JsonNode> answers = run(one, script);
    for (JsonNode before : answers.subList(0, scenario.before().size())) {
      allSentOn(scenario.title() + ", before it", before);
    }
    if (!newFlows) {
      JsonNode pass = answers.get(scenario.before().size());
      if (scenario.verdict() == Scenario.Verdict.TX) {
        allSentOn(scenario.title(), pass);
      } else if (pass.get("changed").asLong() != 0) {
        throw new IllegalStateException(scenario.title() + ": was changed: " + pass);
      }
    }
    JsonNode measured = answers.get(answers.size() - 1);
    if (measured.get("verdict").asInt() != scenario.verdict().value()) {
      throw new IllegalStateException(
          "%s: not %s: %s".formatted(scenario.title(), scenario.verdict(), measured));
    }
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

  private static void allSentOn(String what, JsonNode pass) {
    if (pass.get("changed").asLong() < NEARLY_ALL * pass.get("frames").asLong()
        || pass.get("verdict").asInt() != Scenario.Verdict.TX.value()) {
      throw new IllegalStateException(what + ": not all frames were sent on: " + pass);
    }
  }

  /** Of the client that the tutorial's program knows. */
  private static Traffic reference() {
    return Traffic.same(
        Frame.tcp("198.51.100.10", 40000, Scene.VIP, Scene.PORT)
            .tcpOptions(NatScenarios.TIMESTAMP)
            .bytes());
  }

  private List<JsonNode> run(Running one, List<String> script) {
    if (script.isEmpty()) {
      return List.of();
    }
    List<JsonNode> answers = new ArrayList<>();
    tool.runWithInput(
            one.scene().netns(),
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
    Undo undo = new Undo();
    running.forEach(one -> undo.later(one.scene()));
    undo.close();
  }
}
