// SPDX-License-Identifier: Apache-2.0
package io.xdplb.e2e;

import io.xdplb.testing.kernel.Connections;
import io.xdplb.testing.kernel.Netns;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;

/** Connections to echo servers behind a VIP. */
final class Echo {

  private static final Duration PAUSE = Duration.ofMillis(10);
  private static final Duration TIMEOUT = Duration.ofSeconds(3);

  private Echo() {}

  /** Connections that talk until they are closed. */
  static Connections open(Netns client, String vip, int port, int count) {
    return Connections.open(client, vip, port, count, PAUSE, TIMEOUT);
  }

  /** Who answers a new connection; empty if nobody does within the time. */
  static Optional<String> server(Netns client, String vip, int port, Duration timeout) {
    try (Connections one = Connections.open(client, vip, port, 1, Duration.ofMillis(1), timeout)) {
      one.awaitRounds(1);
      return one.perServer().keySet().stream().findFirst();
    } catch (IllegalStateException notAnswered) {
      return Optional.empty();
    }
  }

  /** Who answers so many new connections, how often. All of them must be answered. */
  static Map<String, Integer> servers(Netns client, String vip, int port, int count) {
    try (Connections some = open(client, vip, port, count)) {
      some.awaitRounds(1);
      if (!some.broken().isEmpty()) {
        throw new AssertionError("new connections to " + vip + " fail: " + some.broken());
      }
      return some.perServer();
    }
  }
}
