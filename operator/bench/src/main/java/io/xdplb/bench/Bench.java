// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Measures the contenders side by side and writes a table, a JSON file and a plot. */
@Command(
    name = "bench",
    mixinStandardHelpOptions = true,
    description = "Measures ways of balancing side by side. Needs root.")
public final class Bench implements Callable<Integer> {

  enum Part {
    /** How long the agent takes to program much, and its memory. */
    AGENT,
    /** How changes arrive in a cluster of many load balancers and nodes. */
    SCALE,
    /** What a packet costs in the product's program, kind by kind. */
    SPEED,
    /** Frames on a wire. */
    PACKETS,
    /** HTTP between real stacks. */
    HTTP
  }

  private static final List<Integer> SCALES = List.of(10, 100, 1000);

  @Spec private CommandSpec spec;

  @Option(names = "--quick", description = "One short round: shows that all of it works, no more.")
  private boolean quick;

  @Option(names = "--rounds", description = "Rounds, each with every contender; default 5.")
  private int rounds = 5;

  @Option(
      names = "--part",
      split = ",",
      paramLabel = "PART",
      description = "Only these parts of: ${COMPLETION-CANDIDATES}.")
  private Set<Part> parts = EnumSet.allOf(Part.class);

  @Option(
      names = "--only",
      split = ",",
      paramLabel = "ID",
      description = "Only these contenders, by their key in the JSON file.")
  private Set<String> only = Set.of();

  @Option(
      names = "--out",
      paramLabel = "FOLDER",
      description = "Where bench.json and bench.svg are written; default docs.")
  private Path out = Path.of("docs");

  /** Runs the benchmark and exits with its status. */
  public static void main(String[] arguments) {
    System.exit(run(arguments));
  }

  /** As the command line does, without ending the JVM; 0 if all was measured. */
  static int run(String... arguments) {
    return commandLine().execute(arguments);
  }

  static CommandLine commandLine() {
    return new CommandLine(new Bench()).setCaseInsensitiveEnumValuesAllowed(true);
  }

  private void check(Contenders contenders) {
    List<String> known =
        Stream.concat(contenders.forHttp().stream(), contenders.forPackets().stream())
            .map(Contender::id)
            .distinct()
            .toList();
    if (!known.containsAll(only)) {
      throw new CommandLine.ParameterException(
          spec.commandLine(), "--only " + String.join(",", only) + ": there are " + known);
    }
    if (rounds < 1) {
      throw new CommandLine.ParameterException(spec.commandLine(), "--rounds: at least 1");
    }
  }

  @Override
  public Integer call() throws Exception {
    int count = quick ? 1 : rounds;
    Report report;
    try (Tool tool = new Tool()) {
      Contenders contenders = new Contenders(tool);
      check(contenders);
      List<Contender> http = chosen(contenders.forHttp());
      List<Contender> packets = chosen(contenders.forPackets());
      Results results = new Results(Stream.concat(http.stream(), packets.stream()).toList());
      List<Scenario> scenarios =
          has(Part.SPEED) && only.isEmpty() ? speed(tool, count, results) : List.of();
      boolean more = has(Part.AGENT) || has(Part.SCALE) || has(Part.PACKETS) || has(Part.HTTP);
      for (int round = 1; more && round <= count; round++) {
        System.err.printf("round %d of %d%n", round, count);
        if (has(Part.AGENT) && only.isEmpty()) {
          System.err.println("  the agent");
          (quick ? new AgentBench(50, 0) : new AgentBench(1000, AgentBench.SETTLED_SECONDS))
              .measure(results);
        }
        if (has(Part.SCALE) && only.isEmpty()) {
          System.err.println("  a cluster");
          (quick ? new ScaleBench(List.of(3), 3, 5) : new ScaleBench(SCALES, 50, 100))
              .measure(results);
        }
        if (has(Part.PACKETS)) {
          packets(tool, packets, round, results);
        }
        if (has(Part.HTTP)) {
          http(tool, http, round, results);
        }
      }
      report = new Report(Machine.here(), count, results, scenarios, ProgramSize.shipped(tool));
    }
    System.out.println(Table.render(report));
    Output.write(out, report);
    System.err.println("written: " + out.resolve(Output.JSON) + ", " + out.resolve(Output.SVG));
    return report.results().failures().isEmpty() ? 0 : 1;
  }

  private boolean has(Part part) {
    return parts.contains(part);
  }

  /**
   * By itself, and one balancer after the other: their flow tables are in nobody's way then, and
   * each measurement has what it is compared with in itself.
   *
   * @return the rows of the table
   */
  private List<Scenario> speed(Tool tool, int count, Results results) throws Exception {
    System.err.println("the programs alone");
    List<Scenario> scenarios = new ArrayList<>();
    for (boolean ipv6 : List.of(false, true)) {
      byte[] syn;
      byte[] ack;
      Setting edge = EdgeScenarios.setting(ipv6);
      try (SpeedBench bench = new SpeedBench(tool, edge, quick)) {
        syn = bench.processed(SpeedPackets.syn(ipv6, 1, SpeedManifests.FIRST_VIP));
        ack = bench.processed(SpeedPackets.ack(ipv6, 1, SpeedManifests.FIRST_VIP));
        bench.measure(count, results);
      }
      scenarios.addAll(edge.scenarios());
      List<Setting> others = new ArrayList<>();
      if (ipv6 || !quick) { // in haste each setting once
        others.add(EdgeScenarios.moving(ipv6));
      }
      if (!ipv6 || !quick) {
        others.add(NodeScenarios.setting(ipv6, syn, ack));
        others.add(NatScenarios.setting(ipv6));
      }
      for (Setting setting : others) {
        try (SpeedBench bench = new SpeedBench(tool, setting, quick)) {
          bench.measure(count, results);
        }
        scenarios.addAll(setting.scenarios());
      }
    }
    return scenarios;
  }

  private void packets(Tool tool, List<Contender> contenders, int round, Results results)
      throws InterruptedException {
    PacketBench bench =
        quick ? new PacketBench(tool, 200_000, 20_000) : new PacketBench(tool, 2_000_000, 200_000);
    for (Contender contender : inTurns(contenders, round)) {
      System.err.println("  packets: " + contender.title());
      attempt(contender, round, results, () -> bench.measure(contender, results));
    }
  }

  private void http(Tool tool, List<Contender> contenders, int round, Results results)
      throws InterruptedException {
    HttpBench bench = new HttpBench(tool, quick ? 0.3 : 2);
    for (Contender contender : inTurns(contenders, round)) {
      System.err.println("  HTTP: " + contender.title());
      attempt(contender, round, results, () -> bench.measure(contender, results));
    }
  }

  private List<Contender> chosen(List<Contender> all) {
    return only.isEmpty() ? all : all.stream().filter(c -> only.contains(c.id())).toList();
  }

  /** Each round begins with another one, so that nobody is always first. */
  private static List<Contender> inTurns(List<Contender> contenders, int round) {
    List<Contender> turned = new ArrayList<>(contenders);
    Collections.rotate(turned, round - 1);
    return turned;
  }

  private interface Measurement {
    void run() throws Exception;
  }

  /** A contender that fails in one round is reported; the others' numbers stand. */
  private static void attempt(
      Contender contender, int round, Results results, Measurement measurement)
      throws InterruptedException {
    try {
      measurement.run();
    } catch (InterruptedException e) {
      throw e;
    } catch (Exception e) {
      e.printStackTrace();
      results.failed(contender, round, e);
    }
  }
}
