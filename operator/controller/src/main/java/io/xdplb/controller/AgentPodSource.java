// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.fabric8.kubernetes.api.model.Affinity;
import io.fabric8.kubernetes.api.model.NodeAffinity;
import io.fabric8.kubernetes.api.model.NodeSelector;
import io.fabric8.kubernetes.api.model.NodeSelectorTerm;
import io.fabric8.kubernetes.api.model.Pod;
import io.javaoperatorsdk.operator.api.config.informer.InformerEventSourceConfiguration;
import io.javaoperatorsdk.operator.api.reconciler.EventSourceContext;
import io.javaoperatorsdk.operator.processing.event.Event;
import io.javaoperatorsdk.operator.processing.event.source.informer.InformerEventSource;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.core.model.ObjectName;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The agents' Pods, which say on which nodes there should be an agent: one is made for each node
 * that the DaemonSet is for, whether or not it can be scheduled and run there.
 */
final class AgentPodSource extends InformerEventSource<Pod, LoadBalancer> {

  private final Function<String, Stream<ObjectName>> concerned;
  private final Runnable onChange;

  /**
   * @param namespace where the Pods are
   * @param selector of their labels
   * @param concerned the LoadBalancers to look at when a node has got a Pod, or lost it
   * @param onChange hears of that too
   */
  AgentPodSource(
      EventSourceContext<LoadBalancer> context,
      String namespace,
      String selector,
      Function<String, Stream<ObjectName>> concerned,
      Runnable onChange) {
    super(
        InformerEventSourceConfiguration.from(Pod.class, LoadBalancer.class)
            .withName("agents")
            .withNamespaces(Set.of(namespace))
            .withLabelSelector(selector)
            .withItemStore(Trimming.pods())
            // The mapper would see the new object only; the events are made below, of both.
            .withSecondaryToPrimaryMapper(pod -> Set.of())
            .withPrimaryToSecondaryMapper((LoadBalancer balancer) -> Set.of())
            .build(),
        context);
    this.concerned = concerned;
    this.onChange = onChange;
  }

  /** Names of the nodes that have a Pod, or are to have one. */
  Set<String> nodes() {
    return list(pod -> true).flatMap(pod -> node(pod).stream()).collect(Collectors.toSet());
  }

  /**
   * The node that a Pod is on, or, while it is not scheduled, the one that its DaemonSet made it
   * for.
   */
  static Optional<String> node(Pod pod) {
    if (pod.getSpec() == null) {
      return Optional.empty();
    }
    return Optional.ofNullable(pod.getSpec().getNodeName())
        .or(
            () ->
                Optional.ofNullable(pod.getSpec().getAffinity())
                    .map(Affinity::getNodeAffinity)
                    .map(NodeAffinity::getRequiredDuringSchedulingIgnoredDuringExecution)
                    .map(NodeSelector::getNodeSelectorTerms)
                    .stream()
                    .flatMap(Collection::stream)
                    .map(NodeSelectorTerm::getMatchFields)
                    .flatMap(List::stream)
                    .filter(field -> "metadata.name".equals(field.getKey()))
                    .flatMap(field -> field.getValues().stream())
                    .findFirst());
  }

  @Override
  public void onAdd(Pod pod) {
    super.onAdd(pod);
    trigger(pod);
  }

  @Override
  public void onUpdate(Pod before, Pod now) {
    super.onUpdate(before, now);
    if (!node(before).equals(node(now))) {
      trigger(before);
      trigger(now);
    }
  }

  @Override
  public synchronized void onDelete(Pod pod, boolean finalStateUnknown) {
    super.onDelete(pod, finalStateUnknown);
    trigger(pod);
  }

  private void trigger(Pod pod) {
    onChange.run();
    node(pod).stream()
        .flatMap(concerned)
        .forEach(name -> getEventHandler().handleEvent(new Event(Names.id(name))));
  }
}
