// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.fabric8.kubernetes.client.extended.leaderelection.LeaderCallbacks;
import io.javaoperatorsdk.operator.api.config.LeaderElectionConfiguration;
import java.time.Duration;
import java.util.Objects;

/**
 * Of several operators one works, the one that holds a Lease; the others stand by with filled
 * caches. When it dies another one works after at most 12 s; when it is stopped in order, after
 * half a second.
 *
 * @param namespace of the Lease
 * @param lease its name
 * @param identity of this operator, which no other one has; the pod's name in a cluster
 */
public record LeaderElection(String namespace, String lease, String identity) {

  /** Nobody else takes a Lease that was renewed within this time. */
  private static final Duration LEASE = Duration.ofSeconds(10);

  /** A leader that could not renew for so long stops, well before another one may begin. */
  private static final Duration RENEW = Duration.ofSeconds(7);

  private static final Duration RETRY = Duration.ofMillis(500);

  public LeaderElection {
    Objects.requireNonNull(namespace, "namespace");
    Objects.requireNonNull(lease, "lease");
    Objects.requireNonNull(identity, "identity");
  }

  /** As the SDK wants it; what becomes of the process when leadership is lost is ours to say. */
  LeaderElectionConfiguration configuration(Runnable won, Runnable lost) {
    return new LeaderElectionConfiguration(
        lease,
        namespace,
        LEASE,
        RENEW,
        RETRY,
        identity,
        new LeaderCallbacks(won, lost, leader -> {}),
        false);
  }
}
