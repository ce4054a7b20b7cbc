// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.javaoperatorsdk.operator.api.config.informer.InformerEventSourceConfiguration;
import io.javaoperatorsdk.operator.api.reconciler.EventSourceContext;
import io.javaoperatorsdk.operator.processing.event.source.informer.InformerEventSource;
import io.xdplb.api.v1alpha1.ForwardingTable;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.core.model.ObjectName;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * The ForwardingTables of the API server. A change by somebody else makes the LoadBalancer of the
 * same name mend it; every change is noted in {@link TableEvidence}.
 */
final class TableSource extends InformerEventSource<ForwardingTable, LoadBalancer> {

  static final String NAME = "tables";

  private final TableEvidence evidence;
  private final Consumer<ForwardingTable> onStored;

  /**
   * @param onStored called for each table that is found or written
   */
  TableSource(
      EventSourceContext<LoadBalancer> context,
      TableEvidence evidence,
      Consumer<ForwardingTable> onStored) {
    super(
        InformerEventSourceConfiguration.from(ForwardingTable.class, LoadBalancer.class)
            .withName(NAME)
            .withWatchAllNamespaces()
            .withItemStore(Trimming.withoutManagedFields())
            .withSecondaryToPrimaryMapper(table -> Set.of(Names.id(Names.of(table))))
            .withPrimaryToSecondaryMapper(
                (LoadBalancer balancer) -> Set.of(Names.id(Names.of(balancer))))
            .build(),
        context);
    this.evidence = evidence;
    this.onStored = onStored;
  }

  Optional<ForwardingTable> stored(ObjectName name) {
    return get(Names.id(name));
  }

  Stream<ForwardingTable> all() {
    return list(table -> true);
  }

  @Override
  public void onAdd(ForwardingTable table) {
    note(table);
    super.onAdd(table);
  }

  @Override
  public void onUpdate(ForwardingTable before, ForwardingTable table) {
    note(table);
    super.onUpdate(before, table);
  }

  @Override
  public synchronized void onDelete(ForwardingTable table, boolean finalStateUnknown) {
    evidence.deleted(Names.of(table));
    super.onDelete(table, finalStateUnknown);
  }

  private void note(ForwardingTable table) {
    evidence.stored(Names.of(table), table.getSpec() == null ? null : table.getSpec().tableHash());
    onStored.accept(table);
  }
}
