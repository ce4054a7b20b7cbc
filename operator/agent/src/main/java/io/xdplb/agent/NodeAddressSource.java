// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent;

import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeAddress;
import io.fabric8.kubernetes.api.model.Taint;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.informers.ResourceEventHandler;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import io.xdplb.core.model.Ip;
import io.xdplb.core.policy.NodeFacts;
import java.net.HttpURLConnection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Follows the internal addresses of the cluster's Nodes, and the zone of this one. While the API
 * server cannot be reached nothing changes; nothing is said before the first list is whole.
 */
final class NodeAddressSource implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(NodeAddressSource.class);
  private static final String INTERNAL = "InternalIP";
  private static final String ZONE = "topology.kubernetes.io/zone";
  private static final long PAGE = 200;

  private final SharedIndexInformer<Node> informer;

  /**
   * @param ownName of this Node
   * @param facts hears what decides whether this node announces anything
   * @param addresses hears of those of all nodes
   */
  NodeAddressSource(
      KubernetesClient client,
      String ownName,
      Programmer programmer,
      Consumer<NodeFacts> facts,
      Consumer<Set<Ip>> addresses) {
    informer =
        client
            .nodes()
            .withLimit(PAGE)
            .runnableInformer(0)
            .itemStore(new ReducedStore<>(NodeAddressSource::reduced))
            .exceptionHandler((begun, failure) -> failed(failure, programmer))
            .addEventHandler(new Listener(ownName, programmer, facts, addresses));
  }

  /** Begins, in the background. */
  void start() {
    informer.start();
  }

  /** How many Nodes are known. */
  int count() {
    return informer.getStore().listKeys().size();
  }

  @Override
  public void close() {
    informer.stop();
  }

  private static boolean failed(Throwable failure, Programmer programmer) {
    log.warn(
        "cannot follow Nodes, will try again; encapsulated packets are accepted from those that were"
            + " known: {}",
        ReducedStore.rootMessage(failure));
    if (Stream.iterate(failure, Objects::nonNull, Throwable::getCause)
        .anyMatch(NodeAddressSource::isForbidden)) {
      programmer.ownNode(List.of(), null);
    }
    return true;
  }

  /** Then there is no use in waiting, as there is while the API server cannot be reached. */
  private static boolean isForbidden(Throwable failure) {
    return failure instanceof KubernetesClientException e
        && e.getCode() == HttpURLConnection.HTTP_FORBIDDEN;
  }

  /** The internal addresses, in the Node's own order. What is no address is left out. */
  static List<Ip> internal(Node node) {
    if (node.getStatus() == null || node.getStatus().getAddresses() == null) {
      return List.of();
    }
    return node.getStatus().getAddresses().stream()
        .filter(address -> INTERNAL.equals(address.getType()))
        .map(NodeAddress::getAddress)
        .flatMap(text -> parsed(node, text))
        .distinct()
        .toList();
  }

  /** The zone of a Node; {@code null} if it is in none. */
  private static String zone(Node node) {
    Map<String, String> labels = node.getMetadata().getLabels();
    String zone = labels == null ? null : labels.get(ZONE);
    return zone == null || zone.isEmpty() ? null : zone;
  }

  private static NodeFacts facts(Node node) {
    Map<String, String> labels = node.getMetadata().getLabels();
    List<Taint> taints = node.getSpec() == null ? null : node.getSpec().getTaints();
    return new NodeFacts(
        true,
        labels == null ? Map.of() : labels,
        taints == null ? Set.of() : taints.stream().map(Taint::getKey).collect(Collectors.toSet()));
  }

  private static Stream<Ip> parsed(Node node, String text) {
    try {
      return Stream.of(Ip.parse(text));
    } catch (IllegalArgumentException e) {
      log.warn("Node {}: {}", node.getMetadata().getName(), e.getMessage());
      return Stream.empty();
    }
  }

  /** What is compared to tell a change from a repetition: Nodes are large and change often. */
  private static Node reduced(Node node) {
    Node small = new Node();
    small.setMetadata(ReducedStore.identity(node.getMetadata()));
    return small;
  }

  private record Own(List<Ip> addresses, String zone) {}

  /** Called by one thread at a time. */
  private static final class Listener implements ResourceEventHandler<Node> {
    private final String ownName;
    private final Programmer programmer;
    private final Consumer<NodeFacts> facts;
    private final Consumer<Set<Ip>> allAddresses;
    private NodeFacts ownFacts = NodeFacts.GONE;
    private NodeFacts toldFacts;
    private final Map<String, List<Ip>> addresses = new HashMap<>();
    private boolean listed;
    private Own own = new Own(List.of(), null);
    private Own toldOwn;
    private Set<Ip> toldAll;

    Listener(
        String ownName,
        Programmer programmer,
        Consumer<NodeFacts> facts,
        Consumer<Set<Ip>> allAddresses) {
      this.ownName = ownName;
      this.programmer = programmer;
      this.facts = facts;
      this.allAddresses = allAddresses;
    }

    @Override
    public void onAdd(Node node) {
      addresses.put(node.getMetadata().getName(), internal(node));
      if (node.getMetadata().getName().equals(ownName)) {
        own = new Own(internal(node), zone(node));
        ownFacts = facts(node);
      }
      tell();
    }

    @Override
    public void onUpdate(Node before, Node now) {
      onAdd(now);
    }

    @Override
    public void onDelete(Node node, boolean unknownFinalState) {
      addresses.remove(node.getMetadata().getName());
      if (node.getMetadata().getName().equals(ownName)) {
        own = new Own(List.of(), null);
        ownFacts = NodeFacts.GONE;
      }
      tell();
    }

    /** Called after the Nodes of a list, in order with the other events. */
    @Override
    public void onList(String resourceVersion, boolean remainedEmpty) {
      listed = true;
      tell();
    }

    private void tell() {
      if (!listed) {
        return;
      }
      if (!own.equals(toldOwn)) {
        toldOwn = own;
        programmer.ownNode(own.addresses(), own.zone());
      }
      if (!ownFacts.equals(toldFacts)) {
        toldFacts = ownFacts;
        facts.accept(ownFacts);
      }
      Set<Ip> all = new HashSet<>();
      addresses.values().forEach(all::addAll);
      if (!all.equals(toldAll)) {
        log.info("{} Nodes with {} addresses", addresses.size(), all.size());
        toldAll = all;
        programmer.peers(all);
        allAddresses.accept(all);
      }
    }
  }
}
