// SPDX-License-Identifier: Apache-2.0
package io.xdplb.announce;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.testing.kernel.ManyConnections;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * What a client asks while something fails: probes a thousand times a second, a thousand
 * connections, and a server's own address, to which no load balancer is on the way.
 */
final class Traffic implements AutoCloseable {

  private static final int CONNECTIONS = 1000;
  private static final Duration PATIENCE = Duration.ofSeconds(5);

  private final List<Probe> probes;
  private final Probe control;
  private final List<ManyConnections> connections = new ArrayList<>();

  private Traffic(List<Probe> probes, Probe control) {
    this.probes = List.copyOf(probes);
    this.control = control;
  }

  /**
   * What the client notices.
   *
   * @param gap the longest time without an answer, of all probes
   * @param lost probes without an answer
   * @param lostByMachine probes of the server's own address without one: this machine was too busy
   * @param broken connections
   */
  record Cost(Duration gap, int lost, int lostByMachine, int broken) {

    /** Of a table's row. */
    String cells() {
      return "%d ms | %d | %d".formatted(gap.toMillis(), lost, broken);
    }

    /** Nothing was lost that this machine did not lose, and no connection. */
    void isNothing() {
      assertThat(lost)
          .as("probes lost; %d without a load balancer", lostByMachine)
          .isLessThanOrEqualTo(4 * lostByMachine);
      assertThat(broken).as("connections broken").isZero();
    }

    /** The gap was shorter than this, and no connection was lost. */
    void isLessThan(Duration limit) {
      assertThat(gap).as("gap").isLessThan(limit);
      assertThat(broken).as("connections broken").isZero();
    }
  }

  /**
   * Begins.
   *
   * @param probes closed with the result
   * @param vips that the connections are spread over
   */
  static Traffic start(AnnouncingMachines machines, List<Probe> probes, List<String> vips) {
    Probe control =
        Probe.start(machines.client(), machines.server().ipv4(), AnnouncingMachines.PORT);
    Traffic traffic = new Traffic(probes, control);
    for (String vip : vips) {
      ManyConnections opened =
          ManyConnections.open(
              List.of(machines.client()),
              vip,
              AnnouncingMachines.PORT,
              CONNECTIONS / vips.size(),
              PATIENCE);
      traffic.connections.add(opened);
      assertThat(opened.broken()).isEmpty();
    }
    return traffic;
  }

  /** What is counted begins now. */
  void begin() {
    probes.forEach(Probe::begin);
    control.begin();
  }

  /** What was noticed since {@link #begin}; the connections that are left are asked now. */
  Cost cost() {
    Probe.awaitAnswers();
    return new Cost(
        probes.stream().map(Probe::longestGap).max(Duration::compareTo).orElseThrow(),
        probes.stream().mapToInt(Probe::lost).sum(),
        control.lost(),
        connections.stream().mapToInt(Traffic::broken).sum());
  }

  private static int broken(ManyConnections connections) {
    connections.check();
    return connections.forgetBroken().size();
  }

  @Override
  public void close() {
    try {
      for (Probe probe : probes) {
        probe.close();
      }
      control.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    connections.forEach(ManyConnections::close);
  }
}
