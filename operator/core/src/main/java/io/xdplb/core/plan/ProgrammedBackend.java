// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.plan;

import io.xdplb.core.model.Delivery;
import java.util.Objects;

/**
 * A backend as it is programmed.
 *
 * @param takesNewFlows whether the ring may name it
 * @param drainSeconds how long its flows live on after it has left the table; known to the agent
 *     only
 * @param drainUntilSeconds when its drain ends, by the clock of the planner's caller; 0 while it is
 *     part of the table
 * @param delivery how packets reach it
 */
public record ProgrammedBackend(
    boolean takesNewFlows, int drainSeconds, long drainUntilSeconds, Delivery delivery) {

  public ProgrammedBackend {
    Objects.requireNonNull(delivery, "delivery");
  }

  /** Whether it has left the table and only its flows keep it. */
  public boolean isDraining() {
    return drainUntilSeconds != 0;
  }
}
