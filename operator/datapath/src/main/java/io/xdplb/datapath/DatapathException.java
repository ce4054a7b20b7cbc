// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

/** The datapath cannot do what was asked; traffic that is programmed already is not affected. */
public final class DatapathException extends RuntimeException {

  private static final long serialVersionUID = 1;

  /** Kinds of failures. */
  public enum Reason {
    /** A map has no room left. */
    MapFull,
    /** Another XDP program is on the interface. */
    XdpConflict,
    /** The verifier or the driver refused the program. */
    VerifierRejected,
    /** The NAT port range overlaps with the kernel's ephemeral ports. */
    NatPortsOverlap,
    /** Anything else. */
    Failed
  }

  private final Reason reason;

  DatapathException(Reason reason, String message) {
    this(reason, message, null);
  }

  DatapathException(Reason reason, String message, Throwable cause) {
    super(message, cause);
    this.reason = reason;
  }

  /** What kind of failure. */
  public Reason reason() {
    return reason;
  }
}
