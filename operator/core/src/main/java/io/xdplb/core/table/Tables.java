// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.table;

import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.core.model.Vip;
import java.util.List;

/** x. */
public final class Tables {
  private Tables() {}

  /** x. Ordered by key; throws InvalidTableException. */
  public static List<Vip> toVips(ForwardingTableSpec table) {
    throw new UnsupportedOperationException();
  }
}
