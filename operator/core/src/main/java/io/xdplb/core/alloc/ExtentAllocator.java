// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.alloc;

import java.util.OptionalInt;

/** x. */
public final class ExtentAllocator {
  /** x. */
  public ExtentAllocator(int capacity, long grace) {}

  /** x. */
  public OptionalInt allocate(int length, long now) {
    throw new UnsupportedOperationException();
  }

  /** x. */
  public void free(int start, long now) {
    throw new UnsupportedOperationException();
  }

  /** x. */
  public void restore(int start, int length) {
    throw new UnsupportedOperationException();
  }

  /** x. */
  public int inUse() {
    throw new UnsupportedOperationException();
  }
}
