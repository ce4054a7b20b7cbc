// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.xdplb.api.v1alpha1.ForwardingTable;
import io.xdplb.api.v1alpha1.ForwardingTableSlice;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.core.model.ObjectName;
import java.net.HttpURLConnection;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/**
 * Removes what a deleted LoadBalancer leaves behind. The API server's garbage collector deletes
 * owned tables too, but after a while, and not everywhere there is one; and traffic should stop
 * with the LoadBalancer. Tables are also found when the operator starts, if the LoadBalancer went
 * while it was away.
 *
 * <p>No finalizer: deleting a LoadBalancer works whether or not an operator runs.
 */
final class OrphanCollector implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(OrphanCollector.class);
  private static final Duration FIRST_RETRY = Duration.ofMillis(100);
  private static final Duration LOOK_AGAIN = Duration.ofSeconds(1);
  private static final Duration LONGEST_RETRY = Duration.ofSeconds(10);

  private final KubernetesClient client;
  private final Function<ObjectName, List<ForwardingTableSlice>> slices;
  private final Predicate<ObjectName> hasLeftNodes;
  private final BiConsumer<ObjectName, Optional<ForwardingTable>> onGone;
  private final BooleanSupplier leads;
  private final ScheduledExecutorService worker;

  /**
   * @param slices those of a table, by the cache. One that is missing there is told of later, and
   *     then collected
   * @param hasLeftNodes whether nodes need not be waited for, asked when the table is gone
   * @param onGone called when the LoadBalancer is gone, its table is, or never was, and nodes need
   *     not be waited for; gets the table that was removed
   * @param leads whether this operator is the one that deletes; else it looks on until another one
   *     has, or until it leads itself
   */
  OrphanCollector(
      KubernetesClient client,
      Function<ObjectName, List<ForwardingTableSlice>> slices,
      Predicate<ObjectName> hasLeftNodes,
      BiConsumer<ObjectName, Optional<ForwardingTable>> onGone,
      BooleanSupplier leads) {
    this.client = client;
    this.slices = slices;
    this.hasLeftNodes = hasLeftNodes;
    this.onGone = onGone;
    this.leads = leads;
    ScheduledThreadPoolExecutor executor =
        new ScheduledThreadPoolExecutor(
            1,
            task -> {
              Thread thread = new Thread(task, "xdplb-orphans");
              thread.setDaemon(true);
              return thread;
            });
    executor.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
    this.worker = executor;
  }

  /** Looks after a LoadBalancer that seems gone, soon and until it has succeeded. */
  void collect(ObjectName name) {
    schedule(name, Optional.empty(), Duration.ZERO, FIRST_RETRY);
  }

  @Override
  public void close() {
    worker.shutdownNow();
  }

  private void schedule(
      ObjectName name, Optional<ForwardingTable> removed, Duration delay, Duration nextRetry) {
    try {
      worker.schedule(
          () -> attempt(name, removed, nextRetry), delay.toMillis(), TimeUnit.MILLISECONDS);
    } catch (RejectedExecutionException e) {
      log.atDebug().addKeyValue("loadbalancer", name).log("stopped; the next start will collect");
    }
  }

  /**
   * @param removed the table, if an earlier attempt has removed it
   */
  private void attempt(ObjectName name, Optional<ForwardingTable> removed, Duration retry) {
    try {
      if (isGone(name)) {
        ForwardingTable table = table(name);
        List<ForwardingTableSlice> left = slices.apply(name);
        if ((table != null || !left.isEmpty()) && !leads.getAsBoolean()) {
          schedule(name, Optional.ofNullable(table).or(() -> removed), LOOK_AGAIN, FIRST_RETRY);
          return;
        }
        Optional<ForwardingTable> gone = delete(name, table).or(() -> removed);
        left.stream().filter(slice -> OwnedTable.owner(slice).isPresent()).forEach(this::delete);
        if (hasLeftNodes.test(name)) {
          onGone.accept(name, gone);
        } else {
          schedule(name, gone, retry, longer(retry, LOOK_AGAIN));
        }
      }
    } catch (KubernetesClientException e) {
      // A conflict says that somebody wrote the table meanwhile, which is why it is looked at anew.
      boolean isConflict = e.getCode() == HttpURLConnection.HTTP_CONFLICT;
      log.atLevel(isConflict ? Level.DEBUG : Level.WARN)
          .addKeyValue("loadbalancer", name)
          .addKeyValue("retryMillis", retry.toMillis())
          .log("cannot remove what the deleted LoadBalancer left: {}", e.getMessage());
      schedule(name, removed, retry, longer(retry, LONGEST_RETRY));
    }
  }

  private static Duration longer(Duration retry, Duration longest) {
    Duration doubled = retry.multipliedBy(2);
    return doubled.compareTo(longest) < 0 ? doubled : longest;
  }

  /** By the API server: a cache that is behind must not cost a table. */
  private boolean isGone(ObjectName name) {
    LoadBalancer balancer =
        client
            .resources(LoadBalancer.class)
            .inNamespace(name.namespace())
            .withName(name.name())
            .get();
    return balancer == null || balancer.isMarkedForDeletion();
  }

  private ForwardingTable table(ObjectName name) {
    return client
        .resources(ForwardingTable.class)
        .inNamespace(name.namespace())
        .withName(name.name())
        .get();
  }

  private Optional<ForwardingTable> delete(ObjectName name, ForwardingTable table) {
    if (table == null || OwnedTable.owner(table).isEmpty()) {
      return Optional.empty();
    }
    delete(table);
    log.atInfo()
        .addKeyValue("table", name)
        .log("ForwardingTable of a deleted LoadBalancer removed");
    return Optional.of(table);
  }

  /** Exactly this version: if the LoadBalancer is back and has written, the delete is refused. */
  private void delete(HasMetadata object) {
    client.resource(object).lockResourceVersion(object.getMetadata().getResourceVersion()).delete();
  }
}
