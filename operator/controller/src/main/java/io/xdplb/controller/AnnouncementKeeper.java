// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.client.CustomResource;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.xdplb.api.v1alpha1.AnnouncementPolicy;
import io.xdplb.api.v1alpha1.AnnouncementPolicyStatus;
import io.xdplb.api.v1alpha1.BGPPeer;
import io.xdplb.api.v1alpha1.BGPPeerStatus;
import io.xdplb.core.policy.PolicyReader;
import java.net.HttpURLConnection;
import java.time.Clock;
import java.time.Duration;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes the statuses of AnnouncementPolicies and BGPPeers in the background, many changes at a
 * time.
 */
final class AnnouncementKeeper implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(AnnouncementKeeper.class);
  private static final Duration TOGETHER = Duration.ofMillis(200);
  private static final Duration RETRY = Duration.ofSeconds(5);

  private final KubernetesClient client;
  private final EventWriter eventWriter;
  private final Clock clock;
  private final AtomicBoolean isDue = new AtomicBoolean();
  private final ScheduledThreadPoolExecutor worker =
      new ScheduledThreadPoolExecutor(
          1,
          task -> {
            Thread thread = new Thread(task, "xdplb-announcements");
            thread.setDaemon(true);
            return thread;
          });

  private volatile boolean isStarted;

  /** Set once, before anything is heard of. */
  private volatile ClusterView cluster;

  AnnouncementKeeper(KubernetesClient client, EventWriter eventWriter, Clock clock) {
    this.client = client;
    this.eventWriter = eventWriter;
    this.clock = clock;
    worker.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
  }

  void watch(ClusterView cluster) {
    this.cluster = cluster;
  }

  /** The caches are filled. */
  void start() {
    isStarted = true;
    look();
  }

  /** Policies, peers, or what nodes say of them, have changed: looks soon what follows. */
  void look() {
    if (isStarted && isDue.compareAndSet(false, true)) {
      schedule(TOGETHER);
    }
  }

  @Override
  public void close() {
    worker.shutdownNow();
  }

  private void schedule(Duration delay) {
    try {
      worker.schedule(this::lookNow, delay.toMillis(), TimeUnit.MILLISECONDS);
    } catch (RejectedExecutionException e) {
      log.debug("stopped; the next start looks");
    }
  }

  private void lookNow() {
    isDue.set(false);
    try {
      AnnouncingView view = cluster.announcing();
      for (AnnouncementPolicy policy : cluster.policySource().policies()) {
        PolicyReader.Result read = view.policies().read().get(policy.getMetadata().getName());
        if (read != null) { // else it has just come: looked at again
          update(policy, read, view);
        }
      }
      for (BGPPeer peer : cluster.peers().peers()) {
        AnnouncingView.Sessions sessions = view.peers().get(peer.getMetadata().getName());
        if (sessions != null) {
          update(peer, sessions);
        }
      }
    } catch (RuntimeException e) {
      log.warn(
          "cannot write the statuses of AnnouncementPolicies and BGPPeers; tried again in {}: {}",
          RETRY,
          e.toString());
      schedule(RETRY);
    }
  }

  private void update(AnnouncementPolicy policy, PolicyReader.Result read, AnnouncingView view) {
    AnnouncementPolicyStatus before = policy.getStatus();
    AnnouncementPolicyStatus after =
        AnnouncingStatusComposer.policy(
            before, policy.getMetadata().getGeneration(), read, view, clock.instant());
    if (!after.equals(before)) {
      AnnouncementPolicy patch = new AnnouncementPolicy();
      patch.setStatus(after);
      if (write(policy, patch)) {
        eventWriter.write(
            policy,
            AnnouncingStatusComposer.news(
                before == null ? null : before.conditions(), after.conditions()));
      }
    }
  }

  private void update(BGPPeer peer, AnnouncingView.Sessions sessions) {
    BGPPeerStatus before = peer.getStatus();
    BGPPeerStatus after =
        AnnouncingStatusComposer.peer(
            before, peer.getMetadata().getGeneration(), peer.getSpec(), sessions, clock.instant());
    if (!after.equals(before)) {
      BGPPeer patch = new BGPPeer();
      patch.setStatus(after);
      if (write(peer, patch)) {
        eventWriter.write(
            peer,
            AnnouncingStatusComposer.news(
                before == null ? null : before.conditions(), after.conditions()));
      }
    }
  }

  /** Whether it was stored; false where another version is there, or none: it is looked again. */
  private boolean write(CustomResource<?, ?> of, CustomResource<?, ?> patch) {
    patch.setMetadata(
        new ObjectMetaBuilder()
            .withName(of.getMetadata().getName())
            .withResourceVersion(of.getMetadata().getResourceVersion())
            .build());
    try {
      client
          .resource(patch)
          .subresource("status")
          .patch(
              new PatchContext.Builder()
                  .withPatchType(PatchType.SERVER_SIDE_APPLY)
                  .withFieldManager(OperatorRuntime.FIELD_MANAGER)
                  .withForce(true)
                  .build());
      return true;
    } catch (KubernetesClientException e) {
      if (e.getCode() != HttpURLConnection.HTTP_CONFLICT
          && e.getCode() != HttpURLConnection.HTTP_NOT_FOUND) {
        throw e;
      }
      look();
      return false;
    }
  }
}
