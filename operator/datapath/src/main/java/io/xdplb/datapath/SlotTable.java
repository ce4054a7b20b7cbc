// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.alloc.TwoChoiceTable;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.VipKey;
import io.xdplb.libbpf.MapMemory;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BiPredicate;
import java.util.function.Predicate;

/** The map {@code vip_table}: address, protocol and port to the VIP's handle. */
final class SlotTable {
  /** Longer than any packet takes from its first look to its last. */
  private static final Duration PACKET = Duration.ofMillis(1);

  /** How long the slot of a removed key rests: with room for a CPU that was held up. */
  private static final Duration REST = Duration.ofMillis(10);

  /** What is looked up; protocol and port 0 stand for the address as such. */
  record Key(Ip address, int protocol, int port) {
    static Key of(VipKey vip) {
      return new Key(vip.address(), vip.protocol().number(), vip.port());
    }

    static Key ofAddress(Ip address) {
      return new Key(address, 0, 0);
    }
  }

  private final ByteBuffer slots;
  private final int buckets;
  private final TwoChoiceTable<Key> places;

  SlotTable(MapMemory memory) {
    slots = memory.buffer();
    buckets = memory.buffer().capacity() / memory.stride();
    places = new TwoChoiceTable<>(buckets, REST.toNanos());
  }

  /** Takes over what the map holds. {@code known} says whether a key's handle is still good. */
  void adopt(BiPredicate<Key, Integer> known) {
    for (int slot = 0; slot < buckets * TwoChoiceTable.SLOTS_PER_BUCKET; slot++) {
      int handle = slots.getInt(at(slot) + Layouts.Slot.VIP);
      if (handle == 0) {
        continue;
      }
      Key key = read(slot);
      if (!known.test(key, handle) || !restore(key, slot)) {
        Shared.retract(slots, at(slot) + Layouts.Slot.VIP);
      }
    }
  }

  /** Clears addresses as such that nobody has any more. */
  void removeAddresses(Predicate<Ip> gone) {
    for (int slot = 0; slot < buckets * TwoChoiceTable.SLOTS_PER_BUCKET; slot++) {
      if (slots.getInt(at(slot) + Layouts.Slot.VIP) != 0) {
        Key key = read(slot);
        if (key.port() == 0 && gone.test(key.address())) {
          remove(key, System.nanoTime());
        }
      }
    }
  }

  private boolean restore(Key key, int slot) {
    long hash = hash(key);
    int bucket = slot / TwoChoiceTable.SLOTS_PER_BUCKET;
    return (bucket == first(hash) || bucket == second(hash))
        && places.restore(key, first(hash), second(hash), slot);
  }

  /** Where a key is; -1 if it is not in the table. */
  int slotOf(Key key) {
    return places.slotOf(key).orElse(-1);
  }

  void put(Key key, int handle, long now) {
    long hash = hash(key);
    TwoChoiceTable.Placement<Key> placement =
        places
            .insert(key, first(hash), second(hash), now)
            .or(() -> insertRested(key, hash))
            .orElseThrow(
                () ->
                    new DatapathException(
                        DatapathException.Reason.MapFull,
                        "no room in the VIP table of %d entries for %s"
                            .formatted(buckets * TwoChoiceTable.SLOTS_PER_BUCKET, key)));
    for (TwoChoiceTable.Move<Key> move : placement.moves()) {
      int moved = slots.getInt(at(move.fromSlot()) + Layouts.Slot.VIP);
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

  void remove(Key key, long now) {
    if (places.slotOf(key).isPresent()) {
      Shared.retract(slots, at(places.remove(key, now)) + Layouts.Slot.VIP);
    }
  }

  private void write(int slot, Key key, int handle) {
    int at = at(slot);
    if (slots.getInt(at + Layouts.Slot.VIP) != 0) {
      Shared.retract(slots, at + Layouts.Slot.VIP);
      LockSupport.parkNanos(PACKET.toNanos());
    }
    Wire.putAddress(slots, at + Layouts.Slot.ADDRESS, key.address());
    slots.putShort(at + Layouts.Slot.PORT, Wire.nativeShort(key.port()));
    slots.put(at + Layouts.Slot.PROTOCOL, (byte) key.protocol());
    slots.put(at + Layouts.Slot.FAMILY, Wire.family(key.address()));
    Shared.publish(slots, at + Layouts.Slot.VIP, handle);
  }

  private Key read(int slot) {
    int at = at(slot);
    return new Key(
        Wire.address(slots, at + Layouts.Slot.ADDRESS, slots.get(at + Layouts.Slot.FAMILY)),
        slots.get(at + Layouts.Slot.PROTOCOL) & 0xff,
        Wire.port(slots, at + Layouts.Slot.PORT));
  }

  private static int at(int slot) {
    return slot * Layouts.Slot.LAYOUT.size();
  }

  private static long hash(Key key) {
    return Hash.vip(key.address(), key.protocol(), key.port());
  }

  private int first(long hash) {
    return (int) hash & (buckets - 1);
  }

  private int second(long hash) {
    return (int) (hash >>> 32) & (buckets - 1);
  }
}
