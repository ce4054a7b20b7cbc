// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.xdplb.api.v1alpha1.AddressPool;
import io.xdplb.api.v1alpha1.AddressPoolStatus;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.api.v1alpha1.NodeState;
import io.xdplb.core.ipam.PoolReader;
import io.xdplb.core.ipam.PoolReport;
import io.xdplb.core.model.ObjectName;
import java.net.HttpURLConnection;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks after the pools in the background: tells the {@link Claims} of changes, finds out when no
 * node has the addresses of a deleted LoadBalancer any more, ends their rest, and writes the pools'
 * statuses, many changes at a time.
 */
final class PoolKeeper implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(PoolKeeper.class);
  private static final Duration TOGETHER = Duration.ofMillis(200);
  private static final Duration RETRY = Duration.ofSeconds(5);

  private final KubernetesClient client;
  private final Claims claims;
  private final TableEvidence evidence;
  private final EventWriter eventWriter;
  private final Clock clock;
  private final AtomicBoolean isDue = new AtomicBoolean();
  private final ScheduledThreadPoolExecutor worker =
      new ScheduledThreadPoolExecutor(
          1,
          task -> {
            Thread thread = new Thread(task, "xdplb-pools");
            thread.setDaemon(true);
            return thread;
          });

  /** Of the worker only. */
  private Future<?> holdEnd = CompletableFuture.completedFuture(null);

  private volatile boolean isStarted;

  /** Set once, before anything is heard of. */
  private volatile ClusterView cluster;

  PoolKeeper(
      KubernetesClient client,
      Claims claims,
      TableEvidence evidence,
      EventWriter eventWriter,
      Clock clock) {
    this.client = client;
    this.eventWriter = eventWriter;
    this.claims = claims;
    this.evidence = evidence;
    this.clock = clock;
    worker.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
  }

  void watch(ClusterView cluster) {
    this.cluster = cluster;
  }

  /** The caches are filled. */
  void start() {
    isStarted = true;
    look();
  }

  void poolChanged(AddressPool pool) {
    trigger(claims.pool(pool));
    look();
  }

  void poolGone(String name) {
    trigger(claims.removePool(name));
    look();
  }

  void namespaceChanged(String name, Map<String, String> labels) {
    trigger(claims.namespace(name, labels));
    look();
  }

  /** Whether a status says something of addresses that this operator has not decided. */
  boolean isForeign(LoadBalancer balancer) {
    return claims.isForeign(balancer);
  }

  /** Addresses were allocated or given up, or nodes have reported: looks soon what follows. */
  void look() {
    if (isDue.compareAndSet(false, true)) {
      schedule(TOGETHER);
    }
  }

  /** Nodes have reported something else than before. */
  void nodesChanged() {
    if (!claims.awaited().isEmpty()) {
      look();
    }
  }

  @Override
  public void close() {
    worker.shutdownNow();
  }

  private void trigger(Set<ObjectName> affected) {
    if (!affected.isEmpty()) {
      cluster.events().trigger(affected);
    }
  }

  private Future<?> schedule(Duration delay) {
    try {
      return worker.schedule(this::lookNow, delay.toMillis(), TimeUnit.MILLISECONDS);
    } catch (RejectedExecutionException e) {
      log.debug("stopped; the next start looks");
      return CompletableFuture.completedFuture(null);
    }
  }

  private void lookNow() {
    isDue.set(false);
    if (!isStarted) {
      return;
    }
    try {
      claims.load(cluster);
      endReleases();
      trigger(claims.endHolds(clock.instant()));
      writeStatuses();
      claims.nextHoldEnd().ifPresent(this::lookAt);
    } catch (RuntimeException e) {
      log.warn("cannot look after the pools; tried again in {}: {}", RETRY, e.toString());
      schedule(RETRY);
    }
  }

  private void lookAt(Instant time) {
    Duration delay = Duration.between(clock.instant(), time);
    holdEnd.cancel(false);
    holdEnd = schedule(delay.isNegative() ? Duration.ZERO : delay.plusMillis(1));
  }

  /** Of LoadBalancers that are gone; the others are looked at when they are reconciled. */
  private void endReleases() {
    for (ObjectName name : claims.awaited()) {
      Collection<NodeState> nodes = cluster.nodes().nodes();
      if (!cluster.exists(name)
          && cluster.tables().stored(name).isEmpty()
          && Fleet.allProve(nodes, name, evidence.absence(name))) {
        trigger(claims.gone(name, Set.of(), clock.instant()));
        evidence.forgetAllBut(TableEvidence.bucketOf(name), Fleet.digests(nodes, name));
      }
    }
  }

  private void writeStatuses() {
    Map<String, PoolReport> reports = claims.reports();
    for (AddressPool pool : cluster.pools().pools()) {
      PoolReader.Result read = Claims.read(pool);
      PoolReport report = reports.get(pool.getMetadata().getName());
      if (read.pool().isPresent() && report == null) {
        // Not known yet: what follows from its coming is looked at then.
        continue;
      }
      AddressPoolStatus status =
          PoolStatusComposer.compose(
              pool.getStatus(),
              pool.getMetadata().getGeneration(),
              read.problems(),
              read.pool().map(valid -> report).orElse(null),
              clock.instant());
      if (!status.equals(pool.getStatus()) && write(pool, status)) {
        eventWriter.write(pool, PoolStatusComposer.news(pool.getStatus(), status));
      }
    }
  }

  private boolean write(AddressPool pool, AddressPoolStatus status) {
    AddressPool patch = new AddressPool();
    patch.setMetadata(
        new ObjectMetaBuilder()
            .withName(pool.getMetadata().getName())
            .withResourceVersion(pool.getMetadata().getResourceVersion())
            .build());
    patch.setStatus(status);
    try {
      client
          .resource(patch)
          .subresource("status")
          .patch(
              new PatchContext.Builder()
                  .withPatchType(PatchType.SERVER_SIDE_APPLY)
                  .withFieldManager(OperatorRuntime.FIELD_MANAGER)
                  .withForce(true)
                  .build());
      return true;
    } catch (KubernetesClientException e) {
      // Another version is there, or none: the cache will tell, and then it is looked at again.
      if (e.getCode() != HttpURLConnection.HTTP_CONFLICT
          && e.getCode() != HttpURLConnection.HTTP_NOT_FOUND) {
        throw e;
      }
      return false;
    }
  }
}
