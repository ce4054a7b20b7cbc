// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.maglev.Ring;
import io.xdplb.core.model.BackendKey;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A slot of a ring, and its history, as one number: in the maps they are two words, see {@link
 * RingStretch}.
 */
final class RingSlot {
  private RingSlot() {}

  /**
   * @param current handle of the owner; 0 for none
   * @param history index of the history; 0 for none
   */
  static long of(int current, int history) {
    return (long) history << Integer.SIZE | current;
  }

  static int current(long slot) {
    return (int) slot;
  }

  static int history(long slot) {
    return (int) (slot >>> Integer.SIZE);
  }

  /**
   * The ring in some slots; empty if a slot's owner is none of the backends. Where no slot has an
   * owner there is no ring.
   *
   * @param backends by their handles
   */
  static Optional<Ring> ring(long[] slots, Map<Integer, BackendLine> backends) {
    List<BackendKey> keys = backends.values().stream().map(BackendLine::key).sorted().toList();
    if (Arrays.stream(slots).allMatch(slot -> current(slot) == 0)) {
      return Optional.of(new Ring(keys, new int[0]));
    }
    Map<BackendKey, Integer> positions = new HashMap<>();
    keys.forEach(key -> positions.put(key, positions.size()));
    int[] ring = new int[slots.length];
    for (int slot = 0; slot < slots.length; slot++) {
      BackendLine owner = backends.get(current(slots[slot]));
      if (owner == null) {
        return Optional.empty();
      }
      ring[slot] = positions.get(owner.key());
    }
    return Optional.of(new Ring(keys, ring));
  }
}
