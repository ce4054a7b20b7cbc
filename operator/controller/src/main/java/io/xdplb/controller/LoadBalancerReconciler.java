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
import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.api.v1alpha1.LoadBalancerStatus;
import io.xdplb.api.v1alpha1.NodeState;
import io.xdplb.core.compile.CompileInput;
import io.xdplb.core.compile.CompileResult;
import io.xdplb.core.compile.Compiler;
import io.xdplb.core.compile.ServiceEndpoints;
import io.xdplb.core.compile.ServicePort;
import io.xdplb.core.model.ObjectName;
import java.net.HttpURLConnection;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * From a LoadBalancer to its ForwardingTable, and from what the nodes prove to its status: compile,
 * settle who has which address, store the table, look at the nodes, say so.
 *
 * <p>The table comes first: it carries traffic. Nothing is written that is stored already.
 */
final class LoadBalancerReconciler implements Reconciler<LoadBalancer>, AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(LoadBalancerReconciler.class);

  private static final int TOO_MANY_REQUESTS = 429;

  private final String namespace;
  private final OrphanCollector orphans;
  private final Announcer announcer;
  private final Settling settling;
  private final TableEvidence evidence = new TableEvidence();
  private final Claims claims = new Claims();

  /** Set once, before anything is reconciled. */
  private volatile ClusterView cluster;

  /**
   * @param namespace where the agents' Leases are
   * @param leads whether this operator may write, and no other one does
   */
  LoadBalancerReconciler(
      KubernetesClient client,
      String namespace,
      Announcer announcer,
      Settling settling,
      BooleanSupplier leads) {
    this.namespace = namespace;
    this.orphans = new OrphanCollector(client, this::forget, leads);
    this.announcer = announcer;
    this.settling = settling;
  }

  @Override
  public List<EventSource<?, LoadBalancer>> prepareEventSources(
      EventSourceContext<LoadBalancer> context) {
    cluster = new ClusterView(context, namespace, evidence, orphans);
    return cluster.eventSources();
  }

  @Override
  public UpdateControl<LoadBalancer> reconcile(
      LoadBalancer balancer, Context<LoadBalancer> context) {
    ObjectName name = Names.of(balancer);
    Optional<ForwardingTable> stored = cluster.tables().stored(name);
    CompileResult result = compile(balancer, stored);
    Claims.Standing standing = claims.claim(balancer, result, cluster);
    cluster.events().trigger(standing.affected());
    Decision decision = Decision.of(result, standing.conflicts(), standing.held());
    ForwardingTableSpec inForce;
    try {
      inForce = store(balancer, decision, stored, context);
    } catch (KubernetesClientException e) {
      if (isRefusal(e)) {
        publish(balancer, context, notWritten(balancer, decision, stored, e), decision);
      }
      throw e;
    }
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

  /** Ends what works in the background; to be called when nothing is reconciled any more. */
  @Override
  public void close() {
    orphans.close();
  }

  /** The LoadBalancer is gone, and so is its table: others may have its addresses. */
  private void forget(ObjectName name) {
    settling.forget(name);
    cluster.events().trigger(claims.release(name, () -> !cluster.exists(name)));
  }

  private CompileResult compile(LoadBalancer balancer, Optional<ForwardingTable> stored) {
    ObjectName name = Names.of(balancer);
    Map<ServicePort, ServiceEndpoints> services =
        cluster.endpoints(name.namespace(), Compiler.servicePorts(balancer.getSpec()));
    return SecondLook.compile(
        new CompileInput(
            name, balancer.getSpec(), services, cluster.directory().of(services.values())),
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
      if (!install.spec().equals(before) || !OwnedTable.isOwnedBy(stored.get(), balancer)) {
        evidence.stored(Names.of(balancer), install.spec().tableHash());
        context
            .resourceOperations()
            .serverSideApply(OwnedTable.of(balancer, install.spec()), cluster.tables());
        log.atInfo()
            .addKeyValue("loadbalancer", Names.of(balancer))
            .addKeyValue("tableHash", install.spec().tableHash())
            .addKeyValue("vips", install.spec().vips().size())
            .log("ForwardingTable written");
      }
      return install.spec();
    }
    stored.ifPresent(table -> context.getClient().resource(table).delete());
    return null;
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
            ? Fleet.withoutTable(nodes)
            : Fleet.of(
                nodes,
                name,
                evidence.proofs(name, inForce.tableHash()),
                cluster.leases()::isSilent);
    String bucket = TableEvidence.bucketOf(name);
    evidence.forgetAllBut(
        bucket, nodes.stream().map(node -> Fleet.digest(node, bucket).orElse(null)).toList());
    Settling.Phase phase = settling.of(balancer, decision, fleet);
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
              fleet,
              settling.now()),
          decision);
    }
    return fleet.isOnlyLagging()
        ? UpdateControl.<LoadBalancer>noUpdate().rescheduleAfter(phase.lookAgain())
        : UpdateControl.noUpdate();
  }

  /**
   * Writes a status that differs from the one that is there, and announces what is new in it.
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
      Decision decision) {
    if (status.equals(balancer.getStatus())) {
      return;
    }
    LoadBalancer patch = new LoadBalancer();
    patch.setMetadata(
        new ObjectMetaBuilder()
            .withName(balancer.getMetadata().getName())
            .withNamespace(balancer.getMetadata().getNamespace())
            .withResourceVersion(balancer.getMetadata().getResourceVersion())
            .build());
    patch.setStatus(status);
    try {
      context.resourceOperations().serverSideApplyPrimaryStatus(patch);
    } catch (KubernetesClientException e) {
      if (e.getCode() == HttpURLConnection.HTTP_NOT_FOUND) {
        return;
      }
      throw e;
    }
    announcer.announce(balancer, Notice.between(balancer.getStatus(), status, decision.advice()));
  }

  private LoadBalancerStatus notWritten(
      LoadBalancer balancer,
      Decision decision,
      Optional<ForwardingTable> stored,
      KubernetesClientException refusal) {
    Instant now = settling.now();
    return StatusComposer.compose(
        balancer.getStatus(),
        balancer.getMetadata().getGeneration(),
        decision,
        stored.map(ForwardingTable::getSpec).orElse(null),
        Verdict.no(
            StatusComposer.NOT_WRITTEN,
            "The API server refused the ForwardingTable; it is tried again: "
                + refusal.getMessage()),
        Fleet.withoutTable(cluster.nodes().nodes()),
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
