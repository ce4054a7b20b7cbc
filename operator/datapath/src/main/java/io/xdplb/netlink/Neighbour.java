// SPDX-License-Identifier: Apache-2.0
package io.xdplb.netlink;

import java.util.HexFormat;

/**
 * What the kernel knows about an address on a link.
 *
 * @param state a {@code NUD_} number of {@code linux/neighbour.h}
 * @param mac 6 bytes on an Ethernet; none while the address is unresolved
 */
public record Neighbour(int state, byte[] mac) {
  private static final int NUD_REACHABLE = 0x02;
  private static final int NUD_STALE = 0x04;
  private static final int NUD_DELAY = 0x08;
  private static final int NUD_PROBE = 0x10;
  private static final int NUD_FAILED = 0x20;
  private static final int NUD_PERMANENT = 0x80;

  private static final int USABLE =
      NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT;

  /** Whether packets can be sent: the hardware address is known, be it from long ago. */
  public boolean resolved() {
    return (state & USABLE) != 0;
  }

  /** Whether the address did not answer. */
  public boolean failed() {
    return (state & NUD_FAILED) != 0;
  }

  @Override
  public String toString() {
    String address = mac.length == 0 ? "unknown" : HexFormat.ofDelimiter(":").formatHex(mac);
    return address + " (state 0x" + Integer.toHexString(state) + ")";
  }
}
