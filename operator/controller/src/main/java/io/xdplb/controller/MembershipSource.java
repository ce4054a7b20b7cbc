// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.javaoperatorsdk.operator.api.config.informer.InformerEventSourceConfiguration;
import io.javaoperatorsdk.operator.api.reconciler.EventSourceContext;
import io.javaoperatorsdk.operator.processing.event.ResourceID;
import io.javaoperatorsdk.operator.processing.event.source.informer.InformerEventSource;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.api.v1alpha1.Membership;
import java.util.Optional;
import java.util.Set;

/** The one Membership. It concerns no LoadBalancer, but the {@link MembershipKeeper}. */
final class MembershipSource extends InformerEventSource<Membership, LoadBalancer> {

  private final Runnable onChange;

  MembershipSource(EventSourceContext<LoadBalancer> context, Runnable onChange) {
    super(
        InformerEventSourceConfiguration.from(Membership.class, LoadBalancer.class)
            .withName("membership")
            .withItemStore(Trimming.withoutManagedFields())
            .withSecondaryToPrimaryMapper(membership -> Set.of())
            .withPrimaryToSecondaryMapper((LoadBalancer balancer) -> Set.of())
            .build(),
        context);
    this.onChange = onChange;
  }

  /**
   * As the cache has it; empty if there is none.
   *
   * @throws IllegalArgumentException if somebody has written what cannot be
   */
  Optional<StoredMembership> stored() {
    return get(new ResourceID(Membership.NAME)).map(StoredMembership::of);
  }

  @Override
  public void onAdd(Membership membership) {
    super.onAdd(membership);
    onChange.run();
  }

  @Override
  public void onUpdate(Membership before, Membership now) {
    super.onUpdate(before, now);
    onChange.run();
  }

  @Override
  public synchronized void onDelete(Membership membership, boolean finalStateUnknown) {
    super.onDelete(membership, finalStateUnknown);
    onChange.run();
  }
}
