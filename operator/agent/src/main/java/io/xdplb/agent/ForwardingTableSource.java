// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent;

import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.informers.ResourceEventHandler;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import io.fabric8.kubernetes.client.informers.cache.ItemStore;
import io.xdplb.api.v1alpha1.ForwardingTable;
import io.xdplb.core.model.ObjectName;
import java.time.Instant;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
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

  ForwardingTableSource(KubernetesClient client, Programmer programmer) {
    informer =
        client
            .resources(ForwardingTable.class)
            .inAnyNamespace()
            .withLimit(PAGE)
            .runnableInformer(0)
            .itemStore(new VersionsOnly())
            .exceptionHandler(
                (begun, failure) -> {
                  log.warn(
                      "cannot follow ForwardingTables, will try again; what is programmed stays: {}",
                      rootMessage(failure));
                  return true;
                })
            .addEventHandler(new ToProgrammer(programmer));
  }

  /** Begins, in the background. */
  void start() {
    informer.start();
  }

  @Override
  public void close() {
    informer.stop();
  }

  private static String rootMessage(Throwable failure) {
    Throwable root = failure;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    return root.getMessage() == null ? root.toString() : root.getMessage();
  }

  private record ToProgrammer(Programmer programmer)
      implements ResourceEventHandler<ForwardingTable> {

    @Override
    public void onAdd(ForwardingTable table) {
      programmer.table(name(table), createdAt(table), table.getSpec());
    }

    @Override
    public void onUpdate(ForwardingTable before, ForwardingTable now) {
      onAdd(now);
    }

    @Override
    public void onDelete(ForwardingTable table, boolean unknownFinalState) {
      programmer.removed(name(table));
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

  /**
   * Keeps of each object what the informer needs to tell a change from a repetition. The programmer
   * holds the rest in a smaller form.
   */
  private static final class VersionsOnly implements ItemStore<ForwardingTable> {
    private final Map<String, ForwardingTable> items = new ConcurrentHashMap<>();

    @Override
    public String getKey(ForwardingTable table) {
      return table.getMetadata().getNamespace() + "/" + table.getMetadata().getName();
    }

    @Override
    public ForwardingTable put(String key, ForwardingTable table) {
      return items.put(key, reduced(table));
    }

    @Override
    public ForwardingTable remove(String key) {
      return items.remove(key);
    }

    @Override
    public Stream<String> keySet() {
      return items.keySet().stream();
    }

    @Override
    public Stream<ForwardingTable> values() {
      return items.values().stream();
    }

    @Override
    public int size() {
      return items.size();
    }

    @Override
    public ForwardingTable get(String key) {
      return items.get(key);
    }

    @Override
    public boolean isFullState() {
      return false;
    }

    private static ForwardingTable reduced(ForwardingTable table) {
      ObjectMeta metadata = new ObjectMeta();
      metadata.setNamespace(table.getMetadata().getNamespace());
      metadata.setName(table.getMetadata().getName());
      metadata.setUid(table.getMetadata().getUid());
      metadata.setResourceVersion(table.getMetadata().getResourceVersion());
      ForwardingTable small = new ForwardingTable();
      small.setMetadata(metadata);
      return small;
    }
  }
}
