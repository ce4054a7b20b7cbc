// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.table;

import io.xdplb.core.maglev.Ring;
import io.xdplb.core.model.Access;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Delivery;
import io.xdplb.core.model.Vip;
import io.xdplb.core.model.VipKey;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;

/**
 * What a kernel holds, or should hold, of one VIP. Backends that have left the table and only drain
 * are not part of it.
 *
 * @param key of the VIP
 * @param affinitySeconds see {@link Vip#affinitySeconds}
 * @param access who may use it; source ranges of its own family only
 * @param ring its backends are those of the VIP in the order of their keys, with and without slots
 * @param backends what is known of each of the ring's backends, and of no others
 */
public record VipImage(
    VipKey key,
    int affinitySeconds,
    Access access,
    Ring ring,
    Map<BackendKey, BackendImage> backends) {

  /**
   * What a kernel holds of a backend.
   *
   * @param takesNewFlows whether it takes new flows; else it only keeps its own
   * @param delivery how packets reach it
   */
  public record BackendImage(boolean takesNewFlows, Delivery delivery) {
    public BackendImage {
      Objects.requireNonNull(delivery, "delivery");
    }
  }

  public VipImage {
    Objects.requireNonNull(access, "access");
    backends = Map.copyOf(backends);
  }

  /**
   * The image of a VIP as it should be.
   *
   * @throws IllegalArgumentException if the VIP's ring size does not fit its backends
   */
  public static VipImage desired(Vip vip) {
    return of(vip, Ring.of(vip));
  }

  /** The same with a ring of no slots. */
  static VipImage withoutRing(Vip vip) {
    return of(vip, new Ring(vip.backends().stream().map(Backend::key).toList(), new int[0]));
  }

  private static VipImage of(Vip vip, Ring ring) {
    return new VipImage(
        vip.key(),
        vip.affinitySeconds(),
        vip.access(),
        ring,
        vip.backends().stream()
            .collect(
                Collectors.toUnmodifiableMap(
                    Backend::key,
                    backend -> new BackendImage(backend.weight() > 0, backend.delivery()))));
  }
}
