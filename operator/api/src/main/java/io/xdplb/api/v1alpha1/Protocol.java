// SPDX-License-Identifier: Apache-2.0
package io.xdplb.api.v1alpha1;

/** Transport protocols that can be balanced. */
public enum Protocol {
  TCP(6),
  UDP(17);

  private final int number;

  Protocol(int number) {
    this.number = number;
  }

  /** The protocol's number in the IPv4 protocol and IPv6 next header fields (IANA). */
  public int number() {
    return number;
  }
}
