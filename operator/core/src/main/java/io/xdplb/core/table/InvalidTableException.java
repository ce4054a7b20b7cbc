// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.table;

import java.util.List;

/** A ForwardingTable that cannot be programmed, and every reason why. */
public final class InvalidTableException extends IllegalArgumentException {

  private static final long serialVersionUID = 1;

  private final List<String> problems;

  InvalidTableException(List<String> problems) {
    super(String.join("; ", problems));
    this.problems = List.copyOf(problems);
  }

  /** One line each, as {@code spec.vips[3].backends[0].port: 0 is not 1 to 65535}. */
  public List<String> problems() {
    return problems;
  }
}
