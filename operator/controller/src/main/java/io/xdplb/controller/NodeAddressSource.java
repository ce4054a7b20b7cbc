// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeAddress;
import io.fabric8.kubernetes.api.model.Taint;
import io.javaoperatorsdk.operator.api.config.informer.InformerEventSourceConfiguration;
import io.javaoperatorsdk.operator.api.reconciler.EventSourceContext;
import io.javaoperatorsdk.operator.processing.event.Event;
import io.javaoperatorsdk.operator.processing.event.ResourceID;
import io.javaoperatorsdk.operator.processing.event.source.informer.InformerEventSource;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.core.model.ObjectName;
import io.xdplb.core.policy.NodeExclusion;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * The cluster's Nodes, their internal addresses, zones, and what tells whether they announce. A
 * change of addresses and zones concerns the LoadBalancers that have endpoints there; all else of a
 * Node changes often and concerns nobody.
 */
final class NodeAddressSource extends InformerEventSource<Node, LoadBalancer> {

  /** The type of address by which the nodes of a cluster reach each other. */
  static final String INTERNAL = "InternalIP";

  /** The label of a Node that names its zone. */
  static final String ZONE = "topology.kubernetes.io/zone";

  private final Function<String, Stream<ObjectName>> onNode;
  private final Consumer<Node> onAnnouncing;
  private final Consumer<String> onGone;

  /**
   * @param onNode finds the LoadBalancers that have endpoints on a node
   * @param onAnnouncing hears of Nodes that are new, or of which something has changed that
   *     announcing depends on
   * @param onGone hears of those that are gone
   */
  NodeAddressSource(
      EventSourceContext<LoadBalancer> context,
      Function<String, Stream<ObjectName>> onNode,
      Consumer<Node> onAnnouncing,
      Consumer<String> onGone) {
    super(
        InformerEventSourceConfiguration.from(Node.class, LoadBalancer.class)
            .withName("addresses")
            .withItemStore(Trimming.nodes())
            // The mapper would see the new object only; the events are made below, of both.
            .withSecondaryToPrimaryMapper(node -> Set.of())
            .withPrimaryToSecondaryMapper((LoadBalancer balancer) -> Set.of())
            .build(),
        context);
    this.onNode = onNode;
    this.onAnnouncing = onAnnouncing;
    this.onGone = onGone;
  }

  /** The internal addresses of a Node, as text; empty if there is no such Node. */
  Optional<List<String>> addresses(String node) {
    return get(new ResourceID(node)).map(NodeAddressSource::internal);
  }

  /** All Nodes. */
  List<Node> nodes() {
    return list(node -> true).toList();
  }

  /** The labels of a Node. */
  static Map<String, String> labels(Node node) {
    return node.getMetadata().getLabels() == null ? Map.of() : node.getMetadata().getLabels();
  }

  /** What keeps a Node from announcing, whatever policies say; empty if nothing does. */
  static Optional<String> exclusion(Node node) {
    return NodeExclusion.of(
        labels(node),
        node.getSpec() == null || node.getSpec().getTaints() == null
            ? List.of()
            : node.getSpec().getTaints().stream().map(Taint::getKey).toList());
  }

  /** The zone of a Node; empty if it is in none, or there is no such Node. */
  Optional<String> zone(String node) {
    return get(new ResourceID(node)).flatMap(NodeAddressSource::zone);
  }

  /** The zone of a Node; empty if it is in none. */
  static Optional<String> zone(Node node) {
    return Optional.ofNullable(node.getMetadata().getLabels())
        .map(labels -> labels.get(ZONE))
        .filter(zone -> !zone.isEmpty());
  }

  /** The internal addresses of a Node, in its own order. */
  static List<String> internal(Node node) {
    return node.getStatus() == null || node.getStatus().getAddresses() == null
        ? List.of()
        : node.getStatus().getAddresses().stream()
            .filter(address -> INTERNAL.equals(address.getType()))
            .map(NodeAddress::getAddress)
            .toList();
  }

  @Override
  public void onAdd(Node node) {
    super.onAdd(node);
    trigger(node);
    onAnnouncing.accept(node);
  }

  @Override
  public void onUpdate(Node before, Node now) {
    super.onUpdate(before, now);
    if (!internal(before).equals(internal(now)) || !zone(before).equals(zone(now))) {
      trigger(now);
    }
    if (!labels(before).equals(labels(now))
        || !exclusion(before).equals(exclusion(now))
        || !internal(before).equals(internal(now))) {
      onAnnouncing.accept(now);
    }
  }

  @Override
  public synchronized void onDelete(Node node, boolean finalStateUnknown) {
    super.onDelete(node, finalStateUnknown);
    trigger(node);
    onGone.accept(node.getMetadata().getName());
  }

  private void trigger(Node node) {
    onNode
        .apply(node.getMetadata().getName())
        .distinct()
        .forEach(name -> getEventHandler().handleEvent(new Event(Names.id(name))));
  }
}
