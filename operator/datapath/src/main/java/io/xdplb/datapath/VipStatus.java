// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.model.VipKey;
import java.util.List;

/**
 * A VIP as the kernel's maps have it.
 *
 * @param key which
 * @param ringSize slots of its ring
 * @param packetsDropped packets to it that were dropped, whatever the reason
 * @param backends ordered by key
 */
public record VipStatus(
    VipKey key, int ringSize, long packetsDropped, List<BackendStatus> backends) {
  public VipStatus {
    backends = List.copyOf(backends);
  }
}
