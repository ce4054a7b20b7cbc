// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.alloc;

import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/** x. */
public final class TwoChoiceTable<K> {
  /** x. */
  public static final int SLOTS_PER_BUCKET = 2;

  /** x. */
  public record Move<K>(K key, int fromSlot, int toSlot) {}

  /** x. */
  public record Placement<K>(int slot, List<Move<K>> moves) {}

  /** x. */
  public TwoChoiceTable(int buckets, long grace) {}

  /** buckets are 0 to buckets-1; the slots of bucket b are 2b and 2b+1. */
  public Optional<Placement<K>> insert(K key, int bucket1, int bucket2, long now) {
    throw new UnsupportedOperationException();
  }

  /** the slot that it had. */
  public int remove(K key, long now) {
    throw new UnsupportedOperationException();
  }

  /** false: key is already placed elsewhere (left by an interrupted move): clear that slot. */
  public boolean restore(K key, int bucket1, int bucket2, int slot) {
    throw new UnsupportedOperationException();
  }

  /** x. */
  public OptionalInt slotOf(K key) {
    throw new UnsupportedOperationException();
  }

  /** x. */
  public int size() {
    throw new UnsupportedOperationException();
  }
}
