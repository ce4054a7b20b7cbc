// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.model;

import java.util.List;

/**
 * A VIP as it should be.
 *
 * @param key identity
 * @param ringSize slots of the Maglev ring, a prime from 101 to 65537; 0 where no backend takes new
 *     flows
 * @param backends ordered by key, each key once
 */
public record Vip(VipKey key, int ringSize, List<Backend> backends) {
  public Vip {
    backends = List.copyOf(backends);
  }
}
