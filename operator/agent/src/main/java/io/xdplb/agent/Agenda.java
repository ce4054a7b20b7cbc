// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent;

import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** What is to be done when; each task once at a time. Belongs to one thread. */
final class Agenda<T extends Enum<T>> {

  private final Map<T, Long> dueNanos;

  Agenda(Class<T> tasks) {
    this.dueNanos = new EnumMap<>(tasks);
  }

  /** Sets when a task is due, whatever was planned before. */
  void in(T task, Duration delay) {
    dueNanos.put(task, System.nanoTime() + delay.toNanos());
  }

  /** Brings a task forward: it is due after {@code delay} or when it was due anyway. */
  void atLatestIn(T task, Duration delay) {
    dueNanos.merge(task, System.nanoTime() + delay.toNanos(), Math::min);
  }

  /** Plans it no longer. */
  void cancel(T task) {
    dueNanos.remove(task);
  }

  /** The tasks that are due, in the order of the enum; they are no longer planned. */
  List<T> due() {
    long now = System.nanoTime();
    List<T> due = new ArrayList<>();
    dueNanos.forEach(
        (task, at) -> {
          if (at - now <= 0) {
            due.add(task);
          }
        });
    due.forEach(dueNanos::remove);
    return due;
  }

  /** How long until a task is due, at least 0; {@link Long#MAX_VALUE} if none is planned. */
  long nanosUntilNext() {
    long now = System.nanoTime();
    return dueNanos.values().stream()
        .mapToLong(at -> Math.max(0, at - now))
        .min()
        .orElse(Long.MAX_VALUE);
  }
}
