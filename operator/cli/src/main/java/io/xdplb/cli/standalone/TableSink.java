// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.standalone;

import io.xdplb.agent.announce.Router;
import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.core.announce.Membership;
import io.xdplb.core.model.ObjectName;
import io.xdplb.core.policy.Policy;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/** Where go the tables that were compiled, and what is to be announced. */
interface TableSink {

  /**
   * A table is there, or has a new version.
   *
   * @param file that defines its LoadBalancer
   */
  void table(ObjectName name, String file, Instant createdAt, ForwardingTableSpec spec);

  /** A table is gone. */
  void removed(ObjectName name);

  /** What is announced, and to whom. */
  void announcements(List<Policy> policies, List<Router> routers);

  /**
   * Among whom. Not told while there is one that is not valid: a machine that took itself for the
   * only one would answer for what is another's.
   *
   * @param membership empty if the folder has none
   * @param isCertain whether all files were read; else one that could not be may have one
   * @return what is wrong with it for this machine; empty if nothing is
   */
  Optional<String> membership(Optional<Membership> membership, boolean isCertain);
}
