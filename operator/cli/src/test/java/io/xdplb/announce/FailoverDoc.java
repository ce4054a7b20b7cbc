// SPDX-License-Identifier: Apache-2.0
package io.xdplb.announce;

import io.xdplb.testing.Checkout;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** The tables in docs/failover.md, each between two marks. */
final class FailoverDoc {

  private static final String BEGIN = "<!-- %s: written by make bench -->";
  private static final String END = "<!-- end -->";

  private FailoverDoc() {}

  /** Replaces the rows of a table. */
  static void write(String table, List<String> rows) {
    Path file = Checkout.path("docs/failover.md");
    try {
      String text = Files.readString(file);
      String begin = BEGIN.formatted(table);
      int from = text.indexOf(begin);
      int to = text.indexOf(END, from);
      if (from < 0 || to < 0) {
        throw new IllegalStateException("no table " + table + " in " + file);
      }
      int head = text.indexOf("|\n|--", from);
      int body = text.indexOf('\n', head + 2) + 1;
      Files.writeString(
          file, text.substring(0, body) + String.join("\n", rows) + "\n" + text.substring(to));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
