// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.plan;

import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.VipKey;
import java.util.Map;

/**
 * A VIP as it is programmed, whole or, after an interruption, in part.
 *
 * @param key of the VIP
 * @param hasEntry whether the VIP table has its entry, so that its packets are ours
 * @param ringDigest {@link io.xdplb.core.maglev.Ring#digest} of the ring; that of the empty ring
 *     where there is none
 * @param backends those with an entry, draining ones included
 */
public record ProgrammedVip(
    VipKey key, boolean hasEntry, String ringDigest, Map<BackendKey, ProgrammedBackend> backends) {

  public ProgrammedVip {
    backends = Map.copyOf(backends);
  }

  /** A VIP of which nothing is programmed. */
  public static ProgrammedVip absent(VipKey key) {
    throw new UnsupportedOperationException();
  }

  /** Whether nothing is programmed. */
  public boolean isAbsent() {
    throw new UnsupportedOperationException();
  }

  /** What it is after one more operation has succeeded. */
  public ProgrammedVip after(Operation operation) {
    throw new UnsupportedOperationException();
  }
}
