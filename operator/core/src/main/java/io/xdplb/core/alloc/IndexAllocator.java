// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.alloc;

import java.util.OptionalInt;

/** x. */
public final class IndexAllocator {
  /** x. */
  public IndexAllocator(int capacity, long grace) {}

  /** x. */
  public OptionalInt allocate(long now) {
    throw new UnsupportedOperationException();
  }

  /** x. */
  public void free(int index, long now) {
    throw new UnsupportedOperationException();
  }

  /** x. */
  public void restore(int index) {
    throw new UnsupportedOperationException();
  }

  /** x. */
  public int inUse() {
    throw new UnsupportedOperationException();
  }
}
