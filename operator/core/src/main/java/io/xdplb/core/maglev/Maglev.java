// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.maglev;

import io.xdplb.core.model.Backend;
import java.util.List;

/** x. */
public final class Maglev {
  private Maglev() {}

  /** x. */
  public static int sizeFor(long units) {
    throw new UnsupportedOperationException();
  }

  /** slot to index into the given list; weight 0 never appears. */
  public static int[] ring(List<Backend> backends, int size) {
    throw new UnsupportedOperationException();
  }
}
