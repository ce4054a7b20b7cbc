// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

/**
 * Whether and how the programs are on an interface, as the kernel says.
 *
 * @param interfaceName of the interface
 * @param mode how the XDP program is attached; {@link Mode#NONE} if it is not
 * @param reason one word: why not attached, or why generic; {@code null} if there is nothing to
 *     explain
 * @param message the same for a person; {@code null} likewise
 * @param egress how the program for outgoing packets is attached; {@code null} if it is not
 * @param egressMessage for a person: why not attached, or why not by tcx; {@code null} if there is
 *     nothing to explain, as where no such program is meant to be
 */
public record Attachment(
    String interfaceName,
    Mode mode,
    String reason,
    String message,
    Egress egress,
    String egressMessage) {

  /** How an XDP program runs. */
  public enum Mode {
    NONE,
    /** In the driver. */
    NATIVE,
    /** In the stack, after the kernel has allocated a socket buffer. */
    GENERIC
  }

  /** How a program for outgoing packets is attached. */
  public enum Egress {
    /** By a link, which nobody else can replace (kernel 6.6). */
    TCX,
    /** As a filter of the clsact qdisc. */
    CLSACT
  }

  /** An interface where only the XDP program is, or neither. */
  public Attachment(String interfaceName, Mode mode, String reason, String message) {
    this(interfaceName, mode, reason, message, null, null);
  }

  /** The same XDP program, with this on the egress. */
  Attachment withEgress(Egress way, String why) {
    return new Attachment(interfaceName, mode, reason, message, way, why);
  }

  /** Whether our XDP program gets the packets of this interface. */
  public boolean attached() {
    return mode != Mode.NONE;
  }
}
