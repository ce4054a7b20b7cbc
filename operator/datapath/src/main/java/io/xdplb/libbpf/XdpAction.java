// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

/** What an XDP program wants done with a packet ({@code enum xdp_action}). */
public enum XdpAction {
  ABORTED,
  DROP,
  PASS,
  TX,
  REDIRECT;

  /**
   * The action with the kernel's number.
   *
   * @throws IllegalArgumentException if there is none; the kernel drops such packets
   */
  public static XdpAction of(int number) {
    if (number < 0 || number >= values().length) {
      throw new IllegalArgumentException(number + " is no XDP action");
    }
    return values()[number];
  }
}
