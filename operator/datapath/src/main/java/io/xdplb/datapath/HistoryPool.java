// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.alloc.IndexAllocator;
import io.xdplb.libbpf.BpfMap;
import io.xdplb.libbpf.MapMemory;
import java.nio.ByteBuffer;
import java.util.Arrays;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The map {@code histories}: lines of former owners, shared by the slots of a ring that moved at
 * the same time from the same owners. A line is not changed while a slot refers to it.
 */
final class HistoryPool {
  private static final Logger log = LoggerFactory.getLogger(HistoryPool.class);

  /**
   * A line.
   *
   * @param owners handles, newest first
   * @param moved when the slots moved, in jiffies
   * @param seen when the datapath last followed a flow that it remembers of them; 0: never
   */
  record Line(int[] owners, int moved, int seen) {}

  private final BpfMap map;
  private final int stride;
  private final IndexAllocator indices;
  private int highest;
  private boolean full;
  private long forgotten;

  HistoryPool(BpfMap map, long grace) {
    this.map = map;
    stride = map.info().stride();
    indices = new IndexAllocator(map.info().maxEntries() - 1, grace); // 0 is no history
  }

  /** Takes over a line that slots of an adopted ring refer to; false if it cannot be one. */
  boolean restore(int history) {
    if (history < 1 || history >= map.info().maxEntries()) {
      return false;
    }
    try {
      indices.restore(history - 1);
    } catch (IllegalStateException e) {
      return false; // it is another VIP's
    }
    highest = Math.max(highest, history);
    return true;
  }

  /** Takes a line; 0 if there is none left: then the flows of the slots that move are cut. */
  int allocate(long now) {
    int history = indices.allocate(now).orElse(-1) + 1;
    if (history == 0 && !full) {
      log.warn(
          "all {} histories of ring slots are in use: flows are cut where slots move",
          map.info().maxEntries() - 1);
    }
    full = history == 0;
    highest = Math.max(highest, history);
    return history;
  }

  void free(int history, long now) {
    indices.free(history - 1, now);
  }

  int inUse() {
    return indices.inUse();
  }

  int capacity() {
    return map.info().maxEntries() - 1;
  }

  /** Counts former owners whose flows can no longer be followed. */
  void forget(int owners) {
    if (owners > 0 && forgotten == 0) {
      log.warn("ring slots had more owners than are remembered: flows of the oldest are cut");
    }
    forgotten += owners;
  }

  /** How many former owners were given up since this agent began. */
  long forgotten() {
    return forgotten;
  }

  /** All lines that were ever taken, in memory until it is closed. */
  MapMemory map() {
    return map.mmap(0, highest + 1);
  }

  Line read(MapMemory lines, int history) {
    if (history < 1 || history > highest) {
      return new Line(new int[0], 0, 0); // a slot that somebody else has written to
    }
    ByteBuffer buffer = lines.buffer();
    int at = history * stride;
    int[] owners = new int[Layouts.History.OWNERS];
    int count = 0;
    for (; count < owners.length; count++) {
      owners[count] = buffer.getInt(at + Layouts.History.OWNER + count * Integer.BYTES);
      if (owners[count] == 0) {
        break;
      }
    }
    return new Line(
        Arrays.copyOf(owners, count),
        buffer.getInt(at + Layouts.History.MOVED),
        buffer.getInt(at + Layouts.History.SEEN));
  }

  void write(MapMemory lines, int history, Line line) {
    ByteBuffer buffer = lines.buffer();
    int at = history * stride;
    for (int i = 0; i < Layouts.History.OWNERS; i++) {
      int owner = i < line.owners().length ? line.owners()[i] : 0;
      buffer.putInt(at + Layouts.History.OWNER + i * Integer.BYTES, owner);
    }
    buffer.putInt(at + Layouts.History.MOVED, line.moved());
    buffer.putInt(at + Layouts.History.SEEN, line.seen());
  }
}
