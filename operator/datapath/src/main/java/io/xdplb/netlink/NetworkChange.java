// SPDX-License-Identifier: Apache-2.0
package io.xdplb.netlink;

/** What kind of thing changed in the kernel's network configuration. */
public enum NetworkChange {
  /** An interface appeared, went, or changed its state, name, MTU or XDP program. */
  LINK,
  /** The hardware address or the reachability of a neighbour. */
  NEIGHBOUR,
  /** An address of this machine. */
  ADDRESS,
  /** A route. */
  ROUTE
}
