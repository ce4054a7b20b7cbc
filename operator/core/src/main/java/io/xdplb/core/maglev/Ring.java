// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.maglev;

import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Vip;
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

  /** The Maglev ring of a VIP, over its backends with weight &gt; 0. */
  public static Ring of(Vip vip) {
    throw new UnsupportedOperationException();
  }

  /** Number of slots. */
  public int size() {
    return slots.length;
  }

  /**
   * 32 hexadecimal digits, equal for two rings exactly when both have the same backends in the same
   * slots. Backends without a slot do not count.
   */
  public String digest() {
    throw new UnsupportedOperationException();
  }
}
