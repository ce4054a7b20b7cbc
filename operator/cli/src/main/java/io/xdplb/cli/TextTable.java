// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;

/** Columns as wide as their widest cell, two spaces between them. */
final class TextTable {

  private final List<String[]> rows = new ArrayList<>();
  private final BitSet right = new BitSet();

  TextTable(String... header) {
    rows.add(header);
  }

  /** Aligns a column at its right end. */
  TextTable right(int column) {
    right.set(column);
    return this;
  }

  /** Aligns all columns from this one on at their right ends. */
  TextTable rightFrom(int column) {
    right.set(column, rows.get(0).length);
    return this;
  }

  void row(String... cells) {
    if (cells.length != rows.get(0).length) {
      throw new IllegalArgumentException(
          "the row has not the columns of the header: " + Arrays.toString(cells));
    }
    rows.add(cells);
  }

  /** Whether there is nothing but the header. */
  boolean isEmpty() {
    return rows.size() == 1;
  }

  /** The lines, without spaces at their ends. */
  @Override
  public String toString() {
    int[] widths = new int[rows.get(0).length];
    for (String[] row : rows) {
      for (int i = 0; i < row.length; i++) {
        widths[i] = Math.max(widths[i], row[i].length());
      }
    }
    StringBuilder text = new StringBuilder();
    for (String[] row : rows) {
      StringBuilder line = new StringBuilder();
      for (int i = 0; i < row.length; i++) {
        String padding = " ".repeat(widths[i] - row[i].length());
        line.append(i == 0 ? "" : "  ");
        line.append(right.get(i) ? padding + row[i] : row[i] + padding);
      }
      text.append(line.toString().stripTrailing()).append('\n');
    }
    return text.toString();
  }
}
