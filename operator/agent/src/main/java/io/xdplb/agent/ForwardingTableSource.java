// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent;

import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.informers.ResourceEventHandler;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import io.xdplb.api.v1alpha1.ForwardingTable;
import io.xdplb.core.model.ObjectName;
import java.time.Instant;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Follows the ForwardingTables of all namespaces. While the API server cannot be reached nothing
 * changes, and the informer goes on trying; the first list after that brings what was missed.
 */
final class ForwardingTableSource implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(ForwardingTableSource.class);

  /** Tables a page of the initial list: bounds how many are in memory as JSON at a time. */
  private static final long PAGE = 200;

  private final SharedIndexInformer<ForwardingTable> informer;

  ForwardingTableSource(
      KubernetesClient client, Programmer programmer, HealthCheckPorts healthChecks) {
    informer =
        client
            .resources(ForwardingTable.class)
            .inAnyNamespace()
            .withLimit(PAGE)
            .runnableInformer(0)
            .itemStore(new ReducedStore<>(ForwardingTableSource::reduced))
            .exceptionHandler(
                (begun, failure) -> {
                  log.warn(
                      "cannot follow ForwardingTables, will try again; what is programmed stays: {}",
                      ReducedStore.rootMessage(failure));
                  return true;
                })
            .addEventHandler(new ToProgrammer(programmer, healthChecks));
  }

  /** Begins, in the background. */
  void start() {
    informer.start();
  }

  @Override
  public void close() {
    informer.stop();
  }

  private record ToProgrammer(Programmer programmer, HealthCheckPorts healthChecks)
      implements ResourceEventHandler<ForwardingTable> {

    @Override
    public void onAdd(ForwardingTable table) {
      programmer.table(name(table), createdAt(table), table.getSpec());
      healthChecks.table(name(table), table.getSpec());
    }

    @Override
    public void onUpdate(ForwardingTable before, ForwardingTable now) {
      onAdd(now);
    }

    @Override
    public void onDelete(ForwardingTable table, boolean unknownFinalState) {
      programmer.removed(name(table));
      healthChecks.removed(name(table));
    }

    /** Called after the tables of a list, in order with the other events. */
    @Override
    public void onList(String resourceVersion, boolean remainedEmpty) {
      log.info("all ForwardingTables are listed");
      programmer.synced();
    }

    private static ObjectName name(ForwardingTable table) {
      return new ObjectName(table.getMetadata().getNamespace(), table.getMetadata().getName());
    }

    private static Instant createdAt(ForwardingTable table) {
      return Instant.parse(table.getMetadata().getCreationTimestamp());
    }
  }

  private static ForwardingTable reduced(ForwardingTable table) {
    ForwardingTable small = new ForwardingTable();
    small.setMetadata(ReducedStore.identity(table.getMetadata()));
    return small;
  }
}
