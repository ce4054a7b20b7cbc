// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.model;

import java.util.List;
import java.util.Objects;

/**
 * A VIP as it should be.
 *
 * @param key identity
 * @param ringSize slots of the Maglev ring, a prime from 1009 to 65537; 0 where no backend takes
 *     new flows
 * @param affinitySeconds how long a client address without traffic keeps its backend, at most
 *     86400; 0 for no affinity
 * @param access who may use it; source ranges of its own family only
 * @param backends ordered by key, each key once; of a range of ports all have port 0
 */
public record Vip(
    VipKey key, int ringSize, int affinitySeconds, Access access, List<Backend> backends) {
  public Vip {
    Objects.requireNonNull(key, "key");
    access = access.ofFamily(key.address().isIpv4());
    backends = List.copyOf(backends);
  }

  /** One without affinity, open to everybody. */
  public Vip(VipKey key, int ringSize, List<Backend> backends) {
    this(key, ringSize, 0, Access.OPEN, backends);
  }

  /** Whether some backend is used by one node only. */
  public boolean hasParts() {
    return backends.stream().anyMatch(backend -> backend.onlyOn() != null);
  }

  /**
   * What one node programs: the backends of other nodes are left out. Where only other nodes have a
   * backend that takes new flows, this one drops them, so that a client tries again and may come to
   * another node; a refusal would be an answer for the whole.
   */
  public Vip partOf(String node) {
    if (!hasParts()) {
      return this;
    }
    List<Backend> own =
        backends.stream()
            .filter(b -> b.onlyOn() == null || b.onlyOn().equals(node))
            .map(b -> new Backend(b.key(), b.weight(), b.drainSeconds(), b.delivery()))
            .toList();
    boolean takes = own.stream().anyMatch(backend -> backend.weight() > 0);
    boolean othersTake = !takes && ringSize > 0;
    return new Vip(
        key,
        takes ? ringSize : 0,
        affinitySeconds,
        othersTake ? new Access(access.sourceRanges(), UnavailablePolicy.DROP) : access,
        own);
  }
}
