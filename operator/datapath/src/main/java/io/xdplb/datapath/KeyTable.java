// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.alloc.TwoChoiceTable;
import io.xdplb.libbpf.MapMemory;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BiPredicate;
import java.util.function.Predicate;
import java.util.stream.IntStream;

/** The map {@code keys}: whatever is looked up, to the handle of what it is. */
final class KeyTable {
  /** Longer than any packet takes from its first look to its last. */
  static final Duration PACKET = Duration.ofMillis(1);

  /** How long the slot of a removed key rests: with room for a CPU that was held up. */
  static final Duration REST = Duration.ofMillis(10);

  private final ByteBuffer slots;
  private final int buckets;
  private final TwoChoiceTable<Key> places;

  KeyTable(MapMemory memory) {
    slots = memory.buffer();
    buckets = memory.buffer().capacity() / memory.stride();
    places = new TwoChoiceTable<>(buckets, REST.toNanos());
  }

  /** Takes over what the map holds. {@code known} says whether a key's handle is still good. */
  void adopt(BiPredicate<Key, Integer> known) {
    for (int slot = 0; slot < buckets * TwoChoiceTable.SLOTS_PER_BUCKET; slot++) {
      int handle = slots.getInt(at(slot) + Layouts.Key.HANDLE);
      if (handle == 0) {
        continue;
      }
      Key key = Key.read(slots, at(slot));
      if (!known.test(key, handle) || !restore(key, slot)) {
        Shared.retract(slots, at(slot) + Layouts.Key.HANDLE);
      }
    }
  }

  /** Removes the keys of some kind that are of no use. */
  void removeIf(int protocol, Predicate<Key> useless) {
    for (Key key : keys(protocol)) {
      if (useless.test(key)) {
        remove(key, System.nanoTime());
      }
    }
  }

  /** All keys with this {@code protocol}. */
  List<Key> keys(int protocol) {
    return IntStream.range(0, buckets * TwoChoiceTable.SLOTS_PER_BUCKET)
        .filter(slot -> slots.getInt(at(slot) + Layouts.Key.HANDLE) != 0)
        .filter(slot -> (slots.get(at(slot) + Layouts.Key.PROTOCOL) & 0xff) == protocol)
        .mapToObj(slot -> Key.read(slots, at(slot)))
        .filter(this::contains)
        .toList();
  }

  private boolean restore(Key key, int slot) {
    long hash = key.hash();
    int bucket = slot / TwoChoiceTable.SLOTS_PER_BUCKET;
    return (bucket == first(hash) || bucket == second(hash))
        && places.restore(key, first(hash), second(hash), slot);
  }

  /** Whether a key was put here, or found by {@link #adopt}. */
  boolean contains(Key key) {
    return places.slotOf(key).isPresent();
  }

  /** The handle of a key; 0 if it is not in the table. */
  int handle(Key key) {
    return places.slotOf(key).isEmpty()
        ? 0
        : slots.getInt(at(places.slotOf(key).getAsInt()) + Layouts.Key.HANDLE);
  }

  /**
   * Puts a key into the table, or mends it if it is there.
   *
   * @throws DatapathException if there is no room
   */
  void put(Key key, int handle, long now) {
    if (contains(key)) {
      mend(key, handle);
      return;
    }
    long hash = key.hash();
    TwoChoiceTable.Placement<Key> placement =
        places
            .insert(key, first(hash), second(hash), now)
            .or(() -> insertRested(key, hash))
            .orElseThrow(
                () ->
                    new DatapathException(
                        DatapathException.Reason.MapFull,
                        "no room in the lookup table of %d entries for %s; raise --max-vips"
                            .formatted(buckets * TwoChoiceTable.SLOTS_PER_BUCKET, key)));
    for (TwoChoiceTable.Move<Key> move : placement.moves()) {
      int moved = slots.getInt(at(move.fromSlot()) + Layouts.Key.HANDLE);
      write(move.toSlot(), move.key(), moved);
      LockSupport.parkNanos(PACKET.toNanos());
    }
    write(placement.slot(), key, handle);
  }

  /**
   * A key has four slots at most: without this one that is removed and added again some times would
   * find them all resting.
   */
  private Optional<TwoChoiceTable.Placement<Key>> insertRested(Key key, long hash) {
    long rested = System.nanoTime() + REST.toNanos();
    while (System.nanoTime() < rested) {
      LockSupport.parkNanos(PACKET.toNanos());
    }
    return places.insert(key, first(hash), second(hash), System.nanoTime());
  }

  /** Writes the slot of a key again if somebody has changed it, and clears copies of the key. */
  private void mend(Key key, int handle) {
    int own = places.slotOf(key).orElseThrow();
    long hash = key.hash();
    for (int bucket : new int[] {first(hash), second(hash)}) {
      for (int i = 0; i < TwoChoiceTable.SLOTS_PER_BUCKET; i++) {
        int slot = bucket * TwoChoiceTable.SLOTS_PER_BUCKET + i;
        if (slot != own && Key.read(slots, at(slot)).equals(key)) {
          Shared.retract(slots, at(slot) + Layouts.Key.HANDLE);
        }
      }
    }
    if (slots.getInt(at(own) + Layouts.Key.HANDLE) != handle
        || !Key.read(slots, at(own)).equals(key)) {
      write(own, key, handle);
    }
  }

  /** Removes a key if it is there. */
  void remove(Key key, long now) {
    if (contains(key)) {
      Shared.retract(slots, at(places.remove(key, now)) + Layouts.Key.HANDLE);
    }
  }

  private void write(int slot, Key key, int handle) {
    int at = at(slot);
    if (slots.getInt(at + Layouts.Key.HANDLE) != 0) {
      Shared.retract(slots, at + Layouts.Key.HANDLE);
      LockSupport.parkNanos(PACKET.toNanos());
    }
    key.write(slots, at);
    Shared.publish(slots, at + Layouts.Key.HANDLE, handle);
  }

  private static int at(int slot) {
    return slot * Layouts.Key.LAYOUT.size();
  }

  private int first(long hash) {
    return (int) hash & (buckets - 1);
  }

  private int second(long hash) {
    return (int) (hash >>> 32) & (buckets - 1);
  }
}
