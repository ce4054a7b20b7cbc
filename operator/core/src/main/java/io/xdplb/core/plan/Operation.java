// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.plan;

import io.xdplb.core.maglev.Ring;
import io.xdplb.core.model.Access;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Delivery;
import io.xdplb.core.model.VipKey;

/** One step of a plan. Each is whole as a packet sees it, and may be repeated without harm. */
public sealed interface Operation {

  /** The VIP it belongs to. */
  VipKey vip();

  /**
   * Makes an entry for a backend that has none.
   *
   * @param takesNewFlows whether the ring may name it
   * @param drainSeconds how long its flows live on after it has left the table
   * @param delivery how packets reach it
   */
  record AddBackend(
      VipKey vip, BackendKey backend, boolean takesNewFlows, int drainSeconds, Delivery delivery)
      implements Operation {}

  /**
   * Changes the entry of a backend in place, and ends its drain if it was draining. With another
   * delivery it is the same backend still: slots and remembered flows go on to name it.
   */
  record UpdateBackend(
      VipKey vip, BackendKey backend, boolean takesNewFlows, int drainSeconds, Delivery delivery)
      implements Operation {}

  /**
   * Puts a ring in place of the VIP's former one. Where the VIP has an entry already, the entry
   * refers to the new ring from then on.
   *
   * @param ring its backends all have entries; {@link Ring#EMPTY} where none takes new flows
   */
  record SetRing(VipKey vip, Ring ring) implements Operation {}

  /**
   * Makes the VIP's entry: from then on its packets are ours. Access is in force before the first
   * of them is. Without a ring, new flows get what {@link Access#unavailable} says.
   *
   * @param affinitySeconds see {@link io.xdplb.core.model.Vip#affinitySeconds}
   * @param access who may use it
   */
  record AddVip(VipKey vip, int affinitySeconds, Access access) implements Operation {}

  /**
   * Changes who may use a VIP that has an entry, and its affinity. At every moment a packet is
   * admitted by the former or by the new access, and by no mixture that admits more than both.
   */
  record UpdateVip(VipKey vip, int affinitySeconds, Access access) implements Operation {}

  /**
   * Takes no new flows any more and lets the existing ones go on for a while.
   *
   * @param untilSeconds when it is to be removed, by the clock of the planner's caller
   */
  record DrainBackend(VipKey vip, BackendKey backend, long untilSeconds) implements Operation {}

  /** Removes the entry of a backend that the ring does not name; its flows are cut. */
  record RemoveBackend(VipKey vip, BackendKey backend) implements Operation {}

  /**
   * Removes the VIP's entry, if it has one, and then its ring and its access: its packets are no
   * longer ours.
   */
  record RemoveVip(VipKey vip) implements Operation {}
}
