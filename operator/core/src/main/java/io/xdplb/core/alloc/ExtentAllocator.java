// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.alloc;

import java.util.HashMap;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeMap;

/**
 * Hands out runs of consecutive slots, each from the first gap that is long enough. A freed run
 * rests for a grace period, because a packet that is on its way may still read it, and then merges
 * with its free neighbours.
 *
 * <p>Times are of any clock and unit, the same for all calls. Not safe for use by several threads
 * at once.
 */
public final class ExtentAllocator {

  private final Quarantine quarantine;
  private final TreeMap<Integer, Integer> gaps = new TreeMap<>();
  private final Map<Integer, Integer> used = new HashMap<>();
  private final Map<Integer, Integer> resting = new HashMap<>();
  private int inUse;

  /**
   * @param capacity slots are 0 to {@code capacity - 1}
   * @param grace how long a freed run rests
   */
  public ExtentAllocator(int capacity, long grace) {
    if (capacity < 0) {
      throw new IllegalArgumentException("capacity " + capacity + " is negative");
    }
    if (capacity > 0) {
      gaps.put(0, capacity);
    }
    this.quarantine = new Quarantine(grace);
  }

  /**
   * Takes a run of slots.
   *
   * @param length at least 1
   * @return its first slot; empty if no gap is long enough
   */
  public OptionalInt allocate(int length, long now) {
    requireLength(length);
    quarantine.release(now, start -> addGap(start, resting.remove(start)));
    for (Map.Entry<Integer, Integer> gap : gaps.entrySet()) {
      if (gap.getValue() >= length) {
        int start = gap.getKey();
        take(start, length, start, gap.getValue());
        return OptionalInt.of(start);
      }
    }
    return OptionalInt.empty();
  }

  /**
   * Gives a run back.
   *
   * @param start its first slot
   * @throws IllegalStateException if no run in use starts there
   */
  public void free(int start, long now) {
    Integer length = used.remove(start);
    if (length == null) {
      throw new IllegalStateException("no run in use starts at slot " + start);
    }
    inUse -= length;
    resting.put(start, length);
    quarantine.add(start, now);
  }

  /**
   * Takes a run that was found in use after a restart.
   *
   * @throws IllegalStateException if any of its slots is in use, resting or beyond the capacity
   */
  public void restore(int start, int length) {
    requireLength(length);
    Map.Entry<Integer, Integer> gap = gaps.floorEntry(start);
    if (gap == null || (long) start + length > (long) gap.getKey() + gap.getValue()) {
      throw new IllegalStateException(
          "slots " + start + " to " + ((long) start + length - 1) + " are not all free");
    }
    take(start, length, gap.getKey(), gap.getValue());
  }

  /** How many slots are in use; resting ones do not count. */
  public int inUse() {
    return inUse;
  }

  /** The longest run that could be had now; resting ones do not count. */
  public int longestGap() {
    return gaps.values().stream().mapToInt(Integer::intValue).max().orElse(0);
  }

  private void take(int start, int length, int gapStart, int gapLength) {
    gaps.remove(gapStart);
    if (start > gapStart) {
      gaps.put(gapStart, start - gapStart);
    }
    int end = start + length;
    int gapEnd = gapStart + gapLength;
    if (end < gapEnd) {
      gaps.put(end, gapEnd - end);
    }
    used.put(start, length);
    inUse += length;
  }

  private void addGap(int start, int length) {
    Map.Entry<Integer, Integer> before = gaps.lowerEntry(start);
    if (before != null && before.getKey() + before.getValue() == start) {
      start = before.getKey();
      length += before.getValue();
    }
    Integer after = gaps.remove(start + length);
    gaps.put(start, after == null ? length : length + after);
  }

  private static void requireLength(int length) {
    if (length < 1) {
      throw new IllegalArgumentException("a run of " + length + " slots");
    }
  }
}
