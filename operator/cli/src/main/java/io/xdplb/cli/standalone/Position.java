// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.standalone;

import com.fasterxml.jackson.core.JsonLocation;

/**
 * A place in a text file.
 *
 * @param line from 1; 0 where the place is the file as a whole
 * @param column from 1; 0 where the place is the file as a whole
 */
record Position(int line, int column) {

  /** The file as a whole. */
  static final Position FILE = new Position(0, 0);

  static Position of(JsonLocation location) {
    return location == null || location.getLineNr() < 1
        ? FILE
        : new Position(location.getLineNr(), Math.max(location.getColumnNr(), 1));
  }
}
