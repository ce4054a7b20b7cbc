// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.maglev;

import io.xdplb.core.model.Backend;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Vip;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/**
 * The slots of a VIP and the backend in each. A packet's flow hash modulo the number of slots
 * chooses the slot.
 *
 * @param backends every backend that a slot may name, ordered by key, each once; a backend need not
 *     have a slot
 * @param slots for each slot an index into {@code backends}; empty where no backend takes new flows
 */
public record Ring(List<BackendKey> backends, int[] slots) {

  /** The ring of a VIP without a backend that takes new flows. */
  public static final Ring EMPTY = new Ring(List.of(), new int[0]);

  /**
   * @throws IllegalArgumentException if a slot names no backend
   */
  public Ring {
    backends = List.copyOf(backends);
    slots = slots.clone();
    for (int slot : slots) {
      if (slot < 0 || slot >= backends.size()) {
        throw new IllegalArgumentException(
            "a slot names backend " + slot + " of " + backends.size());
      }
    }
  }

  /**
   * The Maglev ring of a VIP: its backends are all those of the VIP, and those with weight &gt; 0
   * have slots.
   *
   * @throws IllegalArgumentException if the VIP's ring size does not fit its backends
   */
  public static Ring of(Vip vip) {
    return new Ring(
        vip.backends().stream().map(Backend::key).toList(),
        Maglev.ring(vip.backends(), vip.ringSize()));
  }

  /** A copy: the ring itself never changes. */
  @Override
  public int[] slots() {
    return slots.clone();
  }

  /** The index into {@code backends} of one slot. */
  public int slot(int number) {
    return slots[number];
  }

  /** Number of slots. */
  public int size() {
    return slots.length;
  }

  /**
   * 32 hexadecimal digits: the same for two rings that have the same backends in the same slots,
   * and different, but for chance, for any others. Backends without a slot do not count. It tells
   * whether a ring has to be written again, so it is made to be fast; what proves a table is {@link
   * io.xdplb.core.table.TableHash}.
   */
  public String digest() {
    int[] rank = new int[backends.size()];
    for (int slot : slots) {
      rank[slot] = 1;
    }
    long first = slots.length;
    long second = ~first;
    int used = 0;
    for (int i = 0; i < rank.length; i++) {
      if (rank[i] != 0) {
        rank[i] = used++;
        BackendKey key = backends.get(i);
        for (long word :
            new long[] {
              key.address().high(),
              key.address().low(),
              key.port() + (key.address().isIpv4() ? 1L << 32 : 0)
            }) {
          first = mix(first, word, 0x9e3779b97f4a7c15L);
          second = mix(second, word, 0xd1b54a32d192ed03L);
        }
      }
    }
    for (int slot : slots) {
      first = mix(first, rank[slot], 0x9e3779b97f4a7c15L);
      second = mix(second, rank[slot], 0xd1b54a32d192ed03L);
    }
    return HexFormat.of().toHexDigits(first) + HexFormat.of().toHexDigits(second);
  }

  private static long mix(long hash, long word, long factor) {
    long mixed = (hash ^ word) * factor;
    return mixed ^ mixed >>> 32;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Ring that
        && backends.equals(that.backends)
        && Arrays.equals(slots, that.slots);
  }

  @Override
  public int hashCode() {
    return 31 * backends.hashCode() + Arrays.hashCode(slots);
  }

  /** Short: the slots are only counted. */
  @Override
  public String toString() {
    return "Ring[" + slots.length + " slots over " + backends + "]";
  }
}
