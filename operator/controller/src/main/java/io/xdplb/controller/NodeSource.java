// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.javaoperatorsdk.operator.api.config.informer.InformerEventSourceConfiguration;
import io.javaoperatorsdk.operator.api.reconciler.EventSourceContext;
import io.javaoperatorsdk.operator.processing.event.Event;
import io.javaoperatorsdk.operator.processing.event.ResourceID;
import io.javaoperatorsdk.operator.processing.event.source.informer.InformerEventSource;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.api.v1alpha1.NodeState;
import io.xdplb.api.v1alpha1.NodeStateStatus;
import io.xdplb.core.model.ObjectName;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;

/**
 * The NodeStates. A change concerns the LoadBalancers whose evidence is another one than before.
 */
final class NodeSource extends InformerEventSource<NodeState, LoadBalancer> {

  static final String NAME = "nodes";

  /** Finds the LoadBalancers that a change may concern. */
  interface Concerned {

    /** All there are. */
    Stream<ObjectName> all();

    /** Those whose tables are in a bucket. */
    Stream<ObjectName> inBucket(String bucket);

    /** Some node has reported something else than before, or is gone. */
    void nodesChanged();

    /** Which nodes there are, where, or which epoch of the Membership they have reached. */
    void membersChanged();

    /**
     * What a node announces now; {@code null} if it reports nothing any more.
     *
     * @return those that have an address of which it says something else than before
     */
    Stream<ObjectName> announcedBy(String node, NodeStateStatus status);

    /** The sessions of a node are others, or it has come or is gone: those that wait for that. */
    Stream<ObjectName> announcersChanged();

    /** Those that have endpoints on a node. */
    Stream<ObjectName> onNode(String node);

    /** Whether nothing can follow from what a node has reported, but for its exceptions. */
    boolean isAtRest(ObjectName balancer, NodeState node);
  }

  private static final Duration TOGETHER_A_NODE = Duration.ofMillis(4);
  private static final Duration LONGEST_TOGETHER = Duration.ofMillis(200);

  private final Concerned concerned;
  private final Set<ObjectName> news = ConcurrentHashMap.newKeySet();
  private final AtomicBoolean isDue = new AtomicBoolean();
  private ScheduledExecutorService timer;

  NodeSource(EventSourceContext<LoadBalancer> context, Concerned concerned) {
    super(
        InformerEventSourceConfiguration.from(NodeState.class, LoadBalancer.class)
            .withName(NAME)
            .withItemStore(Trimming.withoutManagedFields())
            // The mapper would see the new object only; the events are made below, of both.
            .withSecondaryToPrimaryMapper(node -> Set.of())
            .withPrimaryToSecondaryMapper((LoadBalancer balancer) -> Set.of())
            .build(),
        context);
    this.concerned = concerned;
  }

  @Override
  public synchronized void start() {
    timer =
        Executors.newSingleThreadScheduledExecutor(
            run -> {
              Thread thread = new Thread(run, "node-news");
              thread.setDaemon(true);
              return thread;
            });
    super.start();
  }

  @Override
  public synchronized void stop() {
    super.stop();
    if (timer != null) {
      timer.shutdownNow();
    }
  }

  Optional<NodeState> node(String name) {
    return get(new ResourceID(name));
  }

  List<NodeState> nodes() {
    return list(node -> true).toList();
  }

  @Override
  public void onAdd(NodeState node) {
    super.onAdd(node);
    concerned.membersChanged();
    concerned.announcedBy(node.getMetadata().getName(), node.getStatus());
    concerned.announcersChanged();
    trigger(concerned.all());
  }

  @Override
  public void onUpdate(NodeState before, NodeState now) {
    super.onUpdate(before, now);
    NodeChange change = NodeChange.between(before.getStatus(), now.getStatus());
    if (change.epoch() || change.addresses()) {
      concerned.membersChanged();
    }
    Stream<ObjectName> announced =
        concerned.announcedBy(now.getMetadata().getName(), now.getStatus());
    trigger(
        change.concernsAll()
            ? concerned.all()
            : Stream.of(
                    change.buckets().stream()
                        .flatMap(concerned::inBucket)
                        .filter(balancer -> !concerned.isAtRest(balancer, now)),
                    change.tables().stream(),
                    announced,
                    change.sessions() ? concerned.announcersChanged() : Stream.<ObjectName>empty(),
                    change.addresses()
                        ? concerned.onNode(now.getMetadata().getName())
                        : Stream.<ObjectName>empty())
                .flatMap(names -> names));
  }

  @Override
  public synchronized void onDelete(NodeState node, boolean finalStateUnknown) {
    super.onDelete(node, finalStateUnknown);
    concerned.membersChanged();
    concerned.announcedBy(node.getMetadata().getName(), null);
    concerned.announcersChanged();
    trigger(concerned.all());
  }

  /**
   * A change of a table makes every node report it, at about the same time: what they say is looked
   * at together.
   */
  private void trigger(Stream<ObjectName> names) {
    concerned.nodesChanged();
    names.forEach(news::add);
    if (!news.isEmpty() && isDue.compareAndSet(false, true)) {
      Duration delay = TOGETHER_A_NODE.multipliedBy(keys().count());
      try {
        timer.schedule(
            this::tell,
            Math.min(delay.toMillis(), LONGEST_TOGETHER.toMillis()),
            TimeUnit.MILLISECONDS);
      } catch (RejectedExecutionException e) {
        isDue.set(false); // stopped: the next start looks at everything
      }
    }
  }

  private void tell() {
    isDue.set(false);
    for (ObjectName name : news) {
      if (news.remove(name)) { // first: what comes from now on is looked at again
        getEventHandler().handleEvent(new Event(Names.id(name)));
      }
    }
  }
}
