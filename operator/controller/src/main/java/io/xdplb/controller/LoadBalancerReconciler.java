// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.javaoperatorsdk.operator.api.reconciler.Context;
import io.javaoperatorsdk.operator.api.reconciler.EventSourceContext;
import io.javaoperatorsdk.operator.api.reconciler.Reconciler;
import io.javaoperatorsdk.operator.api.reconciler.UpdateControl;
import io.javaoperatorsdk.operator.processing.event.source.EventSource;
import io.xdplb.api.v1alpha1.ForwardingTable;
import io.xdplb.api.v1alpha1.ForwardingTableSlice;
import io.xdplb.api.v1alpha1.ForwardingTableSliceSpec;
import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.api.v1alpha1.LoadBalancerStatus;
import io.xdplb.api.v1alpha1.LoadBalancerStatus.PooledAddress;
import io.xdplb.api.v1alpha1.NodeState;
import io.xdplb.core.compile.CompileInput;
import io.xdplb.core.compile.CompileResult;
import io.xdplb.core.compile.Compiler;
import io.xdplb.core.compile.Problem;
import io.xdplb.core.compile.ServiceEndpoints;
import io.xdplb.core.compile.ServicePort;
import io.xdplb.core.ipam.Allocation;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.ObjectName;
import io.xdplb.core.table.TableSlices;
import java.net.HttpURLConnection;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * From a LoadBalancer to its ForwardingTable, and from what the nodes prove to its status: allocate
 * addresses, compile, settle who has which port of them, store the table, look at the nodes, say
 * so.
 *
 * <p>The table comes first: it carries traffic. Only addresses of pools are written down before
 * they are used. Nothing is written that is stored already.
 */
final class LoadBalancerReconciler implements Reconciler<LoadBalancer>, AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(LoadBalancerReconciler.class);

  /** How often nodes are looked at that have not followed, should nothing be heard of them. */
  private static final Duration DEPARTURE_AGAIN = Duration.ofSeconds(5);

  private static final int TOO_MANY_REQUESTS = 429;

  private final OperatorSettings settings;
  private final OrphanCollector orphans;
  private final EventWriter eventWriter;
  private final Settling settling;
  private final Departures departures;
  private final TableEvidence evidence = new TableEvidence();
  private final Claims claims = new Claims();
  private final PoolKeeper keeper;
  private final MembershipKeeper membershipKeeper;
  private final AnnouncementKeeper announcementKeeper;

  /** Set once, before anything is reconciled. */
  private volatile ClusterView cluster;

  /**
   * @param leads whether this operator may write, and no other one does
   */
  LoadBalancerReconciler(
      KubernetesClient client,
      OperatorSettings settings,
      EventWriter eventWriter,
      Clock clock,
      BooleanSupplier leads) {
    this.settings = settings;
    this.departures = new Departures(evidence, settings.patience(), clock);
    this.orphans =
        new OrphanCollector(
            client,
            name -> cluster.tableSlices().of(name),
            name -> departures.of(name, cluster).isOver(),
            this::forget,
            leads);
    this.eventWriter = eventWriter;
    this.settling = new Settling(settings.settle(), clock);
    this.keeper = new PoolKeeper(client, claims, evidence, eventWriter, clock);
    this.membershipKeeper = new MembershipKeeper(client, settings, leads);
    this.announcementKeeper = new AnnouncementKeeper(client, eventWriter, clock);
  }

  @Override
  public List<EventSource<?, LoadBalancer>> prepareEventSources(
      EventSourceContext<LoadBalancer> context) {
    cluster =
        new ClusterView(
            context,
            settings,
            evidence,
            orphans,
            keeper,
            membershipKeeper,
            announcementKeeper,
            this::isAtRest);
    keeper.watch(cluster);
    membershipKeeper.watch(cluster);
    announcementKeeper.watch(cluster);
    return cluster.eventSources();
  }

  @Override
  public UpdateControl<LoadBalancer> reconcile(
      LoadBalancer balancer, Context<LoadBalancer> context) {
    ObjectName name = Names.of(balancer);
    Optional<ForwardingTable> stored = cluster.tables().stored(name);
    if (ClusterView.isTemplate(balancer)) {
      return template(balancer, stored, context);
    }
    Claims.Granted granted = claims.allocate(balancer, cluster);
    cluster.events().trigger(granted.affected());
    CompileResult result = compile(balancer, granted.allocation(), stored);
    Claims.Standing standing = claims.claim(balancer, result, cluster);
    cluster.events().trigger(standing.affected());
    Decision decided =
        Decision.of(granted.allocation(), result, standing.conflicts(), standing.held());
    Decision decision = ClusterView.isWithdrawn(balancer) ? decided.withdrawn() : decided;
    Optional<LoadBalancer> reserved = reserve(balancer, decision, context);
    return reserved.isEmpty()
        ? UpdateControl.noUpdate()
        : carryOut(reserved.get(), context, decision, stored);
  }

  private UpdateControl<LoadBalancer> carryOut(
      LoadBalancer balancer,
      Context<LoadBalancer> context,
      Decision decision,
      Optional<ForwardingTable> stored) {
    ForwardingTableSpec inForce;
    try {
      inForce = store(balancer, decision, stored, context);
    } catch (KubernetesClientException e) {
      if (isRefusal(e)) {
        publish(balancer, context, notWritten(balancer, decision, stored, e), decision.advice());
      }
      throw e;
    }
    if (ClusterView.isWithdrawn(balancer)) {
      return withdrawn(balancer, context, decision);
    }
    departures.forget(Names.of(balancer));
    return observe(balancer, context, decision, inForce);
  }

  /** How many there are by the status of Ready; all three are always there. */
  SortedMap<String, Integer> byReady() {
    SortedMap<String, Integer> counts = new TreeMap<>(Map.of("True", 0, "False", 0, "Unknown", 0));
    ClusterView view = cluster;
    if (view != null) {
      view.balancers()
          .forEach(
              balancer ->
                  counts.merge(StatusComposer.readiness(balancer.getStatus()), 1, Integer::sum));
    }
    return counts;
  }

  /** The caches are filled, and this operator is the one that works. */
  void started() {
    keeper.start();
    membershipKeeper.start();
    announcementKeeper.start();
  }

  /** The table that the API server holds for a LoadBalancer, by the cache. */
  Optional<ForwardingTableSpec> table(ObjectName balancer) {
    return cluster.tables().stored(balancer).map(ForwardingTable::getSpec);
  }

  /** Ends what works in the background; to be called when nothing is reconciled any more. */
  @Override
  public void close() {
    orphans.close();
    keeper.close();
    membershipKeeper.close();
    announcementKeeper.close();
  }

  /** The LoadBalancer is gone, and so is its table: others may have its addresses. */
  private void forget(ObjectName name, Optional<ForwardingTable> table) {
    settling.forget(name);
    departures.forget(name);
    cluster
        .events()
        .trigger(claims.release(name, Claims.addresses(table), () -> !cluster.exists(name)));
    keeper.look();
  }

  /**
   * Writes down addresses of pools before anything makes use of them: what is not in a status would
   * be given away again by the next operator.
   *
   * @return what is stored then; empty if the LoadBalancer is gone
   */
  private Optional<LoadBalancer> reserve(
      LoadBalancer balancer, Decision decision, Context<LoadBalancer> context) {
    LoadBalancerStatus before = balancer.getStatus();
    List<PooledAddress> known =
        before == null || before.pools() == null ? List.of() : before.pools();
    if (known.containsAll(decision.addressing().pools())) {
      return Optional.of(balancer);
    }
    keeper.look();
    return write(balancer, context, StatusComposer.reserve(before, decision));
  }

  private CompileResult compile(
      LoadBalancer balancer, Allocation allocation, Optional<ForwardingTable> stored) {
    ObjectName name = Names.of(balancer);
    Map<ServicePort, ServiceEndpoints> services =
        cluster.endpoints(name.namespace(), Compiler.servicePorts(balancer.getSpec()));
    return SecondLook.compile(
        new CompileInput(
            name,
            balancer.getSpec(),
            allocation.ips(),
            services,
            cluster.directory().of(services.values())),
        stored.map(ForwardingTable::getSpec).orElse(null),
        port -> cluster.liveEndpoints(name.namespace(), port),
        cluster.directory()::of);
  }

  /**
   * Brings the API server's table to what is decided.
   *
   * @return the table that is there then; {@code null} if there is none
   */
  private ForwardingTableSpec store(
      LoadBalancer balancer,
      Decision decision,
      Optional<ForwardingTable> stored,
      Context<LoadBalancer> context) {
    ForwardingTableSpec before = stored.map(ForwardingTable::getSpec).orElse(null);
    if (decision.table() instanceof Decision.Table.Keep) {
      return before;
    }
    if (decision.table() instanceof Decision.Table.Install install) {
      TableSlices.Stored desired =
          TableSlices.split(
              balancer.getMetadata().getName(),
              install.spec(),
              TableSlices.isSplit(before) ? before.slices().size() : 0);
      int slices = storeSlices(balancer, desired.slices(), context);
      if (!desired.table().equals(before) || !OwnedTable.isOwnedBy(stored.get(), balancer)) {
        evidence.stored(Names.of(balancer), desired.table().tableHash());
        context
            .resourceOperations()
            .serverSideApply(OwnedTable.of(balancer, desired.table()), cluster.tables());
        log.atInfo()
            .addKeyValue("loadbalancer", Names.of(balancer))
            .addKeyValue("tableHash", desired.table().tableHash())
            .addKeyValue("vips", desired.table().vips().size())
            .addKeyValue("slices", slices)
            .log("ForwardingTable written");
      }
      removeSlices(Names.of(balancer), desired.slices().keySet(), context);
      return desired.table();
    }
    removeTable(Names.of(balancer), stored, context);
    return null;
  }

  /**
   * Writes those that are not there as they should be.
   *
   * @return how many
   */
  private int storeSlices(
      LoadBalancer balancer,
      Map<String, ForwardingTableSliceSpec> slices,
      Context<LoadBalancer> context) {
    int written = 0;
    for (Map.Entry<String, ForwardingTableSliceSpec> entry : slices.entrySet()) {
      ForwardingTableSlice slice = OwnedTable.of(balancer, entry.getKey(), entry.getValue());
      if (!cluster.tableSlices().isStored(slice, balancer)) {
        // What somebody else has changed, or another LoadBalancer of this name has left, is no more
        // to be trusted: agents keep what they know meanwhile.
        cluster
            .tableSlices()
            .stored(slice)
            .ifPresent(other -> context.getClient().resource(other).delete());
        context.resourceOperations().serverSideApply(slice, cluster.tableSlices());
        written++;
      }
    }
    return written;
  }

  /** Those that the table does not list any more, or never did: a start between two writes. */
  private void removeSlices(ObjectName table, Set<String> listed, Context<LoadBalancer> context) {
    cluster.tableSlices().of(table).stream()
        .filter(slice -> !listed.contains(slice.getMetadata().getName()))
        .filter(slice -> OwnedTable.owner(slice).isPresent())
        .forEach(slice -> context.getClient().resource(slice).delete());
  }

  private void removeTable(
      ObjectName name, Optional<ForwardingTable> stored, Context<LoadBalancer> context) {
    stored.ifPresent(table -> context.getClient().resource(table).delete());
    removeSlices(name, Set.of(), context);
  }

  /** Whether no node need be waited for that may still have its table; false while it has one. */
  boolean hasLeftNodes(ObjectName balancer) {
    return cluster.tables().stored(balancer).isEmpty() && departures.of(balancer, cluster).isOver();
  }

  /** Nothing is programmed, and what was before has no claims any more. */
  private UpdateControl<LoadBalancer> template(
      LoadBalancer balancer, Optional<ForwardingTable> stored, Context<LoadBalancer> context) {
    ObjectName name = Names.of(balancer);
    removeTable(name, stored.filter(table -> OwnedTable.owner(table).isPresent()), context);
    settling.forget(name);
    cluster.events().trigger(claims.release(name, Claims.addresses(stored), () -> true));
    keeper.look();
    publish(
        balancer,
        context,
        StatusComposer.ofTemplate(
            balancer.getStatus(), balancer.getMetadata().getGeneration(), settling.now()),
        List.of());
    return UpdateControl.noUpdate();
  }

  private UpdateControl<LoadBalancer> withdrawn(
      LoadBalancer balancer, Context<LoadBalancer> context, Decision decision) {
    Departures.Departure departure = departures.of(Names.of(balancer), cluster);
    publish(
        balancer,
        context,
        StatusComposer.compose(
            balancer.getStatus(),
            balancer.getMetadata().getGeneration(),
            decision,
            null,
            StatusComposer.withdrawn(departure.holders(), departure.isGivenUp()),
            Verdict.no(StatusComposer.WITHDRAWN, "It is withdrawn: no node is to announce it."),
            Fleet.withoutTable(cluster.nodes().nodes(), cluster.unreportedNodes()),
            settling.now()),
        decision.advice());
    return departure.isOver()
        ? UpdateControl.noUpdate()
        : UpdateControl.<LoadBalancer>noUpdate().rescheduleAfter(DEPARTURE_AGAIN);
  }

  private UpdateControl<LoadBalancer> observe(
      LoadBalancer balancer,
      Context<LoadBalancer> context,
      Decision decision,
      ForwardingTableSpec inForce) {
    ObjectName name = Names.of(balancer);
    Collection<NodeState> nodes = cluster.nodes().nodes();
    Fleet fleet =
        inForce == null
            ? Fleet.withoutTable(nodes, cluster.unreportedNodes())
            : Fleet.of(
                nodes,
                cluster.unreportedNodes(),
                name,
                evidence.proofs(name, inForce.tableHash()),
                cluster.leases()::isSilent);
    boolean isProven = claims.isAwaited(name) && isProven(nodes, name, inForce);
    evidence.forgetAllBut(TableEvidence.bucketOf(name), Fleet.digests(nodes, name));
    Settling.Phase phase = settling.of(balancer, decision, fleet);
    Settling.Announcing announced =
        settling.announced(
            balancer, decision, announced(decision, inForce, fleet.programmed() > 0));
    if (!phase.isHeld()) {
      publish(
          balancer,
          context,
          StatusComposer.compose(
              balancer.getStatus(),
              balancer.getMetadata().getGeneration(),
              decision,
              inForce,
              StatusComposer.programmed(decision, inForce, fleet, phase.isSettling()),
              announced.verdict(),
              fleet,
              settling.now()),
          decision.advice());
      if (isProven) {
        giveBack(name, inForce);
      }
    }
    return Stream.of(
            fleet.isOnlyLagging() ? phase.lookAgain() : Duration.ZERO, announced.remaining())
        .filter(delay -> !delay.isZero())
        .min(Comparator.naturalOrder())
        .map(delay -> UpdateControl.<LoadBalancer>noUpdate().rescheduleAfter(delay))
        .orElseGet(UpdateControl::noUpdate);
  }

  /**
   * @param isProgrammed whether some node has the table
   */
  private Verdict announced(Decision decision, ForwardingTableSpec inForce, boolean isProgrammed) {
    return StatusComposer.nothingToAnnounce(decision, inForce)
        .orElseGet(
            () ->
                Announced.of(
                    decision.addressing().addresses(),
                    cluster.announcing(),
                    cluster.announcements(),
                    cluster.leases()::isSilent,
                    isProgrammed,
                    decision.readyEndpoints() == null || decision.readyEndpoints() > 0));
  }

  /**
   * Whether every node has proven it, a node's report proves it still, and nobody waits for more. A
   * neighbour in the bucket has changed then.
   */
  private boolean isAtRest(LoadBalancer balancer, NodeState node) {
    ObjectName name = Names.of(balancer);
    Optional<String> digest = Fleet.digest(node, TableEvidence.bucketOf(name));
    return digest.isPresent()
        && StatusComposer.isProgrammedEverywhere(balancer)
        && !settling.isWaiting(name)
        && !claims.isAwaited(name)
        && !cluster.leases().isSilent(node.getMetadata().getName())
        && !Fleet.hasFailed(node, name)
        && cluster
            .tables()
            .stored(name)
            .map(table -> table.getSpec().tableHash())
            .filter(hash -> evidence.isProof(name, hash, digest.get()))
            .isPresent();
  }

  /** Whether no node has anything of the LoadBalancer but the table that is in force. */
  private boolean isProven(
      Collection<NodeState> nodes, ObjectName name, ForwardingTableSpec inForce) {
    return Fleet.allProve(
        nodes,
        name,
        inForce == null ? evidence.absence(name) : evidence.proofs(name, inForce.tableHash()));
  }

  /** After the status says so: addresses that were given up can be had by others. */
  private void giveBack(ObjectName name, ForwardingTableSpec inForce) {
    Set<Ip> kept =
        inForce == null
            ? Set.of()
            : inForce.vips().stream()
                .map(vip -> Ip.parse(vip.address()))
                .collect(Collectors.toSet());
    cluster.events().trigger(claims.gone(name, kept, settling.now()));
    keeper.look();
  }

  /**
   * Writes a status that differs from the one that is there, and an Event of what is new in it.
   *
   * <p>Only onto the version that was looked at. As of 5.3.2 the SDK drops events that are older
   * than an own write, supposing that the writer knew of them: an edit in between, or another
   * LoadBalancer of the same name, would go unseen. So it has to make the write fail, and then this
   * one is reconciled again.
   */
  private void publish(
      LoadBalancer balancer,
      Context<LoadBalancer> context,
      LoadBalancerStatus status,
      List<Problem> advice) {
    if (status.equals(balancer.getStatus())) {
      return;
    }
    if (write(balancer, context, status).isPresent()) {
      eventWriter.write(balancer, Notice.between(balancer.getStatus(), status, advice));
    }
  }

  /**
   * Writes a status.
   *
   * @return what is stored then; empty if the LoadBalancer is gone
   */
  private static Optional<LoadBalancer> write(
      LoadBalancer balancer, Context<LoadBalancer> context, LoadBalancerStatus status) {
    LoadBalancer patch = new LoadBalancer();
    patch.setMetadata(
        new ObjectMetaBuilder()
            .withName(balancer.getMetadata().getName())
            .withNamespace(balancer.getMetadata().getNamespace())
            .withResourceVersion(balancer.getMetadata().getResourceVersion())
            .build());
    patch.setStatus(status);
    try {
      return Optional.of(context.resourceOperations().serverSideApplyPrimaryStatus(patch));
    } catch (KubernetesClientException e) {
      if (e.getCode() == HttpURLConnection.HTTP_NOT_FOUND) {
        return Optional.empty();
      }
      throw e;
    }
  }

  private LoadBalancerStatus notWritten(
      LoadBalancer balancer,
      Decision decision,
      Optional<ForwardingTable> stored,
      KubernetesClientException refusal) {
    Instant now = settling.now();
    ForwardingTableSpec inForce = stored.map(ForwardingTable::getSpec).orElse(null);
    Fleet fleet = Fleet.withoutTable(cluster.nodes().nodes(), cluster.unreportedNodes());
    return StatusComposer.compose(
        balancer.getStatus(),
        balancer.getMetadata().getGeneration(),
        decision,
        inForce,
        Verdict.no(
            StatusComposer.NOT_WRITTEN,
            "The API server refused the ForwardingTable; it is tried again: "
                + refusal.getMessage()),
        announced(decision, inForce, true),
        fleet,
        now);
  }

  /** The request was understood and declined: repeating it as it is will hardly help. */
  private static boolean isRefusal(KubernetesClientException e) {
    return e.getCode() >= HttpURLConnection.HTTP_BAD_REQUEST
        && e.getCode() < HttpURLConnection.HTTP_INTERNAL_ERROR
        && e.getCode() != HttpURLConnection.HTTP_CONFLICT
        && e.getCode() != TOO_MANY_REQUESTS;
  }
}
