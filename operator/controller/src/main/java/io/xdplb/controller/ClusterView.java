// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.javaoperatorsdk.operator.api.config.informer.InformerEventSourceConfiguration;
import io.javaoperatorsdk.operator.api.reconciler.EventSourceContext;
import io.javaoperatorsdk.operator.processing.event.ResourceID;
import io.javaoperatorsdk.operator.processing.event.source.EventSource;
import io.javaoperatorsdk.operator.processing.event.source.IndexerResourceCache;
import io.javaoperatorsdk.operator.processing.event.source.informer.InformerEventSource;
import io.xdplb.api.v1alpha1.ForwardingTable;
import io.xdplb.api.v1alpha1.ForwardingTableSlice;
import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.api.v1alpha1.NodeState;
import io.xdplb.api.v1alpha1.NodeStateStatus;
import io.xdplb.api.v1alpha1.NodeStateStatus.Announcing;
import io.xdplb.core.compile.Compiler;
import io.xdplb.core.compile.ServiceEndpoints;
import io.xdplb.core.compile.ServicePort;
import io.xdplb.core.model.ObjectName;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiPredicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What the operator sees of the cluster: a cache of each kind, and how the kinds find each other.
 * Nothing refers back from a Service or EndpointSlice to a LoadBalancer; an index on the cache of
 * LoadBalancers does.
 */
final class ClusterView implements NodeSource.Concerned {

  private static final String BY_SERVICE = "service";
  private static final String BY_BUCKET = "bucket";
  private static final String BY_ADDRESS = "address";
  private static final String BY_NODE = "node";

  private final KubernetesClient client;
  private final IndexerResourceCache<LoadBalancer> balancers;
  private final InformerEventSource<Service, LoadBalancer> services;
  private final InformerEventSource<EndpointSlice, LoadBalancer> slices;
  private final TableSource tables;
  private final SliceSource tableSlices;
  private final NodeSource nodes;
  private final NodeAddressSource addresses;
  private final NodeDirectory directory;
  private final PoolSource pools;
  private final NamespaceSource namespaces;
  private final PoolKeeper keeper;
  private final MembershipSource membership;
  private final MembershipKeeper membershipKeeper;
  private final AnnouncementKeeper announcementKeeper;
  private final AnnouncementPolicySource policySource;
  private final BgpPeerSource peers;
  private final Announcements announcements = new Announcements();
  private final Object announcingLock = new Object();

  /** {@code null} while to be read again. */
  private Policies policies;

  /** {@code null} while to be made again. */
  private AnnouncingView announcing;

  private final BalancerEvents events;
  private final LeaseSource leases;
  private final Optional<AgentPodSource> agents;
  private final BiPredicate<LoadBalancer, NodeState> isAtRest;

  /**
   * @param settings where the agents' Leases and Pods are
   * @param isAtRest whether nothing can follow for a LoadBalancer from what a node reports of
   *     tables
   */
  ClusterView(
      EventSourceContext<LoadBalancer> context,
      OperatorSettings settings,
      TableEvidence evidence,
      OrphanCollector orphans,
      PoolKeeper keeper,
      MembershipKeeper membershipKeeper,
      AnnouncementKeeper announcementKeeper,
      BiPredicate<LoadBalancer, NodeState> isAtRest) {
    client = context.getClient();
    balancers = context.getPrimaryCache();
    balancers.addIndexers(
        Map.of(
            BY_SERVICE,
            ClusterView::servicesOf,
            BY_BUCKET,
            balancer -> List.of(TableEvidence.bucketOf(Names.of(balancer))),
            BY_ADDRESS,
            balancer ->
                balancer.getStatus() == null || balancer.getStatus().addresses() == null
                    ? List.of()
                    : balancer.getStatus().addresses()));
    services = new InformerEventSource<>(serviceConfiguration(), context);
    slices = new InformerEventSource<>(sliceConfiguration(), context);
    slices.addIndexers(
        Map.of(
            BY_SERVICE,
            slice ->
                ServiceEndpointsReader.serviceOf(slice)
                    .map(service -> List.of(service.toString()))
                    .orElse(List.of()),
            BY_NODE,
            ServiceEndpointsReader::nodesOf));
    events = new BalancerEvents(orphans::collect, keeper::isForeign);
    tables =
        new TableSource(context, evidence, table -> checkOwner(Names.of(table), table, orphans));
    tableSlices =
        new SliceSource(
            context,
            this::isListed,
            slice ->
                SliceSource.tableOf(slice).ifPresent(table -> checkOwner(table, slice, orphans)));
    nodes = new NodeSource(context, this);
    addresses =
        new NodeAddressSource(context, this::concernedByNode, this::nodeChanged, this::nodeGone);
    leases = new LeaseSource(context, settings.namespace(), this::all, this::fleetChanged);
    agents =
        Optional.ofNullable(settings.agentPods())
            .map(
                selector ->
                    new AgentPodSource(
                        context,
                        settings.namespace(),
                        selector,
                        this::waitingForReport,
                        this::fleetChanged));
    directory = new NodeDirectory(nodes::node, addresses::addresses, addresses::zone);
    pools = new PoolSource(context, keeper::poolChanged, keeper::poolGone, this::policiesChanged);
    membership = new MembershipSource(context, membershipKeeper::look);
    policySource = new AnnouncementPolicySource(context, this::policiesChanged);
    peers = new BgpPeerSource(context, this::announcersHaveChanged);
    namespaces = new NamespaceSource(context, keeper::namespaceChanged);
    this.keeper = keeper;
    this.membershipKeeper = membershipKeeper;
    this.announcementKeeper = announcementKeeper;
    this.isAtRest = isAtRest;
  }

  List<EventSource<?, LoadBalancer>> eventSources() {
    List<EventSource<?, LoadBalancer>> sources =
        new ArrayList<>(
            List.of(
                services,
                slices,
                tables,
                tableSlices,
                nodes,
                addresses,
                leases,
                pools,
                namespaces,
                membership,
                policySource,
                peers,
                events));
    agents.ifPresent(sources::add);
    return sources;
  }

  TableSource tables() {
    return tables;
  }

  SliceSource tableSlices() {
    return tableSlices;
  }

  NodeSource nodes() {
    return nodes;
  }

  LeaseSource leases() {
    return leases;
  }

  PoolSource pools() {
    return pools;
  }

  NamespaceSource namespaces() {
    return namespaces;
  }

  MembershipSource membership() {
    return membership;
  }

  /** The announcement policies. */
  Policies policies() {
    synchronized (announcingLock) {
      if (policies == null) {
        policies = Policies.of(policySource.policies(), pools.pools());
      }
      return policies;
    }
  }

  AnnouncementPolicySource policySource() {
    return policySource;
  }

  BgpPeerSource peers() {
    return peers;
  }

  Announcements announcements() {
    return announcements;
  }

  /** What policies and peers mean for the nodes. */
  AnnouncingView announcing() {
    synchronized (announcingLock) {
      if (announcing == null) {
        announcing = AnnouncingView.of(policies(), peers.peers(), announcingNodes());
      }
      return announcing;
    }
  }

  NodeDirectory directory() {
    return directory;
  }

  BalancerEvents events() {
    return events;
  }

  /** Whether there is a LoadBalancer of that name that is to stay, by the cache. */
  boolean exists(ObjectName balancer) {
    return balancers.get(Names.id(balancer)).filter(b -> !b.isMarkedForDeletion()).isPresent();
  }

  /** Whether this is still the LoadBalancer of its name, and not one that was there before it. */
  boolean isCurrent(LoadBalancer balancer) {
    return balancers
        .get(Names.id(Names.of(balancer)))
        .filter(b -> b.getMetadata().getUid().equals(balancer.getMetadata().getUid()))
        .isPresent();
  }

  /** All that are to stay, and are no templates. */
  Stream<LoadBalancer> balancers() {
    return balancers
        .list()
        .filter(balancer -> !balancer.isMarkedForDeletion() && !isTemplate(balancer));
  }

  static boolean isTemplate(LoadBalancer balancer) {
    return balancer.getSpec() != null && Boolean.TRUE.equals(balancer.getSpec().template());
  }

  static boolean isWithdrawn(LoadBalancer balancer) {
    return balancer.getSpec() != null && Boolean.TRUE.equals(balancer.getSpec().withdrawn());
  }

  /** The nodes that report a state, but for those whose Node is gone: they will not come back. */
  List<NodeState> livingNodes() {
    return nodes.nodes().stream()
        .filter(node -> addresses.addresses(node.getMetadata().getName()).isPresent())
        .toList();
  }

  /** The nodes whose Node exists. */
  List<AnnouncingNode> announcingNodes() {
    Optional<Set<String>> withPod = agents.map(AgentPodSource::nodes);
    return addresses.nodes().stream()
        .map(
            node -> {
              String name = node.getMetadata().getName();
              Optional<NodeState> state = nodes.node(name);
              return new AnnouncingNode(
                  name,
                  directory.addresses(name),
                  state.isPresent() && withPod.map(pods -> pods.contains(name)).orElse(true),
                  leases.isSilent(name),
                  NodeAddressSource.labels(node),
                  NodeAddressSource.exclusion(node),
                  state.map(NodeState::getStatus).map(NodeStateStatus::announcing).orElse(null));
            })
        .toList();
  }

  /** The epoch of the Membership that each node has reached, by name. */
  Map<String, Long> reachedEpochs() {
    Map<String, Long> epochs = new HashMap<>();
    for (NodeState node : nodes.nodes()) {
      Announcing announcing = node.getStatus() == null ? null : node.getStatus().announcing();
      if (announcing != null && announcing.epoch() != null) {
        epochs.put(node.getMetadata().getName(), announcing.epoch());
      }
    }
    return epochs;
  }

  /**
   * The nodes that should have an agent and have not reported a state, in order. One whose Node is
   * gone is not waited for.
   */
  List<String> unreportedNodes() {
    return agents.stream()
        .flatMap(pods -> pods.nodes().stream())
        .filter(this::isUnreported)
        .sorted()
        .toList();
  }

  private boolean isUnreported(String node) {
    return nodes.node(node).isEmpty() && addresses.addresses(node).isPresent();
  }

  /** All LoadBalancers, if a node that has not reported anything may be one to wait for. */
  private Stream<ObjectName> waitingForReport(String node) {
    return nodes.node(node).isEmpty() ? all() : Stream.empty();
  }

  private Stream<ObjectName> concernedByNode(String node) {
    return agents.isPresent() ? Stream.concat(onNode(node), waitingForReport(node)) : onNode(node);
  }

  @Override
  public Stream<ObjectName> all() {
    return balancers().map(Names::of);
  }

  @Override
  public void nodesChanged() {
    keeper.nodesChanged();
  }

  @Override
  public void membersChanged() {
    membershipKeeper.look();
  }

  @Override
  public Stream<ObjectName> inBucket(String bucket) {
    return balancers.byIndex(BY_BUCKET, bucket).stream().map(Names::of);
  }

  @Override
  public boolean isAtRest(ObjectName balancer, NodeState node) {
    return tables.isRunning() // sources start side by side
        && balancers.get(Names.id(balancer)).filter(b -> isAtRest.test(b, node)).isPresent();
  }

  @Override
  public Stream<ObjectName> onNode(String node) {
    return slices.byIndex(BY_NODE, node).stream()
        .flatMap(slice -> ServiceEndpointsReader.serviceOf(slice).stream())
        .distinct()
        .flatMap(service -> balancers.byIndex(BY_SERVICE, service.toString()).stream())
        .map(Names::of);
  }

  /** The endpoints of each of these ports, from the caches. */
  Map<ServicePort, ServiceEndpoints> endpoints(String namespace, Set<ServicePort> ports) {
    return ports.stream()
        .collect(
            Collectors.toMap(
                port -> port,
                port -> {
                  ObjectName service = new ObjectName(namespace, port.service());
                  return ServiceEndpointsReader.read(
                      services.get(Names.id(service)).orElse(null),
                      slices.byIndex(BY_SERVICE, service.toString()),
                      port);
                }));
  }

  /**
   * The endpoints of a port, asked of the API server.
   *
   * @throws io.fabric8.kubernetes.client.KubernetesClientException if it does not answer
   */
  ServiceEndpoints liveEndpoints(String namespace, ServicePort port) {
    return ServiceEndpointsReader.read(
        client.services().inNamespace(namespace).withName(port.service()).get(),
        client
            .discovery()
            .v1()
            .endpointSlices()
            .inNamespace(namespace)
            .withLabel(ServiceEndpointsReader.SERVICE_NAME, port.service())
            .list()
            .getItems(),
        port);
  }

  /**
   * A table, or a slice of it, may outlive its LoadBalancer, or be written for one that has just
   * been replaced by another of the same name: the SDK then reconciles both at the same time.
   */
  private void checkOwner(ObjectName name, HasMetadata object, OrphanCollector orphans) {
    OwnedTable.owner(object)
        .ifPresent(
            owner -> {
              Optional<LoadBalancer> balancer = balancers.get(Names.id(name));
              if (balancer.filter(b -> !b.isMarkedForDeletion()).isEmpty()) {
                orphans.collect(name);
              } else if (!owner.getUid().equals(balancer.get().getMetadata().getUid())) {
                events.trigger(Set.of(name));
              }
            });
  }

  private void policiesChanged() {
    synchronized (announcingLock) {
      policies = null;
      announcing = null;
    }
    membershipKeeper.look();
    announcementKeeper.look();
    events.trigger(all().toList());
  }

  /** Agents have fallen silent, or are back; or there is one where there was none. */
  private void fleetChanged() {
    membershipKeeper.look();
    announcersHaveChanged();
  }

  private void nodeChanged(Node node) {
    events.trigger(
        withAddresses(
                announcements.nodeAddresses(
                    node.getMetadata().getName(), NodeAddressSource.internal(node)))
            .toList());
    fleetChanged();
  }

  private void nodeGone(String name) {
    events.trigger(withAddresses(announcements.nodeAddresses(name, List.of())).toList());
    fleetChanged();
  }

  private void announcersHaveChanged() {
    events.trigger(announcersChanged().toList());
  }

  /** Whom no node announces, so far as is known, is whom other announcers may help. */
  @Override
  public Stream<ObjectName> announcersChanged() {
    synchronized (announcingLock) {
      announcing = null;
    }
    announcementKeeper.look();
    return balancers()
        .filter(balancer -> !StatusComposer.isAnnounced(balancer.getStatus()))
        .map(Names::of);
  }

  @Override
  public Stream<ObjectName> announcedBy(String node, NodeStateStatus status) {
    return withAddresses(announcements.reported(node, status));
  }

  private Stream<ObjectName> withAddresses(Set<String> differing) {
    return differing.stream()
        .flatMap(address -> balancers.byIndex(BY_ADDRESS, address).stream())
        .map(Names::of);
  }

  /** Sources start side by side, and at the end of that everything is looked at. */
  private boolean isListed(ForwardingTableSlice slice) {
    return tables.isRunning()
        && SliceSource.tableOf(slice)
            .flatMap(tables::stored)
            .map(ForwardingTable::getSpec)
            .map(ForwardingTableSpec::slices)
            .filter(names -> names.contains(slice.getMetadata().getName()))
            .isPresent();
  }

  private InformerEventSourceConfiguration<Service> serviceConfiguration() {
    return InformerEventSourceConfiguration.from(Service.class, LoadBalancer.class)
        .withName("services")
        .withWatchAllNamespaces()
        .withItemStore(Trimming.services())
        .withOnUpdateFilter(
            (now, before) -> !Objects.equals(now.getSpec().getPorts(), before.getSpec().getPorts()))
        .withSecondaryToPrimaryMapper(service -> referringTo(Names.of(service)))
        .withPrimaryToSecondaryMapper((LoadBalancer balancer) -> Set.of())
        .build();
  }

  private InformerEventSourceConfiguration<EndpointSlice> sliceConfiguration() {
    return InformerEventSourceConfiguration.from(EndpointSlice.class, LoadBalancer.class)
        .withName("slices")
        .withWatchAllNamespaces()
        .withLabelSelector(ServiceEndpointsReader.SERVICE_NAME)
        .withItemStore(Trimming.slices())
        .withOnUpdateFilter(
            (now, before) ->
                !Objects.equals(now.getEndpoints(), before.getEndpoints())
                    || !Objects.equals(now.getPorts(), before.getPorts())
                    || !ServiceEndpointsReader.serviceOf(now)
                        .equals(ServiceEndpointsReader.serviceOf(before)))
        .withSecondaryToPrimaryMapper(
            slice ->
                ServiceEndpointsReader.serviceOf(slice).map(this::referringTo).orElse(Set.of()))
        .withPrimaryToSecondaryMapper((LoadBalancer balancer) -> Set.of())
        .build();
  }

  private Set<ResourceID> referringTo(ObjectName service) {
    return balancers.byIndex(BY_SERVICE, service.toString()).stream()
        .map(balancer -> Names.id(Names.of(balancer)))
        .collect(Collectors.toSet());
  }

  private static List<String> servicesOf(LoadBalancer balancer) {
    return Compiler.servicePorts(balancer.getSpec()).stream()
        .map(port -> new ObjectName(balancer.getMetadata().getNamespace(), port.service()))
        .map(ObjectName::toString)
        .distinct()
        .toList();
  }
}
