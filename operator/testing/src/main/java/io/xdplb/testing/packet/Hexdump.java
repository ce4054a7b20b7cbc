// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.packet;

import java.util.Arrays;

/** Bytes for people: in failures, and nowhere else. */
public final class Hexdump {
  private static final int WIDTH = 16;

  private Hexdump() {}

  /** Sixteen bytes a line, each line beginning with its offset. */
  public static String of(byte[] bytes) {
    StringBuilder text = new StringBuilder();
    for (int line = 0; line < bytes.length; line += WIDTH) {
      text.append(line(bytes, line)).append('\n');
    }
    return text.toString();
  }

  /** Lines that differ, expected before actual; empty if none do. */
  public static String difference(byte[] expected, byte[] actual) {
    if (Arrays.equals(expected, actual)) {
      return "";
    }
    StringBuilder text =
        new StringBuilder(
            "%d bytes expected, %d found\n".formatted(expected.length, actual.length));
    for (int line = 0; line < Math.max(expected.length, actual.length); line += WIDTH) {
      String wanted = line(expected, line);
      String is = line(actual, line);
      text.append(wanted.equals(is) ? "  " + is : "- " + wanted + "\n+ " + is).append('\n');
    }
    return text.toString();
  }

  private static String line(byte[] bytes, int start) {
    StringBuilder text = new StringBuilder("%04x ".formatted(start));
    for (int at = start; at < Math.min(start + WIDTH, bytes.length); at++) {
      text.append(at % 8 == 0 ? "  " : " ").append("%02x".formatted(bytes[at]));
    }
    return text.toString();
  }
}
