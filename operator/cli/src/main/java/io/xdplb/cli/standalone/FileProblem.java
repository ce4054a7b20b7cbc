// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.standalone;

/**
 * Why a file, or one object in it, cannot be used.
 *
 * @param file its name in the folder
 * @param at where in it
 * @param reason what is wrong there and what would be right
 */
record FileProblem(String file, Position at, String reason) {

  /** As {@code web.yaml:7:5: unknown field "prot" in spec.listeners[0]; ...}. */
  @Override
  public String toString() {
    return at.line() == 0
        ? file + ": " + reason
        : file + ":" + at.line() + ":" + at.column() + ": " + reason;
  }
}
