// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.maglev.Ring;
import io.xdplb.core.model.BackendKey;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A slot of a ring as one native word, in which it is read and written. */
final class RingSlot {
  private static final boolean LITTLE = ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN;

  private RingSlot() {}

  /**
   * @param current handle of the owner; 0 for none
   * @param history index of the history; 0 for none
   */
  static long of(int current, int history) {
    long first = LITTLE ? current : history;
    long second = LITTLE ? history : current;
    return second << Integer.SIZE | first & 0xffff_ffffL;
  }

  static int current(long word) {
    return (int) (LITTLE ? word : word >>> Integer.SIZE);
  }

  static int history(long word) {
    return (int) (LITTLE ? word >>> Integer.SIZE : word);
  }

  /**
   * The ring in some slots; empty if a slot's owner is none of the backends. Where no slot has an
   * owner there is no ring.
   *
   * @param backends by their handles
   */
  static Optional<Ring> ring(long[] words, Map<Integer, BackendLine> backends) {
    List<BackendKey> keys = backends.values().stream().map(BackendLine::key).sorted().toList();
    if (Arrays.stream(words).allMatch(word -> current(word) == 0)) {
      return Optional.of(new Ring(keys, new int[0]));
    }
    Map<BackendKey, Integer> positions = new HashMap<>();
    keys.forEach(key -> positions.put(key, positions.size()));
    int[] ring = new int[words.length];
    for (int slot = 0; slot < words.length; slot++) {
      BackendLine owner = backends.get(current(words[slot]));
      if (owner == null) {
        return Optional.empty();
      }
      ring[slot] = positions.get(owner.key());
    }
    return Optional.of(new Ring(keys, ring));
  }
}
