// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.claims;

import io.xdplb.core.model.ObjectName;
import io.xdplb.core.model.VipKey;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** x. */
public final class VipClaims {
  /**
   * x.
   *
   * @param vip x
   * @param winner x
   */
  public record Conflict(VipKey vip, ObjectName winner) {}

  /** x. */
  public Set<ObjectName> set(ObjectName owner, Instant createdAt, Set<VipKey> vips) {
    throw new UnsupportedOperationException();
  }

  /** x. */
  public Set<ObjectName> remove(ObjectName owner) {
    throw new UnsupportedOperationException();
  }

  /** x. */
  public Optional<ObjectName> winner(VipKey vip) {
    throw new UnsupportedOperationException();
  }

  /** x. */
  public Set<VipKey> held(ObjectName owner) {
    throw new UnsupportedOperationException();
  }

  /** x. */
  public List<Conflict> conflicts(ObjectName owner) {
    throw new UnsupportedOperationException();
  }
}
