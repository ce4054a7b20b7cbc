// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath.reference;

import io.xdplb.core.model.Ip;
import io.xdplb.datapath.DropReason;

/** What the kernel's routes and neighbours say. */
interface Routes {
  /** Where a packet to an address goes. */
  sealed interface Way {}

  /** By an interface, between these MAC addresses. */
  record Hop(int ifindex, byte[] destinationMac, byte[] sourceMac) implements Way {}

  /** To this machine itself. */
  record Here() implements Way {}

  /** Nowhere. */
  record Nowhere(DropReason reason) implements Way {}

  Way to(Ip destination);

  /** The MAC address of an interface. */
  byte[] mac(int ifindex);
}
