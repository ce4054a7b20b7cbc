// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent.bgp;

/** BIRD did not do what it was asked; the message says what, and why as far as is known. */
public final class BirdException extends Exception {

  private static final long serialVersionUID = 1L;

  BirdException(String message) {
    super(message);
  }

  BirdException(String message, Throwable cause) {
    super(message, cause);
  }
}
