// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.fabric8.kubernetes.api.model.Service;
import io.javaoperatorsdk.operator.processing.event.source.AbstractEventSource;
import io.javaoperatorsdk.operator.processing.event.source.ResourceEventAware;
import io.xdplb.core.model.ObjectName;
import java.util.Set;
import java.util.function.Consumer;

/**
 * Services that are being deleted, or are gone: a reconciler that has not its own finalizer on
 * every Service is not told of them.
 */
final class ServiceEvents extends AbstractEventSource<Service, Service>
    implements ResourceEventAware<Service> {

  private static final String NAME = "deletions";

  private final Consumer<ObjectName> onDeleted;

  ServiceEvents(Consumer<ObjectName> onDeleted) {
    super(Service.class, NAME);
    this.onDeleted = onDeleted;
  }

  @Override
  public void onResourceCreated(Service service) {
    check(service);
  }

  @Override
  public void onResourceUpdated(Service now, Service before) {
    check(now);
  }

  @Override
  public void onResourceDeleted(Service service) {
    onDeleted.accept(Names.of(service));
  }

  private void check(Service service) {
    if (service.isMarkedForDeletion() && ServiceReader.hasOurFinalizer(service)) {
      onDeleted.accept(Names.of(service));
    }
  }

  @Override
  public Set<Service> getSecondaryResources(Service primary) {
    return Set.of();
  }
}
