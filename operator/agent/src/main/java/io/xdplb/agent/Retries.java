// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent;

import io.xdplb.core.model.ObjectName;
import java.time.Duration;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * When tables are to be looked at again: after a failure, at growing intervals up to half a minute,
 * and when a drain ends. Each table has one appointment at most, the earliest asked for.
 */
final class Retries {

  private static final Duration FIRST = Duration.ofMillis(100);
  private static final Duration LONGEST = Duration.ofSeconds(30);
  private static final int MAX_DOUBLINGS = 16;

  private record Appointment(long atNanos, ObjectName table) {}

  private final TreeSet<Appointment> queue =
      new TreeSet<>(
          Comparator.comparingLong(Appointment::atNanos).thenComparing(Appointment::table));
  private final Map<ObjectName, Appointment> byTable = new HashMap<>();
  private final Map<ObjectName, Integer> failures = new HashMap<>();

  /** Notes a failure and plans the next attempt. */
  void failed(ObjectName table, long nowNanos) {
    int count = failures.merge(table, 1, Integer::sum);
    long delay = FIRST.toNanos() << Math.min(count - 1, MAX_DOUBLINGS);
    at(table, nowNanos + Math.min(delay, LONGEST.toNanos()));
  }

  /** Notes a success: the next failure starts with the shortest interval again. */
  void succeeded(ObjectName table) {
    failures.remove(table);
  }

  /** Plans a look at a table. */
  void at(ObjectName table, long atNanos) {
    Appointment former = byTable.get(table);
    if (former == null || atNanos < former.atNanos()) {
      cancel(table);
      Appointment appointment = new Appointment(atNanos, table);
      byTable.put(table, appointment);
      queue.add(appointment);
    }
  }

  /** Forgets a table. */
  void forget(ObjectName table) {
    cancel(table);
    failures.remove(table);
  }

  /** The tables that are due; their appointments are over. */
  Set<ObjectName> due(long nowNanos) {
    Set<ObjectName> due = new HashSet<>();
    while (!queue.isEmpty() && queue.first().atNanos() <= nowNanos) {
      ObjectName table = queue.first().table();
      cancel(table);
      due.add(table);
    }
    return due;
  }

  /** How long until something is due, never negative; {@link Long#MAX_VALUE} if nothing is. */
  long nanosUntilNext(long nowNanos) {
    return queue.isEmpty() ? Long.MAX_VALUE : Math.max(0, queue.first().atNanos() - nowNanos);
  }

  private void cancel(ObjectName table) {
    Appointment former = byTable.remove(table);
    if (former != null) {
      queue.remove(former);
    }
  }
}
