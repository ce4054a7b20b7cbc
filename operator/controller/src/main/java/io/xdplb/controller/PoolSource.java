// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.javaoperatorsdk.operator.api.config.informer.InformerEventSourceConfiguration;
import io.javaoperatorsdk.operator.api.reconciler.EventSourceContext;
import io.javaoperatorsdk.operator.processing.event.source.informer.InformerEventSource;
import io.xdplb.api.v1alpha1.AddressPool;
import io.xdplb.api.v1alpha1.LoadBalancer;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.function.Consumer;

/** The AddressPools. Whom a change concerns is for others to find out. */
final class PoolSource extends InformerEventSource<AddressPool, LoadBalancer> {

  private final Consumer<AddressPool> onChange;
  private final Consumer<String> onGone;
  private final Runnable onOtherSpec;

  /**
   * @param onChange hears of each change
   * @param onGone hears of each deletion
   * @param onOtherSpec hears of those that are not of a status only
   */
  PoolSource(
      EventSourceContext<LoadBalancer> context,
      Consumer<AddressPool> onChange,
      Consumer<String> onGone,
      Runnable onOtherSpec) {
    super(
        InformerEventSourceConfiguration.from(AddressPool.class, LoadBalancer.class)
            .withName("pools")
            .withItemStore(Trimming.withoutManagedFields())
            .withSecondaryToPrimaryMapper(pool -> Set.of())
            .withPrimaryToSecondaryMapper((LoadBalancer balancer) -> Set.of())
            .build(),
        context);
    this.onChange = onChange;
    this.onGone = onGone;
    this.onOtherSpec = onOtherSpec;
  }

  List<AddressPool> pools() {
    return list(pool -> true).toList();
  }

  @Override
  public void onAdd(AddressPool pool) {
    super.onAdd(pool);
    onChange.accept(pool);
    onOtherSpec.run();
  }

  @Override
  public void onUpdate(AddressPool before, AddressPool now) {
    super.onUpdate(before, now);
    onChange.accept(now);
    if (!Objects.equals(before.getSpec(), now.getSpec())) {
      onOtherSpec.run();
    }
  }

  @Override
  public synchronized void onDelete(AddressPool pool, boolean finalStateUnknown) {
    super.onDelete(pool, finalStateUnknown);
    onGone.accept(pool.getMetadata().getName());
    onOtherSpec.run();
  }
}
