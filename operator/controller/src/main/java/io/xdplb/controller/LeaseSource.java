// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.fabric8.kubernetes.api.model.coordination.v1.Lease;
import io.javaoperatorsdk.operator.api.config.informer.InformerEventSourceConfiguration;
import io.javaoperatorsdk.operator.api.reconciler.EventSourceContext;
import io.javaoperatorsdk.operator.health.InformerHealthIndicator;
import io.javaoperatorsdk.operator.processing.event.Event;
import io.javaoperatorsdk.operator.processing.event.source.informer.InformerEventSource;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.api.v1alpha1.NodeLeases;
import io.xdplb.core.model.ObjectName;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * The agents' Leases. A renewal concerns nobody; that an agent has fallen silent, or is back,
 * concerns all LoadBalancers.
 */
final class LeaseSource extends InformerEventSource<Lease, LoadBalancer> {

  private static final Duration PERIOD = Duration.ofMillis(500);

  private final Liveness liveness = new Liveness(System::nanoTime);
  private final Supplier<Stream<ObjectName>> all;
  private final Runnable onChange;
  private ScheduledExecutorService timer;

  /**
   * @param namespace where the Leases are
   * @param all the LoadBalancers
   * @param onChange hears when agents have fallen silent, or are back
   */
  LeaseSource(
      EventSourceContext<LoadBalancer> context,
      String namespace,
      Supplier<Stream<ObjectName>> all,
      Runnable onChange) {
    super(
        InformerEventSourceConfiguration.from(Lease.class, LoadBalancer.class)
            .withName("leases")
            .withNamespaces(Set.of(namespace))
            .withLabelSelector(NodeLeases.LABEL + "=" + NodeLeases.LABEL_VALUE)
            .withItemStore(Trimming.withoutManagedFields())
            .withSecondaryToPrimaryMapper(lease -> Set.of())
            .withPrimaryToSecondaryMapper((LoadBalancer balancer) -> Set.of())
            .build(),
        context);
    this.all = all;
    this.onChange = onChange;
  }

  /** Whether the agent of a node has a Lease that it has not renewed in time. */
  boolean isSilent(String node) {
    return liveness.isSilent(node);
  }

  /** Whether the agent of a node has a Lease that it has renewed in time. */
  boolean isAlive(String node) {
    return liveness.isAlive(node);
  }

  /** Whether renewals are heard of: else nothing is known of anybody. */
  boolean isFollowed() {
    return informerHealthIndicators().values().stream()
        .allMatch(InformerHealthIndicator::isWatching);
  }

  @Override
  public synchronized void start() {
    super.start();
    timer =
        Executors.newSingleThreadScheduledExecutor(
            run -> {
              Thread thread = new Thread(run, "liveness");
              thread.setDaemon(true);
              return thread;
            });
    timer.scheduleWithFixedDelay(
        this::look, PERIOD.toMillis(), PERIOD.toMillis(), TimeUnit.MILLISECONDS);
  }

  @Override
  public synchronized void stop() {
    if (timer != null) {
      timer.shutdownNow();
    }
    super.stop();
  }

  @Override
  public void onAdd(Lease lease) {
    super.onAdd(lease);
    seen(lease);
  }

  @Override
  public void onUpdate(Lease before, Lease now) {
    super.onUpdate(before, now);
    seen(now);
  }

  @Override
  public synchronized void onDelete(Lease lease, boolean finalStateUnknown) {
    super.onDelete(lease, finalStateUnknown);
    if (lease.getSpec() != null && lease.getSpec().getHolderIdentity() != null) {
      trigger(liveness.forget(lease.getSpec().getHolderIdentity()));
    }
  }

  private void look() {
    if (isFollowed()) {
      trigger(!liveness.fallenSilent().isEmpty());
    } else {
      liveness.suspend(); // nobody's renewals are heard of
    }
  }

  private void seen(Lease lease) {
    if (lease.getSpec() == null
        || lease.getSpec().getHolderIdentity() == null
        || lease.getSpec().getRenewTime() == null
        || lease.getSpec().getLeaseDurationSeconds() == null) {
      return; // no agent has written that
    }
    trigger(
        liveness.seen(
            lease.getSpec().getHolderIdentity(),
            lease.getSpec().getRenewTime(),
            Duration.ofSeconds(lease.getSpec().getLeaseDurationSeconds())));
  }

  private void trigger(boolean changed) {
    if (changed) {
      onChange.run();
      all.get().forEach(name -> getEventHandler().handleEvent(new Event(Names.id(name))));
    }
  }
}
