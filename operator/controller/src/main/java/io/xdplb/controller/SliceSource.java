// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.javaoperatorsdk.operator.api.config.informer.InformerEventSourceConfiguration;
import io.javaoperatorsdk.operator.api.reconciler.EventSourceContext;
import io.javaoperatorsdk.operator.processing.event.source.informer.InformerEventSource;
import io.xdplb.api.v1alpha1.ForwardingTableSlice;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.core.model.ObjectName;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Predicate;

/**
 * The ForwardingTableSlices of the API server, without what is in them. A LoadBalancer is told of
 * one that should not be there and of one that should: those of its own table are no news.
 */
final class SliceSource extends InformerEventSource<ForwardingTableSlice, LoadBalancer> {

  private static final String BY_TABLE = "table";

  private final Consumer<ForwardingTableSlice> onStored;

  /**
   * @param isListed whether the stored table lists a slice
   * @param onStored called for each slice that is found or written
   */
  SliceSource(
      EventSourceContext<LoadBalancer> context,
      Predicate<ForwardingTableSlice> isListed,
      Consumer<ForwardingTableSlice> onStored) {
    super(
        InformerEventSourceConfiguration.from(ForwardingTableSlice.class, LoadBalancer.class)
            .withName("table-slices")
            .withWatchAllNamespaces()
            .withItemStore(Trimming.tableSlices())
            .withOnAddFilter(slice -> !isListed.test(slice))
            .withOnUpdateFilter((now, before) -> !isListed.test(now) || !isAsCreated(now))
            .withOnDeleteFilter((slice, isFinalStateUnknown) -> isListed.test(slice))
            .withSecondaryToPrimaryMapper(
                slice -> tableOf(slice).map(Names::id).map(Set::of).orElse(Set.of()))
            .withPrimaryToSecondaryMapper((LoadBalancer balancer) -> Set.of())
            .build(),
        context);
    this.onStored = onStored;
    addIndexers(
        Map.of(
            BY_TABLE,
            slice -> tableOf(slice).map(table -> List.of(table.toString())).orElse(List.of())));
  }

  /** The name of the table that a slice belongs to; empty if it says none. */
  static Optional<ObjectName> tableOf(ForwardingTableSlice slice) {
    return slice.getSpec() == null || slice.getSpec().table() == null
        ? Optional.empty()
        : Optional.of(new ObjectName(slice.getMetadata().getNamespace(), slice.getSpec().table()));
  }

  /** A slice never changes; one that has was changed by somebody else. */
  private static boolean isAsCreated(ForwardingTableSlice slice) {
    return Long.valueOf(1).equals(slice.getMetadata().getGeneration());
  }

  /** Whether a slice is there as the operator has written it for this LoadBalancer. */
  boolean isStored(ForwardingTableSlice slice, LoadBalancer owner) {
    return stored(slice)
        .filter(SliceSource::isAsCreated)
        .filter(stored -> OwnedTable.isOwnedBy(stored, owner))
        .isPresent();
  }

  /** Of the same name, by the cache and by what was written since. */
  Optional<ForwardingTableSlice> stored(ForwardingTableSlice slice) {
    return get(
        Names.id(
            new ObjectName(slice.getMetadata().getNamespace(), slice.getMetadata().getName())));
  }

  /** Those of a table, by the cache: what was written a moment ago may be missing. */
  List<ForwardingTableSlice> of(ObjectName table) {
    return manager() == null ? List.of() : byIndex(BY_TABLE, table.toString()); // not started yet
  }

  @Override
  public void onAdd(ForwardingTableSlice slice) {
    onStored.accept(slice);
    super.onAdd(slice);
  }

  @Override
  public void onUpdate(ForwardingTableSlice before, ForwardingTableSlice slice) {
    onStored.accept(slice);
    super.onUpdate(before, slice);
  }
}
