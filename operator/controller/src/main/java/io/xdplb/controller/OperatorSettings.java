// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.xdplb.api.v1alpha1.AnnouncementPolicySpec;
import java.time.Duration;
import java.util.Objects;

/**
 * How the operator works.
 *
 * @param namespace where the operator and the agents run, and have their Leases
 * @param agentPods label selector of the agents' Pods in that namespace, by which it is known where
 *     there should be an agent; {@code null} if that is known of no node before its agent reports
 * @param instance which operator this is, as it appears in Events; the pod's name in a cluster
 * @param threads how many LoadBalancers are reconciled at the same time, at least 1
 * @param settle how long nodes may be behind a changed table before a status says so, from the
 *     first change on; nodes that fail are told of at once
 * @param longestRetry bound of the pause between attempts at something that fails; the first pause
 *     is 100 ms, each further one twice the one before, without end
 * @param patience how long nodes that do not follow, and whose Node still exists, keep the address
 *     of a deleted LoadBalancer from being used by others, and a deleted Service from going
 * @param lost for how long after its Lease ran out an agent is expected back, and its node stays a
 *     member of those that decide who answers for an address
 * @param isDefaultForServices whether Services of type LoadBalancer without a class are ours too
 * @param defaultPolicy the AnnouncementPolicy that an installation begins with; {@code null} for
 *     none
 */
public record OperatorSettings(
    String namespace,
    String agentPods,
    String instance,
    int threads,
    Duration settle,
    Duration longestRetry,
    Duration patience,
    Duration lost,
    boolean isDefaultForServices,
    AnnouncementPolicySpec defaultPolicy) {

  public OperatorSettings {
    Objects.requireNonNull(namespace, "namespace");
    Objects.requireNonNull(instance, "instance");
    if (threads < 1) {
      throw new IllegalArgumentException(threads + " threads reconcile nothing; at least 1");
    }
    Objects.requireNonNull(patience, "patience");
    Objects.requireNonNull(lost, "lost");
    if (settle.isNegative() || longestRetry.isNegative() || longestRetry.isZero()) {
      throw new IllegalArgumentException(
          "settle is 0 or more and longestRetry more than 0, not " + settle + ", " + longestRetry);
    }
  }

  /** What suits a cluster of any size. */
  public static OperatorSettings of(String namespace, String instance) {
    return new OperatorSettings(
        namespace,
        null,
        instance,
        16,
        Duration.ofSeconds(2),
        Duration.ofSeconds(10),
        Duration.ofMinutes(5),
        Duration.ofSeconds(60),
        false,
        null);
  }

  /** The same with other {@link #agentPods}. */
  public OperatorSettings withAgentPods(String agentPods) {
    return new OperatorSettings(
        namespace,
        agentPods,
        instance,
        threads,
        settle,
        longestRetry,
        patience,
        lost,
        isDefaultForServices,
        defaultPolicy);
  }

  /** The same with another {@link #settle}. */
  public OperatorSettings withSettle(Duration settle) {
    return new OperatorSettings(
        namespace,
        agentPods,
        instance,
        threads,
        settle,
        longestRetry,
        patience,
        lost,
        isDefaultForServices,
        defaultPolicy);
  }

  /** The same with another {@link #patience}. */
  public OperatorSettings withPatience(Duration patience) {
    return new OperatorSettings(
        namespace,
        agentPods,
        instance,
        threads,
        settle,
        longestRetry,
        patience,
        lost,
        isDefaultForServices,
        defaultPolicy);
  }

  /** The same with another {@link #lost}. */
  public OperatorSettings withLost(Duration lost) {
    return new OperatorSettings(
        namespace,
        agentPods,
        instance,
        threads,
        settle,
        longestRetry,
        patience,
        lost,
        isDefaultForServices,
        defaultPolicy);
  }

  /** The same with another {@link #isDefaultForServices}. */
  public OperatorSettings withDefaultForServices(boolean isDefaultForServices) {
    return new OperatorSettings(
        namespace,
        agentPods,
        instance,
        threads,
        settle,
        longestRetry,
        patience,
        lost,
        isDefaultForServices,
        defaultPolicy);
  }

  /** The same with another {@link #defaultPolicy}. */
  public OperatorSettings withDefaultPolicy(AnnouncementPolicySpec defaultPolicy) {
    return new OperatorSettings(
        namespace,
        agentPods,
        instance,
        threads,
        settle,
        longestRetry,
        patience,
        lost,
        isDefaultForServices,
        defaultPolicy);
  }
}
