// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.maglev;

import io.xdplb.core.digest.Sha256;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Vip;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
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
   * 32 hexadecimal digits, equal for two rings exactly when both have the same backends in the same
   * slots. Backends without a slot do not count.
   */
  public String digest() {
    int[] rank = new int[backends.size()];
    for (int slot : slots) {
      rank[slot] = 1;
    }
    MessageDigest sha256 = Sha256.start();
    int used = 0;
    for (int i = 0; i < rank.length; i++) {
      if (rank[i] != 0) {
        rank[i] = used++;
        sha256.update(backends.get(i).address().bytes());
        sha256.update(ByteBuffer.allocate(2).putShort((short) backends.get(i).port()).flip());
      }
    }
    ByteBuffer bytes = ByteBuffer.allocate(4 + 4 + slots.length * 4);
    bytes.putInt(used).putInt(slots.length);
    for (int slot : slots) {
      bytes.putInt(rank[slot]);
    }
    sha256.update(bytes.flip());
    return HexFormat.of().formatHex(sha256.digest(), 0, 16);
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
