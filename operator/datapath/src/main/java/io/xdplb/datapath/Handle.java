// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

/**
 * The name of an array entry and its owner: index in the low 20 bits, generation (1 to 2047) above,
 * and a bit that is always clear. See {@code bpf/src/layout.h}.
 */
final class Handle {
  private static final int INDEX_BITS = 20;
  private static final int MAX_GENERATION = (1 << (Integer.SIZE - 1 - INDEX_BITS)) - 1;

  /** The most entries that handles can tell apart. */
  static final int MAX_INDEX = 1 << INDEX_BITS;

  private Handle() {}

  static int of(int index, int generation) {
    return generation << INDEX_BITS | index;
  }

  static int index(int handle) {
    return handle & (MAX_INDEX - 1);
  }

  static int generation(int handle) {
    return handle >>> INDEX_BITS;
  }

  /** The generation of the next owner. */
  static int next(int generation) {
    return generation >= MAX_GENERATION ? 1 : generation + 1;
  }
}
