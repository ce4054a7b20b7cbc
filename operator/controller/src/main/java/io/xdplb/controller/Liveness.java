// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import java.time.Duration;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;

/**
 * Which agents have given a sign of life lately. A Lease counts from when its renewal was seen
 * here, by this process' own clock: the clocks of two machines need not agree. May be called from
 * any thread.
 */
final class Liveness {

  private record Sign(Object renewal, long seenNanos, Duration lasts) {}

  private final LongSupplier nanos;
  private final Map<String, Sign> signs = new ConcurrentHashMap<>();
  private final Set<String> silent = ConcurrentHashMap.newKeySet();

  /**
   * @param nanos a clock that only goes on, in nanoseconds
   */
  Liveness(LongSupplier nanos) {
    this.nanos = nanos;
  }

  /**
   * A Lease was seen.
   *
   * @param renewal what changes with each renewal
   * @param lasts for how long a renewal is good
   * @return whether the agent had been silent
   */
  boolean seen(String node, Object renewal, Duration lasts) {
    Sign before = signs.get(node);
    if (before != null && before.renewal().equals(renewal)) {
      return false; // read again, not renewed
    }
    signs.put(node, new Sign(renewal, nanos.getAsLong(), lasts));
    return silent.remove(node);
  }

  /** The Lease is gone: nothing is known of the agent. Answers whether it had been silent. */
  boolean forget(String node) {
    signs.remove(node);
    return silent.remove(node);
  }

  /** While nothing can be heard, nobody falls silent: all signs count from now. */
  void suspend() {
    long now = nanos.getAsLong();
    signs.replaceAll((node, sign) -> new Sign(sign.renewal(), now, sign.lasts()));
  }

  /** The nodes that have fallen silent since this was last asked. */
  Set<String> fallenSilent() {
    long now = nanos.getAsLong();
    Set<String> fallen = new HashSet<>();
    signs.forEach(
        (node, sign) -> {
          if (now - sign.seenNanos() > sign.lasts().toNanos() && silent.add(node)) {
            fallen.add(node);
          }
        });
    return fallen;
  }

  /** Whether a node's agent has a Lease and has renewed it in time. */
  boolean isAlive(String node) {
    return signs.containsKey(node) && !silent.contains(node);
  }

  /** Whether a node's agent has a Lease and has not renewed it in time. */
  boolean isSilent(String node) {
    return silent.contains(node);
  }
}
