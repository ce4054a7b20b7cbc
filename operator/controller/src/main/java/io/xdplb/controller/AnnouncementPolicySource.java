// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.javaoperatorsdk.operator.api.config.informer.InformerEventSourceConfiguration;
import io.javaoperatorsdk.operator.api.reconciler.EventSourceContext;
import io.javaoperatorsdk.operator.processing.event.source.informer.InformerEventSource;
import io.xdplb.api.v1alpha1.AnnouncementPolicy;
import io.xdplb.api.v1alpha1.LoadBalancer;
import java.util.List;
import java.util.Objects;
import java.util.Set;

/** The AnnouncementPolicies. A change of what one says concerns all LoadBalancers. */
final class AnnouncementPolicySource extends InformerEventSource<AnnouncementPolicy, LoadBalancer> {

  private final Runnable onChange;

  /**
   * @param onChange hears of changes of specs, not of statuses
   */
  AnnouncementPolicySource(EventSourceContext<LoadBalancer> context, Runnable onChange) {
    super(
        InformerEventSourceConfiguration.from(AnnouncementPolicy.class, LoadBalancer.class)
            .withName("policies")
            .withItemStore(Trimming.withoutManagedFields())
            .withSecondaryToPrimaryMapper(policy -> Set.of())
            .withPrimaryToSecondaryMapper((LoadBalancer balancer) -> Set.of())
            .build(),
        context);
    this.onChange = onChange;
  }

  List<AnnouncementPolicy> policies() {
    return list(policy -> true).toList();
  }

  @Override
  public void onAdd(AnnouncementPolicy policy) {
    super.onAdd(policy);
    onChange.run();
  }

  @Override
  public void onUpdate(AnnouncementPolicy before, AnnouncementPolicy now) {
    super.onUpdate(before, now);
    if (!Objects.equals(before.getSpec(), now.getSpec())) {
      onChange.run();
    }
  }

  @Override
  public synchronized void onDelete(AnnouncementPolicy policy, boolean finalStateUnknown) {
    super.onDelete(policy, finalStateUnknown);
    onChange.run();
  }
}
