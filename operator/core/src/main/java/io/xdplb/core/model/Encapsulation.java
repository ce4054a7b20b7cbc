// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.model;

/** What is put around a packet on its way to a backend. */
public enum Encapsulation {
  /** Nothing: the packet goes out as it is, for NAT to the backend's address, for L2 to its MAC. */
  NONE,
  /** UDP and GUE, which carries the choice of the backend. */
  GUE,
  /** Only an IP header: IPIP (RFC 2003) or IP6IP6 (RFC 2473). */
  IPIP
}
