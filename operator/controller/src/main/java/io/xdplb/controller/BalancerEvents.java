// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.javaoperatorsdk.operator.processing.event.Event;
import io.javaoperatorsdk.operator.processing.event.source.AbstractEventSource;
import io.javaoperatorsdk.operator.processing.event.source.ResourceEventAware;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.core.model.ObjectName;
import java.util.Collection;
import java.util.Set;
import java.util.function.Consumer;

/**
 * What happens between LoadBalancers: one that is to look again because another one changed, and
 * deletions, of which a reconciler without a finalizer is not told.
 *
 * <p>The SDK's mode that calls the reconciler for deletions too is not used: as of 5.3.2 it loses
 * the event of an object that is created again while the deletion is being processed.
 */
final class BalancerEvents extends AbstractEventSource<LoadBalancer, LoadBalancer>
    implements ResourceEventAware<LoadBalancer> {

  private static final String NAME = "balancers";

  private final Consumer<ObjectName> onDeleted;

  BalancerEvents(Consumer<ObjectName> onDeleted) {
    super(LoadBalancer.class, NAME);
    this.onDeleted = onDeleted;
  }

  /** Makes these LoadBalancers be reconciled; names that are not there are passed over. */
  void trigger(Collection<ObjectName> names) {
    names.forEach(name -> getEventHandler().handleEvent(new Event(Names.id(name))));
  }

  /** Deleted with a finalizer of somebody else, or in the foreground: no traffic from now on. */
  @Override
  public void onResourceUpdated(LoadBalancer now, LoadBalancer before) {
    if (now.isMarkedForDeletion()) {
      onDeleted.accept(Names.of(now));
    }
  }

  @Override
  public void onResourceDeleted(LoadBalancer balancer) {
    onDeleted.accept(Names.of(balancer));
  }

  @Override
  public Set<LoadBalancer> getSecondaryResources(LoadBalancer primary) {
    return Set.of();
  }
}
