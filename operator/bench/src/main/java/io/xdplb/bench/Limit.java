// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import java.util.Optional;

/**
 * How much a packet may cost.
 *
 * @param times so many times the cost of {@code row}
 * @param row another row of the table; absent: the plain rewrite
 */
record Limit(double times, Optional<String> row) {

  static Limit ofRewrite(double times) {
    return new Limit(times, Optional.empty());
  }

  static Limit of(String row, double times) {
    return new Limit(times, Optional.of(row));
  }
}
