// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.informers.ResourceEventHandler;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import io.xdplb.api.v1alpha1.ForwardingTable;
import io.xdplb.api.v1alpha1.ForwardingTableSlice;
import io.xdplb.core.model.ObjectName;
import java.time.Instant;
import java.util.function.UnaryOperator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Follows the ForwardingTables of all namespaces, and their slices. While the API server cannot be
 * reached nothing changes, and the informers go on trying; the first list after that brings what
 * was missed.
 */
final class ForwardingTableSource implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(ForwardingTableSource.class);

  /** Objects a page of the initial list: bounds how many are in memory as JSON at a time. */
  private static final long PAGE = 200;

  private final Programmer programmer;
  private final HealthCheckPorts healthChecks;
  private final TableAssembly assembly;
  private final SharedIndexInformer<ForwardingTable> tables;
  private final SharedIndexInformer<ForwardingTableSlice> slices;

  // Guarded by this:
  private boolean tablesListed;
  private boolean slicesListed;

  ForwardingTableSource(
      KubernetesClient client, Programmer programmer, HealthCheckPorts healthChecks) {
    this.programmer = programmer;
    this.healthChecks = healthChecks;
    assembly = new TableAssembly(programmer);
    tables =
        informer(
            client, ForwardingTable.class, ForwardingTableSource::reduced, this.new TableEvents());
    slices =
        informer(
            client,
            ForwardingTableSlice.class,
            ForwardingTableSource::reduced,
            this.new SliceEvents());
  }

  private static <T extends HasMetadata> SharedIndexInformer<T> informer(
      KubernetesClient client,
      Class<T> kind,
      UnaryOperator<T> reduced,
      ResourceEventHandler<T> handler) {
    return client
        .resources(kind)
        .inAnyNamespace()
        .withLimit(PAGE)
        .runnableInformer(0)
        .itemStore(new ReducedStore<>(reduced))
        .exceptionHandler(
            (begun, failure) -> {
              log.warn(
                  "cannot follow {}s, will try again; what is programmed stays: {}",
                  kind.getSimpleName(),
                  ReducedStore.rootMessage(failure));
              return true;
            })
        .addEventHandler(handler);
  }

  /** Begins, in the background. */
  void start() {
    slices.start();
    tables.start();
  }

  @Override
  public void close() {
    tables.stop();
    slices.stop();
  }

  /** Tables in themselves need not wait for slices. */
  private synchronized void listed(boolean areTables) {
    tablesListed |= areTables;
    slicesListed |= !areTables;
    if (tablesListed && slicesListed) {
      log.info("all ForwardingTables are listed");
      programmer.synced();
    } else if (tablesListed) {
      programmer.listed();
    }
  }

  private final class TableEvents implements ResourceEventHandler<ForwardingTable> {

    @Override
    public void onAdd(ForwardingTable table) {
      assembly.table(
          name(table), Instant.parse(table.getMetadata().getCreationTimestamp()), table.getSpec());
      healthChecks.table(name(table), table.getSpec());
    }

    @Override
    public void onUpdate(ForwardingTable before, ForwardingTable now) {
      onAdd(now);
    }

    @Override
    public void onDelete(ForwardingTable table, boolean unknownFinalState) {
      assembly.removed(name(table));
      healthChecks.removed(name(table));
    }

    /** Called after the tables of a list, in order with the other events. */
    @Override
    public void onList(String resourceVersion, boolean remainedEmpty) {
      listed(true);
    }
  }

  private final class SliceEvents implements ResourceEventHandler<ForwardingTableSlice> {

    @Override
    public void onAdd(ForwardingTableSlice slice) {
      assembly.slice(name(slice), slice.getSpec());
    }

    @Override
    public void onUpdate(ForwardingTableSlice before, ForwardingTableSlice now) {
      onAdd(now);
    }

    @Override
    public void onDelete(ForwardingTableSlice slice, boolean unknownFinalState) {
      assembly.sliceRemoved(name(slice));
    }

    @Override
    public void onList(String resourceVersion, boolean remainedEmpty) {
      listed(false);
    }
  }

  private static ObjectName name(HasMetadata object) {
    return new ObjectName(object.getMetadata().getNamespace(), object.getMetadata().getName());
  }

  private static ForwardingTable reduced(ForwardingTable table) {
    ForwardingTable small = new ForwardingTable();
    small.setMetadata(ReducedStore.identity(table.getMetadata()));
    return small;
  }

  private static ForwardingTableSlice reduced(ForwardingTableSlice slice) {
    ForwardingTableSlice small = new ForwardingTableSlice();
    small.setMetadata(ReducedStore.identity(slice.getMetadata()));
    return small;
  }
}
