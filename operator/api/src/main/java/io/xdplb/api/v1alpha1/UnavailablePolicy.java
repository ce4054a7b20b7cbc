// SPDX-License-Identifier: Apache-2.0
package io.xdplb.api.v1alpha1;

/** What a new flow gets that nobody takes. */
public enum UnavailablePolicy {
  /** TCP RST, for UDP ICMP port unreachable: the client knows at once. */
  Reject,
  /** Silence: the client waits. */
  Drop
}
