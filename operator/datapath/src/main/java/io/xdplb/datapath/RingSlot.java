// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import java.nio.ByteOrder;

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
}
