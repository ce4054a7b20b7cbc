// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.model;

/** What a new flow gets that nobody takes. */
public enum UnavailablePolicy {
  /** TCP RST, for other protocols ICMP port unreachable: the client knows at once. */
  REJECT,
  /** Silence. */
  DROP
}
