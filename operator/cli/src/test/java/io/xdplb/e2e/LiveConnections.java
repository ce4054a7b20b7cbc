// SPDX-License-Identifier: Apache-2.0
package io.xdplb.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.testing.kernel.Connections;
import io.xdplb.testing.kernel.Netns;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Connections to several VIPs at a time that keep talking, and must go on or must end. */
final class LiveConnections implements AutoCloseable {

  private static final int ROUNDS = 3;

  private final List<Connections> all = new ArrayList<>();

  /** Opens {@code count} to each VIP; returns when each has been answered. */
  static LiveConnections open(Netns client, List<String> vips, int port, int count) {
    LiveConnections live = new LiveConnections();
    try {
      vips.forEach(vip -> live.all.add(Echo.open(client, vip, port, count)));
      live.mustAllGoOn();
      return live;
    } catch (RuntimeException | Error e) {
      live.close();
      throw e;
    }
  }

  /** Each of them is asked again, several times, and not one has ever broken. */
  void mustAllGoOn() {
    all.forEach(connections -> connections.awaitRounds(ROUNDS));
    assertThat(broken()).as("broken connections").isEmpty();
  }

  /** Each of them is asked again. Exactly as many of each server as {@code expected} go on. */
  void mustGoOn(Map<String, Integer> expected) {
    all.forEach(connections -> connections.awaitRounds(ROUNDS));
    assertThat(perServer()).as("unbroken connections; broken: %s", broken()).isEqualTo(expected);
  }

  List<String> broken() {
    return all.stream().flatMap(connections -> connections.broken().stream()).toList();
  }

  /** How many unbroken ones each server has. */
  Map<String, Integer> perServer() {
    Map<String, Integer> sum = new TreeMap<>();
    all.forEach(c -> c.perServer().forEach((server, n) -> sum.merge(server, n, Integer::sum)));
    return sum;
  }

  @Override
  public void close() {
    all.forEach(Connections::close);
  }
}
