// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.model;

import java.util.Collections;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/**
 * A backend as it should be.
 *
 * @param key identity
 * @param weight share of the ring relative to the VIP's other backends; 0 takes no new flows and
 *     lets existing ones end
 * @param drainSeconds how long its flows live on after it has left the table; 0 cuts them at once
 * @param delivery how packets reach it
 * @param parts the weight in some places, see {@link Vip#partOf}, in the order of the places; empty
 *     where all nodes do the same, and in what a node itself programs
 */
public record Backend(
    BackendKey key, int weight, int drainSeconds, Delivery delivery, Map<Place, Integer> parts) {
  public Backend {
    Objects.requireNonNull(key, "key");
    Objects.requireNonNull(delivery, "delivery");
    parts = Collections.unmodifiableMap(new TreeMap<>(parts));
  }

  /** One that is the same on all nodes. */
  public Backend(BackendKey key, int weight, int drainSeconds, Delivery delivery) {
    this(key, weight, drainSeconds, delivery, Map.of());
  }

  /** One that is reached by NAT. */
  public Backend(BackendKey key, int weight, int drainSeconds) {
    this(key, weight, drainSeconds, Delivery.NAT);
  }

  /** Whether it takes new flows somewhere. */
  public boolean takes() {
    return weight > 0 || parts.values().stream().anyMatch(part -> part > 0);
  }
}
