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
import java.util.function.Predicate;

/**
 * What happens between LoadBalancers: one that is to look again because another one changed,
 * statuses of another operator, and deletions, of which a reconciler without a finalizer is not
 * told.
 *
 * <p>The SDK's mode that calls the reconciler for deletions too is not used: as of 5.3.2 it loses
 * the event of an object that is created again while the deletion is being processed.
 */
final class BalancerEvents extends AbstractEventSource<LoadBalancer, LoadBalancer>
    implements ResourceEventAware<LoadBalancer> {

  private static final String NAME = "balancers";

  private final Consumer<ObjectName> onDeleted;
  private final Predicate<LoadBalancer> isForeign;

  /**
   * @param isForeign whether the status says something of addresses that this operator has not
   *     written
   */
  BalancerEvents(Consumer<ObjectName> onDeleted, Predicate<LoadBalancer> isForeign) {
    super(LoadBalancer.class, NAME);
    this.onDeleted = onDeleted;
    this.isForeign = isForeign;
  }

  /** Makes these LoadBalancers be reconciled; names that are not there are passed over. */
  void trigger(Collection<ObjectName> names) {
    names.forEach(name -> getEventHandler().handleEvent(new Event(Names.id(name))));
  }

  /**
   * Deleted with a finalizer of somebody else, or in the foreground: no traffic from now on. Or its
   * status was written by another operator: whose address is it?
   */
  @Override
  public void onResourceUpdated(LoadBalancer now, LoadBalancer before) {
    if (now.isMarkedForDeletion()) {
      onDeleted.accept(Names.of(now));
    } else if (isForeign.test(now)) {
      trigger(Set.of(Names.of(now)));
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
