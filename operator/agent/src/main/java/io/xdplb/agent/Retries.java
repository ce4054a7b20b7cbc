package io.xdplb.agent;

import io.xdplb.core.model.ObjectName;
import java.time.Duration;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;

/**
 * When tables are to be looked at again: after a failure, at growing intervals up to half a minute,
 * and when a drain ends.
 */
final class Retries {

  private static final Duration FIRST = Duration.ofMillis(100);
  private static final Duration LONGEST = Duration.ofSeconds(30);
  private static final int MAX_DOUBLINGS = 16;

  private record Appointment(long atNanos, ObjectName table) {}

  private final PriorityQueue<Appointment> queue =
      new PriorityQueue<>(Comparator.comparingLong(Appointment::atNanos));
  private final Map<ObjectName, Integer> failures = new HashMap<>();

  /** Notes a failure and plans the next attempt. */
  void failed(ObjectName table, long nowNanos) {
    int count = failures.merge(table, 1, Integer::sum);
    long delay = FIRST.toNanos() << Math.min(count - 1, MAX_DOUBLINGS);
    queue.add(new Appointment(nowNanos + Math.min(delay, LONGEST.toNanos()), table));
  }

  /** Notes a success: the next failure starts with the shortest interval again. */
  void succeeded(ObjectName table) {
    failures.remove(table);
  }

  /** Plans a look at a table. */
  void at(ObjectName table, long atNanos) {
    queue.add(new Appointment(atNanos, table));
  }

  /** The tables that are due, each once. */
  Set<ObjectName> due(long nowNanos) {
    Set<ObjectName> due = new HashSet<>();
    while (!queue.isEmpty() && queue.peek().atNanos() - nowNanos <= 0) {
      due.add(queue.poll().table());
    }
    return due;
  }

  /** How long until something is due, never negative; {@link Long#MAX_VALUE} if nothing is. */
  long nanosUntilNext(long nowNanos) {
    return queue.isEmpty() ? Long.MAX_VALUE : Math.max(0, queue.peek().atNanos() - nowNanos);
  }
}
