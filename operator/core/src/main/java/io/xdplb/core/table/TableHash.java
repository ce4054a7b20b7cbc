// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.table;

import io.xdplb.core.model.Vip;
import java.util.Collection;

/** x. */
public final class TableHash {
  private TableHash() {}

  /** x. */
  public static String of(Collection<VipImage> images) {
    throw new UnsupportedOperationException();
  }

  /** x. */
  public static String desired(Collection<Vip> vips) {
    throw new UnsupportedOperationException();
  }
}
