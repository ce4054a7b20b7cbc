// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

/**
 * What a condition says, without the times and generations that surround it.
 *
 * @param status as in the API
 * @param reason one word
 * @param message for a person
 */
record Verdict(Status status, String reason, String message) {

  /** Longest message: what `kubectl describe` still shows with pleasure. */
  private static final int MESSAGE_LENGTH = 2048;

  enum Status {
    TRUE("True"),
    FALSE("False"),
    UNKNOWN("Unknown");

    private final String text;

    Status(String text) {
      this.text = text;
    }

    /** As the API writes it. */
    String text() {
      return text;
    }
  }

  Verdict {
    message = shortened(message, MESSAGE_LENGTH);
  }

  static Verdict yes(String reason, String message) {
    return new Verdict(Status.TRUE, reason, message);
  }

  static Verdict no(String reason, String message) {
    return new Verdict(Status.FALSE, reason, message);
  }

  static Verdict unknown(String reason, String message) {
    return new Verdict(Status.UNKNOWN, reason, message);
  }

  boolean isTrue() {
    return status == Status.TRUE;
  }

  boolean isFalse() {
    return status == Status.FALSE;
  }

  /** At most {@code length} characters, the cut marked. */
  static String shortened(String text, int length) {
    return text.length() <= length ? text : text.substring(0, length - 3) + "...";
  }
}
