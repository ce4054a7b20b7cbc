// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.standalone;

import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.core.model.ObjectName;
import java.time.Instant;

/** Where compiled tables go. */
interface TableSink {

  /**
   * A table is there, or has a new version.
   *
   * @param file that defines its LoadBalancer
   */
  void table(ObjectName name, String file, Instant createdAt, ForwardingTableSpec spec);

  /** A table is gone. */
  void removed(ObjectName name);
}
