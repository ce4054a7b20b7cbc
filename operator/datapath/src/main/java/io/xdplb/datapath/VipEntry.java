// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.model.Access;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.UnavailablePolicy;
import io.xdplb.core.model.VipKey;
import io.xdplb.core.plan.ProgrammedBackend;
import io.xdplb.core.plan.ProgrammedVip;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Collectors;

/** A VIP as the agent has written it, or is about to. */
final class VipEntry {
  final VipKey key;

  /** Handle that the VIP has, or will have once it is published. */
  final int handle;

  /** Those with an entry, draining ones included. */
  final Map<BackendKey, BackendLine> backends = new HashMap<>();

  final RingState ring = new RingState();

  /** Packets are looked up in it. */
  boolean published;

  int affinitySeconds;
  Access access = Access.OPEN;

  /** Number of the set of source ranges; 0 for everybody. */
  int sources;

  /** Its packets are looked up in the flow table first, and when that was last of use. */
  boolean flows;

  long flowsNeeded;

  VipEntry(VipKey key, int handle) {
    this.key = key;
    this.handle = handle;
  }

  int index() {
    return Handle.index(handle);
  }

  boolean isIpv6() {
    return !key.address().isIpv4();
  }

  /** The backends by their handles. */
  Map<Integer, BackendLine> handles() {
    return backends.values().stream().collect(Collectors.toMap(BackendLine::handle, line -> line));
  }

  /** Whether a backend is reached by NAT, so that there are flows to look up. */
  boolean hasNat() {
    return backends.values().stream().anyMatch(line -> line.delivery().nat());
  }

  /**
   * As it is to stand in {@code vips}.
   *
   * @param second in jiffies
   */
  VipLine line(int second) {
    int flags =
        (access.unavailable() == UnavailablePolicy.REJECT ? Layouts.Vip.REJECT : 0)
            | (flows ? Layouts.Vip.FLOWS : 0);
    return new VipLine(
        ring.word(),
        handle,
        key.address(),
        key.protocol().number(),
        key.port(),
        key.endPort(),
        flags,
        affinitySeconds * second,
        sources,
        hosted());
  }

  private int hosted() {
    return backends.values().stream()
        .filter(BackendLine::isHostedWithoutTag)
        .mapToInt(BackendLine::handle)
        .min()
        .orElse(0);
  }

  ProgrammedVip programmed() {
    return new ProgrammedVip(
        key,
        published,
        affinitySeconds,
        access,
        ring.digest,
        backends.values().stream()
            .collect(
                Collectors.toMap(
                    BackendLine::key,
                    line ->
                        new ProgrammedBackend(
                            line.takesNewFlows(),
                            line.drainSeconds(),
                            line.drainUntil(),
                            line.delivery()))));
  }
}
