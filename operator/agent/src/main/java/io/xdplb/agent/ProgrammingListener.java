// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent;

import io.xdplb.api.v1alpha1.NodeStateStatus;
import io.xdplb.api.v1alpha1.NodeStateStatus.TableException;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.ObjectName;
import io.xdplb.core.model.Vip;
import java.util.List;
import java.util.Set;

/**
 * Hears what becomes of tables, on the programmer's thread if nothing else is said: it must not
 * block.
 */
public interface ProgrammingListener {

  /** A table is there, or has a new version: work begins. On the thread that tells it. */
  default void received(ObjectName table) {}

  /** All that was there at the start has been attempted, and what nobody wants is removed. */
  default void caughtUp() {}

  /**
   * The newest version of a table is in the kernel's maps, by the evidence of its hash.
   *
   * @param vips what is programmed
   */
  default void programmed(ObjectName table, List<Vip> vips) {}

  /** A table is not as it should be, for a reason it did not have before. */
  default void failed(ObjectName table, TableException why) {}

  /** A table is gone. */
  default void removed(ObjectName table) {}

  /**
   * The addresses of which at least one VIP is programmed and has a backend that takes new flows
   * and can be reached from here, whenever they have changed; not before {@link #caughtUp}.
   */
  default void serving(Set<Ip> addresses) {}

  /** Something of the node's evidence has changed. */
  default void reported(NodeStateStatus status) {}
}
