// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.model.Access;
import io.xdplb.core.model.VipKey;
import java.util.List;

/**
 * A VIP as the kernel's maps have it.
 *
 * @param key which
 * @param affinitySeconds how long a client without traffic keeps its backend; 0 for no affinity
 * @param access who may use it; nobody where the maps have no whole set of source ranges
 * @param ringSize slots of its ring
 * @param packetsDropped packets to it that were dropped, whatever the reason
 * @param backends ordered by key
 */
public record VipStatus(
    VipKey key,
    int affinitySeconds,
    Access access,
    int ringSize,
    long packetsDropped,
    List<BackendStatus> backends) {
  public VipStatus {
    backends = List.copyOf(backends);
  }
}
