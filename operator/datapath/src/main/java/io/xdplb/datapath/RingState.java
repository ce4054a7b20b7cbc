// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.maglev.Ring;
import java.util.HashSet;
import java.util.Set;

/** Where the ring of a VIP is. */
final class RingState {
  /** Of a ring that holds what no agent has written: it equals no ring there can be. */
  static final String DAMAGED = "";

  /** First slot of its stretch in {@code rings}. */
  int start;

  /**
   * How many slots there are. Also a VIP of which no backend takes new flows has slots, without
   * owners, as long as they have former ones.
   */
  int size;

  /** {@link Ring#digest} of what the stretch holds; the rings themselves are large. */
  String digest = Ring.EMPTY.digest();

  /** Histories that slots refer to. */
  Set<Integer> histories = new HashSet<>();

  /** As it stands in the VIP's entry. */
  long word() {
    return size == 0 ? 0 : (long) start << 32 | size;
  }

  void clear() {
    start = 0;
    size = 0;
    digest = Ring.EMPTY.digest();
    histories = new HashSet<>();
  }
}
