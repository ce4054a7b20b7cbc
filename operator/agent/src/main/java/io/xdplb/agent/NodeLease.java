// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent;

import io.fabric8.kubernetes.api.model.coordination.v1.Lease;
import io.fabric8.kubernetes.api.model.coordination.v1.LeaseBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.xdplb.api.v1alpha1.NodeLeases;
import java.time.Clock;
import java.time.Duration;
import java.time.ZonedDateTime;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.IntSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Renews the Lease by which the operator knows that this agent runs. How often depends on the size
 * of the cluster, so that all of them together write some {@value #RENEWALS_A_SECOND} times a
 * second at most. A Lease is not given up when the agent stops: a restart is nobody's business.
 */
final class NodeLease implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(NodeLease.class);

  private static final int RENEWALS_A_SECOND = 25;
  private static final Duration SHORTEST = Duration.ofSeconds(1);

  /** A renewal that fails is tried again in time. */
  private static final int RENEWALS_A_LEASE = 3;

  private final KubernetesClient client;
  private final String namespace;
  private final String node;
  private final IntSupplier nodes;
  private final Clock clock;
  private final ScheduledExecutorService thread =
      Executors.newSingleThreadScheduledExecutor(
          run -> {
            Thread renewing = new Thread(run, "lease");
            renewing.setDaemon(true);
            return renewing;
          });
  private boolean failed;

  /**
   * @param namespace of the Lease
   * @param nodes how many Nodes the cluster has, as far as is known
   */
  NodeLease(
      KubernetesClient client, String namespace, String node, IntSupplier nodes, Clock clock) {
    this.client = client;
    this.namespace = namespace;
    this.node = node;
    this.nodes = nodes;
    this.clock = clock;
  }

  /** Renews from now on, in the background. */
  void start() {
    thread.execute(this::renew);
  }

  @Override
  public void close() {
    thread.shutdownNow();
  }

  /** How long after one renewal the next one is due, in a cluster of so many nodes. */
  static Duration interval(int nodes) {
    Duration fair = Duration.ofSeconds(1).multipliedBy(nodes).dividedBy(RENEWALS_A_SECOND);
    return fair.compareTo(SHORTEST) > 0 ? fair : SHORTEST;
  }

  private void renew() {
    Duration interval = interval(nodes.getAsInt());
    try {
      apply(interval.multipliedBy(RENEWALS_A_LEASE));
      if (failed) {
        log.info("Lease {} is renewed again", NodeLeases.nameOf(node));
        failed = false;
      }
    } catch (KubernetesClientException e) {
      if (thread.isShutdown()) {
        return;
      }
      if (!failed) {
        failed = true;
        log.warn(
            "cannot renew Lease {} in namespace {}, will try again; the operator takes this agent"
                + " for stopped meanwhile: {}",
            NodeLeases.nameOf(node),
            namespace,
            e.getMessage());
      }
    }
    if (!thread.isShutdown()) {
      thread.schedule(this::renew, interval.toMillis(), TimeUnit.MILLISECONDS);
    }
  }

  private void apply(Duration duration) {
    Lease lease =
        new LeaseBuilder()
            .withNewMetadata()
            .withName(NodeLeases.nameOf(node))
            .withNamespace(namespace)
            .addToLabels(NodeLeases.LABEL, NodeLeases.LABEL_VALUE)
            .endMetadata()
            .withNewSpec()
            .withHolderIdentity(node)
            .withLeaseDurationSeconds((int) duration.toSeconds())
            .withRenewTime(ZonedDateTime.now(clock))
            .endSpec()
            .build();
    client
        .resource(lease)
        .patch(
            new PatchContext.Builder()
                .withPatchType(PatchType.SERVER_SIDE_APPLY)
                .withFieldManager(NodeStateWriter.FIELD_MANAGER)
                .withForce(true)
                .build());
  }
}
