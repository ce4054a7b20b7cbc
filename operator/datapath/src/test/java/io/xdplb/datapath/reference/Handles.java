// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath.reference;

import java.util.ArrayList;
import java.util.List;

/** Indexes with generations, given to the next owner at once: nothing is more likely to mix up. */
final class Handles {
  private static final int INDEX_BITS = 20;
  private static final int MOST_GENERATIONS = 2047;

  private final int[] generations = new int[KernelTables.ENTRIES];
  private final List<Integer> free = new ArrayList<>();
  private int next;

  int take() {
    int index = free.isEmpty() ? next++ : free.remove(free.size() - 1);
    generations[index] = generations[index] % MOST_GENERATIONS + 1;
    return generations[index] << INDEX_BITS | index;
  }

  void give(int handle) {
    free.add(index(handle));
  }

  static int index(int handle) {
    return handle & (1 << INDEX_BITS) - 1;
  }
}
