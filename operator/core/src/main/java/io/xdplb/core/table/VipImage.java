// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.table;

import io.xdplb.core.maglev.Ring;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Vip;
import io.xdplb.core.model.VipKey;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What a kernel holds, or should hold, of one VIP. Backends that have left the table and only drain
 * are not part of it.
 *
 * @param key of the VIP
 * @param ring its backends are those of the VIP in the order of their keys, with and without slots
 * @param takesNewFlows the backends that take new flows; the others only keep theirs
 */
public record VipImage(VipKey key, Ring ring, Set<BackendKey> takesNewFlows) {

  public VipImage {
    takesNewFlows = Set.copyOf(takesNewFlows);
  }

  /**
   * The image of a VIP as it should be.
   *
   * @throws IllegalArgumentException if the VIP's ring size does not fit its backends
   */
  public static VipImage desired(Vip vip) {
    return new VipImage(
        vip.key(),
        Ring.of(vip),
        vip.backends().stream()
            .filter(backend -> backend.weight() > 0)
            .map(Backend::key)
            .collect(Collectors.toUnmodifiableSet()));
  }
}
