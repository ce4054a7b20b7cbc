// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli;

/** Something that the person at the keyboard can mend: shown as its message alone. */
final class UserError extends RuntimeException {

  private static final long serialVersionUID = 1;

  /**
   * The error.
   *
   * @param message what was attempted, on what, why it failed, and what to do
   */
  UserError(String message) {
    super(message);
  }
}
