// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.model;

import java.util.Objects;

/**
 * A backend as it should be.
 *
 * @param key identity
 * @param weight share of the ring relative to the VIP's other backends; 0 takes no new flows and
 *     lets existing ones end
 * @param drainSeconds how long its flows live on after it has left the table; 0 cuts them at once
 * @param delivery how packets reach it
 * @param onlyOn name of the one node that uses it; {@code null} where every node does, and in what
 *     a node itself programs
 */
public record Backend(
    BackendKey key, int weight, int drainSeconds, Delivery delivery, String onlyOn) {
  public Backend {
    Objects.requireNonNull(key, "key");
    Objects.requireNonNull(delivery, "delivery");
  }

  /** One that every node uses. */
  public Backend(BackendKey key, int weight, int drainSeconds, Delivery delivery) {
    this(key, weight, drainSeconds, delivery, null);
  }

  /** One that is reached by NAT. */
  public Backend(BackendKey key, int weight, int drainSeconds) {
    this(key, weight, drainSeconds, Delivery.NAT);
  }
}
