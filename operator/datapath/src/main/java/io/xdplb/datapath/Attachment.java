// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

/**
 * Whether and how the program is on an interface, as the kernel says.
 *
 * @param interfaceName of the interface
 * @param mode how it is attached; {@link Mode#NONE} if it is not
 * @param reason one word: why not attached, or why generic; {@code null} if there is nothing to
 *     explain
 * @param message the same for a person; {@code null} likewise
 */
public record Attachment(String interfaceName, Mode mode, String reason, String message) {

  /** How an XDP program runs. */
  public enum Mode {
    NONE,
    /** In the driver. */
    NATIVE,
    /** In the stack, after the kernel has allocated a socket buffer. */
    GENERIC
  }

  /** Whether our program gets the packets of this interface. */
  public boolean attached() {
    return mode != Mode.NONE;
  }
}
