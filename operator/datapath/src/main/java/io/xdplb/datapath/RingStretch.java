// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.libbpf.BpfMap;
import io.xdplb.libbpf.MapMemory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Slots of one ring in the maps {@code rings} and {@code ring_histories}, in memory until it is
 * closed. A stretch begins at a line; a slot's history is written before the slot that says that it
 * has one.
 */
final class RingStretch implements AutoCloseable {
  /** Set in a slot that has a history: SLOT_MOVED in {@code bpf/src/layout.h}. */
  private static final int MOVED = 1 << 31;

  private final MapMemory slots;
  private final MapMemory histories;
  private final int size;

  /**
   * @param start number of the first slot, a multiple of the slots in a line
   * @param size how many slots, at least 1
   */
  RingStretch(BpfMap rings, BpfMap ringHistories, int start, int size) {
    int first = start / Layouts.RingLine.SLOTS;
    slots = rings.mmap(first, lines(size));
    try {
      histories = ringHistories.mmap(first, lines(size));
    } catch (RuntimeException e) {
      slots.close();
      throw e;
    }
    this.size = size;
  }

  /** How many lines so many slots take. */
  static int lines(int slots) {
    return (slots + Layouts.RingLine.SLOTS - 1) / Layouts.RingLine.SLOTS;
  }

  /** The owners of slots as another program may read them: handles, 0 for none. */
  static int[] owners(BpfMap rings, int start, int size) {
    int[] owners = new int[size];
    if (size > 0) {
      byte[] values = new byte[lines(size) * Layouts.RingLine.LAYOUT.size()];
      rings.lookupRange(start / Layouts.RingLine.SLOTS, values);
      ByteBuffer.wrap(values).order(ByteOrder.nativeOrder()).asIntBuffer().get(owners);
    }
    for (int slot = 0; slot < size; slot++) {
      owners[slot] &= ~MOVED;
    }
    return owners;
  }

  /** All slots with their histories, as {@link RingSlot} has them. */
  long[] read() {
    long[] read = new long[size];
    for (int slot = 0; slot < size; slot++) {
      int word = slots.buffer().getInt(at(slot));
      int history = (word & MOVED) == 0 ? 0 : histories.buffer().getInt(at(slot));
      read[slot] = RingSlot.of(word & ~MOVED, history);
    }
    return read;
  }

  /** Puts another owner and history into a slot. */
  void publish(int slot, long word) {
    int history = RingSlot.history(word);
    if (history != 0) {
      Shared.publish(histories.buffer(), at(slot), history);
    }
    Shared.publish(slots.buffer(), at(slot), RingSlot.current(word) | (history == 0 ? 0 : MOVED));
  }

  private static int at(int slot) {
    return slot * Integer.BYTES; // lines lie side by side without a gap
  }

  @Override
  public void close() {
    histories.close();
    slots.close();
  }
}
