// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.alloc;

import java.util.BitSet;
import java.util.OptionalInt;

/**
 * Hands out indices, always the lowest free one, so that what is in use stays dense. A freed index
 * rests for a grace period, because a packet that is on its way may still hold it.
 *
 * <p>Times are of any clock and unit, the same for all calls. Not safe for use by several threads
 * at once.
 */
public final class IndexAllocator {

  private final int capacity;
  private final Quarantine quarantine;
  private final BitSet used = new BitSet();
  private final BitSet resting = new BitSet();

  /**
   * @param capacity indices are 0 to {@code capacity - 1}
   * @param grace how long a freed index rests
   */
  public IndexAllocator(int capacity, long grace) {
    if (capacity < 0) {
      throw new IllegalArgumentException("capacity " + capacity + " is negative");
    }
    this.capacity = capacity;
    this.quarantine = new Quarantine(grace);
  }

  /** Takes the lowest free index; empty if all are in use or resting. */
  public OptionalInt allocate(long now) {
    quarantine.release(
        now,
        index -> {
          used.clear(index);
          resting.clear(index);
        });
    int index = used.nextClearBit(0);
    if (index >= capacity) {
      return OptionalInt.empty();
    }
    used.set(index);
    return OptionalInt.of(index);
  }

  /**
   * Gives an index back.
   *
   * @throws IllegalStateException if it is not in use
   */
  public void free(int index, long now) {
    if (index < 0 || !used.get(index) || resting.get(index)) {
      throw new IllegalStateException("index " + index + " is not in use");
    }
    resting.set(index);
    quarantine.add(index, now);
  }

  /**
   * Takes an index that was found in use after a restart.
   *
   * @throws IllegalStateException if it is in use or resting
   * @throws IllegalArgumentException if it is beyond the capacity
   */
  public void restore(int index) {
    if (index < 0 || index >= capacity) {
      throw new IllegalArgumentException("index " + index + " is not below " + capacity);
    }
    if (used.get(index)) {
      throw new IllegalStateException("index " + index + " is in use already");
    }
    used.set(index);
  }

  /** How many indices are in use; resting ones do not count. */
  public int inUse() {
    return used.cardinality() - resting.cardinality();
  }
}
