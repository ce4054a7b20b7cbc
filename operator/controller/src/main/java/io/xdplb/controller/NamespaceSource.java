// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.fabric8.kubernetes.api.model.Namespace;
import io.javaoperatorsdk.operator.api.config.informer.InformerEventSourceConfiguration;
import io.javaoperatorsdk.operator.api.reconciler.EventSourceContext;
import io.javaoperatorsdk.operator.processing.event.source.informer.InformerEventSource;
import io.xdplb.api.v1alpha1.LoadBalancer;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.stream.Collectors;

/** The labels of the Namespaces, by which pools tell whom they are for. */
final class NamespaceSource extends InformerEventSource<Namespace, LoadBalancer> {

  private final BiConsumer<String, Map<String, String>> onChange;

  /**
   * @param onChange gets name and labels; no labels where the Namespace is gone
   */
  NamespaceSource(
      EventSourceContext<LoadBalancer> context, BiConsumer<String, Map<String, String>> onChange) {
    super(
        InformerEventSourceConfiguration.from(Namespace.class, LoadBalancer.class)
            .withName("namespaces")
            .withItemStore(Trimming.namespaces())
            .withSecondaryToPrimaryMapper(namespace -> Set.of())
            .withPrimaryToSecondaryMapper((LoadBalancer balancer) -> Set.of())
            .build(),
        context);
    this.onChange = onChange;
  }

  /** Of all, by name. */
  Map<String, Map<String, String>> labels() {
    return list(namespace -> true)
        .collect(Collectors.toMap(n -> n.getMetadata().getName(), NamespaceSource::labels));
  }

  @Override
  public void onAdd(Namespace namespace) {
    super.onAdd(namespace);
    onChange.accept(namespace.getMetadata().getName(), labels(namespace));
  }

  @Override
  public void onUpdate(Namespace before, Namespace now) {
    super.onUpdate(before, now);
    onChange.accept(now.getMetadata().getName(), labels(now));
  }

  @Override
  public synchronized void onDelete(Namespace namespace, boolean finalStateUnknown) {
    super.onDelete(namespace, finalStateUnknown);
    onChange.accept(namespace.getMetadata().getName(), Map.of());
  }

  private static Map<String, String> labels(Namespace namespace) {
    Map<String, String> labels = namespace.getMetadata().getLabels();
    return labels == null ? Map.of() : labels;
  }
}
