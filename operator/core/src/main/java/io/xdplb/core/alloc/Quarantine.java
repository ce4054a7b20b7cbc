// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.alloc;

import java.util.PriorityQueue;
import java.util.function.IntConsumer;

/** Numbers that must not be used again before a time. */
final class Quarantine {

  private record Held(int number, long until) {}

  private final long grace;
  private final PriorityQueue<Held> held =
      new PriorityQueue<>((a, b) -> Long.compare(a.until(), b.until()));

  Quarantine(long grace) {
    if (grace < 0) {
      throw new IllegalArgumentException("grace " + grace + " is negative");
    }
    this.grace = grace;
  }

  void add(int number, long now) {
    held.add(new Held(number, now + grace));
  }

  /** Gives back every number whose time has passed. */
  void release(long now, IntConsumer to) {
    while (!held.isEmpty() && held.peek().until() <= now) {
      to.accept(held.poll().number());
    }
  }
}
