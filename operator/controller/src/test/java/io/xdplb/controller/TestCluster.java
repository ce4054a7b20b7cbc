// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fabric8.kubernetes.api.model.Condition;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.IntOrString;
import io.fabric8.kubernetes.api.model.NodeAddress;
import io.fabric8.kubernetes.api.model.NodeBuilder;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.PodSpecBuilder;
import io.fabric8.kubernetes.api.model.ServiceBuilder;
import io.fabric8.kubernetes.api.model.discovery.v1.Endpoint;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointBuilder;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointConditions;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSliceBuilder;
import io.fabric8.kubernetes.api.model.events.v1.Event;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.Resource;
import io.xdplb.api.v1alpha1.AnnouncementPolicy;
import io.xdplb.api.v1alpha1.AnnouncementPolicySpec;
import io.xdplb.api.v1alpha1.BGPPeer;
import io.xdplb.api.v1alpha1.BGPPeerSpec;
import io.xdplb.api.v1alpha1.ForwardingTable;
import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.api.v1alpha1.LoadBalancerSpec;
import io.xdplb.api.v1alpha1.NodeState;
import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.core.table.Tables;
import io.xdplb.testing.apiserver.KubernetesApi;
import java.net.HttpURLConnection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.awaitility.core.ConditionTimeoutException;

/**
 * What tests do as a user, as an endpoint controller and as agents; and what they wait for. Works
 * in a namespace of its own. {@link #close} removes what is not bound to that namespace, or would
 * be seen by the operator of the next test.
 */
final class TestCluster implements AutoCloseable {

  static final Duration DEADLINE = Duration.ofSeconds(20);

  final KubernetesClient client;
  final String namespace;
  private final List<String> nodes = new ArrayList<>();

  TestCluster(KubernetesApi api) {
    client =
        new KubernetesClientBuilder()
            .withConfig(OperatorRuntime.clientConfig(api.config()))
            .build();
    namespace = api.newNamespace("operator");
  }

  /** The operator must still run: it deletes the tables. */
  @Override
  public void close() {
    client.resources(AnnouncementPolicy.class).delete();
    client.resources(BGPPeer.class).delete();
    client.resources(NodeState.class).delete();
    client.services().inNamespace(namespace).delete();
    until(
        "Services are gone",
        () -> client.services().inNamespace(namespace).list().getItems().isEmpty());
    client.resources(LoadBalancer.class).inNamespace(namespace).delete();
    client.resources(NodeState.class).delete();
    nodes.forEach(name -> client.nodes().withName(name).delete());
    for (String place : List.of("default", namespace)) {
      client.pods().inNamespace(place).withGracePeriod(0).delete();
    }
    until("tables are gone", () -> tables().isEmpty());
    client.close();
  }

  // As a user.

  LoadBalancer create(String name, LoadBalancerSpec spec) {
    LoadBalancer balancer = new LoadBalancer();
    balancer.setMetadata(new ObjectMetaBuilder().withName(name).withNamespace(namespace).build());
    balancer.setSpec(spec);
    return client.resource(balancer).create();
  }

  /** As kubectl edit does, and again when the status has been written in between. */
  void edit(String name, LoadBalancerSpec spec) {
    until(
        name + " is edited",
        () -> {
          try {
            balancerResource(name)
                .edit(
                    balancer -> {
                      balancer.setSpec(spec);
                      return balancer;
                    });
            return true;
          } catch (KubernetesClientException e) {
            if (e.getCode() == HttpURLConnection.HTTP_CONFLICT) {
              return false;
            }
            throw e;
          }
        });
  }

  void delete(String name) {
    balancerResource(name).delete();
  }

  static LoadBalancerSpec spec(List<String> addresses, LoadBalancerSpec.Listener... listeners) {
    return new LoadBalancerSpec(
        new LoadBalancerSpec.Addresses(addresses), List.of(listeners), null, null);
  }

  static LoadBalancerSpec serviceSpec(String address, String service, int port) {
    return spec(List.of(address), serviceListener(service, port));
  }

  static LoadBalancerSpec.Listener serviceListener(String service, int port) {
    return new LoadBalancerSpec.Listener(
        "l" + port,
        Protocol.TCP,
        port,
        List.of(
            new LoadBalancerSpec.Backend(
                new LoadBalancerSpec.ServiceRef(service, port), null, null)));
  }

  static LoadBalancerSpec staticSpec(String address, int port, String... backends) {
    return spec(List.of(address), staticListener(port, backends));
  }

  static LoadBalancerSpec.Listener staticListener(int port, String... backends) {
    return new LoadBalancerSpec.Listener(
        "l" + port,
        Protocol.TCP,
        port,
        List.of(
            new LoadBalancerSpec.Backend(
                null, new LoadBalancerSpec.StaticBackends(List.of(backends), 8080), null)));
  }

  void policy(String name, AnnouncementPolicySpec spec) {
    AnnouncementPolicy policy = new AnnouncementPolicy();
    policy.setMetadata(new ObjectMetaBuilder().withName(name).build());
    policy.setSpec(spec);
    client.resource(policy).create();
  }

  /** One of all nodes, with no more than has to be said. */
  void peer(String name) {
    BGPPeer peer = new BGPPeer();
    peer.setMetadata(new ObjectMetaBuilder().withName(name).build());
    peer.setSpec(
        new BGPPeerSpec(
            null,
            "198.51.100.254",
            null,
            64513L,
            64512L,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null));
    client.resource(peer).create();
  }

  // As the controllers that make Services and EndpointSlices.

  /** A Service whose port has a name and a named target port. */
  void service(String name, int port) {
    client
        .resource(
            new ServiceBuilder()
                .withNewMetadata()
                .withName(name)
                .withNamespace(namespace)
                .endMetadata()
                .withNewSpec()
                .withClusterIP("None")
                .addNewPort()
                .withName("web")
                .withPort(port)
                .withProtocol("TCP")
                .withTargetPort(new IntOrString("http"))
                .endPort()
                .endSpec()
                .build())
        .create();
  }

  /** As the slice controller writes it: by the name of the Service's port, the port resolved. */
  EndpointSlice slice(String name, String service, String family, int port, Endpoint... endpoints) {
    return client
        .resource(
            new EndpointSliceBuilder()
                .withNewMetadata()
                .withName(name)
                .withNamespace(namespace)
                .withLabels(Map.of(ServiceEndpointsReader.SERVICE_NAME, service))
                .endMetadata()
                .withAddressType(family)
                .addNewPort()
                .withName("web")
                .withPort(port)
                .withProtocol("TCP")
                .endPort()
                .withEndpoints(endpoints)
                .build())
        .create();
  }

  void endpoints(String slice, Endpoint... endpoints) {
    client
        .discovery()
        .v1()
        .endpointSlices()
        .inNamespace(namespace)
        .withName(slice)
        .edit(s -> new EndpointSliceBuilder(s).withEndpoints(endpoints).build());
  }

  /** A ready one on a node. */
  static Endpoint endpointOn(String node, String address) {
    return new EndpointBuilder(endpoint(address)).withNodeName(node).build();
  }

  /** A Node as its kubelet reports it; {@link #close} deletes it. */
  void node(String name, String... internalIps) {
    client
        .resource(new NodeBuilder().withNewMetadata().withName(name).endMetadata().build())
        .create();
    nodes.add(name);
    nodeAddresses(name, internalIps);
  }

  /** As the DaemonSet's controller and the scheduler do; {@link #close} deletes it. */
  void agentPodOn(String node) {
    pod("default", "agent-" + node, "agent", pod -> pod.withNodeName(node));
  }

  /** As the DaemonSet's controller does, and no scheduler finds room for it. */
  void agentPodMadeFor(String node) {
    pod(
        "default",
        "agent-" + node,
        "agent",
        pod ->
            pod.withNewAffinity()
                .withNewNodeAffinity()
                .withNewRequiredDuringSchedulingIgnoredDuringExecution()
                .addNewNodeSelectorTerm()
                .addNewMatchField()
                .withKey("metadata.name")
                .withOperator("In")
                .withValues(node)
                .endMatchField()
                .endNodeSelectorTerm()
                .endRequiredDuringSchedulingIgnoredDuringExecution()
                .endNodeAffinity()
                .endAffinity());
  }

  /** Deletes it at once, as its kubelet does once it has ended. */
  void removeAgentPod(String node) {
    client.pods().inNamespace("default").withName("agent-" + node).withGracePeriod(0).delete();
  }

  void pod(String namespace, String name, String app, UnaryOperator<PodSpecBuilder> spec) {
    client
        .resource(
            new PodBuilder()
                .withNewMetadata()
                .withName(name)
                .withNamespace(namespace)
                .addToLabels("app", app)
                .endMetadata()
                .withSpec(
                    spec.apply(
                            new PodSpecBuilder()
                                .withAutomountServiceAccountToken(false)
                                .addNewContainer()
                                .withName("pod")
                                .withImage("example.com/pod")
                                .endContainer())
                        .build())
                .build())
        .create();
  }

  void nodeAddresses(String name, String... internalIps) {
    client
        .nodes()
        .withName(name)
        .editStatus(
            node ->
                new NodeBuilder(node)
                    .withNewStatus()
                    .addNewAddress(name + ".example", "Hostname")
                    .addAllToAddresses(
                        Stream.of(internalIps)
                            .map(ip -> new NodeAddress(ip, "InternalIP"))
                            .toList())
                    .endStatus()
                    .build());
  }

  static Endpoint endpoint(String address) {
    return endpoint(address, null, null, null);
  }

  static Endpoint endpoint(String address, Boolean ready, Boolean serving, Boolean terminating) {
    EndpointConditions conditions = new EndpointConditions();
    conditions.setReady(ready);
    conditions.setServing(serving);
    conditions.setTerminating(terminating);
    return new EndpointBuilder().withAddresses(address).withConditions(conditions).build();
  }

  // What is there.

  Resource<LoadBalancer> balancerResource(String name) {
    return client.resources(LoadBalancer.class).inNamespace(namespace).withName(name);
  }

  Resource<ForwardingTable> tableResource(String name) {
    return client.resources(ForwardingTable.class).inNamespace(namespace).withName(name);
  }

  LoadBalancer balancer(String name) {
    return balancerResource(name).get();
  }

  List<LoadBalancer> balancers() {
    return client.resources(LoadBalancer.class).inNamespace(namespace).list().getItems();
  }

  List<ForwardingTable> tables() {
    return client.resources(ForwardingTable.class).inNamespace(namespace).list().getItems();
  }

  /** Events about a LoadBalancer or Service, as "Type Reason". */
  List<String> events(String name) {
    return events(namespace, event -> event.getRegarding().getName().equals(name));
  }

  /** Events about an object of the whole cluster, as "Type Reason". */
  List<String> clusterEvents(String kind, String name) {
    return events(
        "default",
        event ->
            event.getRegarding().getKind().equals(kind)
                && event.getRegarding().getName().equals(name));
  }

  private List<String> events(String place, Predicate<Event> about) {
    return client.events().v1().events().inNamespace(place).list().getItems().stream()
        .filter(about)
        .sorted(Comparator.comparing(event -> event.getEventTime().getTime()))
        .map((Event event) -> event.getType() + " " + event.getReason())
        .toList();
  }

  /** Addresses of the endpoints that take new flows, over all VIPs, as "address:port", in order. */
  static List<String> takers(ForwardingTable table) {
    return table.getSpec().vips().stream()
        .flatMap(vip -> vip.backends().stream())
        .filter(backend -> backend.weight() > 0)
        .map(backend -> backend.address() + ":" + backend.port())
        .distinct()
        .sorted()
        .toList();
  }

  /** How each backend is reached, over all VIPs, as "address delivery". */
  static List<String> deliveries(ForwardingTable table) {
    return Tables.toVips(table.getSpec()).stream()
        .flatMap(vip -> vip.backends().stream())
        .map(backend -> backend.key().address() + " " + backend.delivery())
        .toList();
  }

  /** As "address protocol port". */
  static List<String> vips(ForwardingTable table) {
    return table.getSpec().vips().stream()
        .map(vip -> vip.address() + " " + vip.protocol() + " " + vip.port())
        .toList();
  }

  // What is waited for.

  ForwardingTable awaitTakers(String table, String... takers) {
    return awaitTable(table, t -> takers(t).equals(Stream.of(takers).sorted().toList()));
  }

  ForwardingTable awaitDeliveries(String table, String... deliveries) {
    return awaitTable(table, t -> deliveries(t).equals(List.of(deliveries)));
  }

  ForwardingTable awaitTable(String name, Predicate<ForwardingTable> condition) {
    return awaitObject("table " + name, tableResource(name), condition);
  }

  /** Waits for a condition of this status and reason, for the spec as it is now. */
  LoadBalancer awaitCondition(String name, String type, String status, String reason) {
    return awaitObject(
        name + ": " + type + "=" + status + " " + reason,
        balancerResource(name),
        balancer ->
            condition(balancer, type)
                .filter(c -> status.equals(c.getStatus()) && reason.equals(c.getReason()))
                .filter(
                    c ->
                        Objects.equals(
                            c.getObservedGeneration(), balancer.getMetadata().getGeneration()))
                .isPresent());
  }

  /** Waits until Ready of an AnnouncementPolicy says this. */
  AnnouncementPolicy awaitPolicy(String name, String status, String reason) {
    return awaitObject(
        name + ": " + status + " " + reason,
        client.resources(AnnouncementPolicy.class).withName(name),
        policy ->
            policy.getStatus() != null
                && Conditions.of(policy.getStatus().conditions(), "Ready")
                    .filter(c -> status.equals(c.getStatus()) && reason.equals(c.getReason()))
                    .isPresent());
  }

  /** Waits until Ready of a BGPPeer says this. */
  BGPPeer awaitPeer(String name, String status, String reason) {
    return awaitObject(
        name + ": " + status + " " + reason,
        client.resources(BGPPeer.class).withName(name),
        peer ->
            peer.getStatus() != null
                && Conditions.of(peer.getStatus().conditions(), "Ready")
                    .filter(c -> status.equals(c.getStatus()) && reason.equals(c.getReason()))
                    .isPresent());
  }

  /** Waits for a condition whose message contains this. */
  LoadBalancer awaitMessage(String name, String type, String text) {
    return awaitObject(
        name + ": " + type + ": " + text,
        balancerResource(name),
        balancer ->
            condition(balancer, type).filter(c -> c.getMessage().contains(text)).isPresent());
  }

  static Optional<Condition> condition(LoadBalancer balancer, String type) {
    return StatusComposer.condition(balancer.getStatus(), type);
  }

  static String message(LoadBalancer balancer, String type) {
    return condition(balancer, type).orElseThrow().getMessage();
  }

  static void until(String what, Callable<Boolean> condition) {
    await(what).atMost(DEADLINE).pollInterval(Duration.ofMillis(15)).until(condition);
  }

  private static <T extends HasMetadata> T awaitObject(
      String what, Resource<T> resource, Predicate<T> condition) {
    try {
      return await(what)
          .atMost(DEADLINE)
          .pollInterval(Duration.ofMillis(15))
          .until(resource::get, object -> object != null && condition.test(object));
    } catch (ConditionTimeoutException e) {
      assertThat((Object) resource.get()).as(what).isEqualTo("as expected");
      throw e;
    }
  }

  static ForwardingTableSpec.Vip onlyVip(ForwardingTable table) {
    assertThat(table.getSpec().vips()).hasSize(1);
    return table.getSpec().vips().get(0);
  }
}
