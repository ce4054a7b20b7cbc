// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.plan;

import io.xdplb.core.model.Vip;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/** x. */
public final class Planner {
  private Planner() {}

  /** x. */
  public static List<Operation> plan(
      Optional<Vip> desired, Optional<ProgrammedVip> programmed, long nowSeconds) {
    throw new UnsupportedOperationException();
  }

  /** x. */
  public static OptionalLong nextDeadline(ProgrammedVip programmed) {
    throw new UnsupportedOperationException();
  }
}
