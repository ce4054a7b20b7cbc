// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.fabric8.kubernetes.client.KubernetesClient;
import io.xdplb.core.announce.Member;
import io.xdplb.core.announce.Membership;
import io.xdplb.core.policy.Policy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Publishes who has a vote on who answers for an address, in the background. docs/announcing.md
 * says by which rules; {@link MembershipPlan} decides.
 *
 * <p>A membership takes the place of exactly the one that it was decided from: the API server
 * refuses any other write. So two operators, of which one does not know yet that it does not lead
 * any more, never publish two memberships of one epoch.
 */
final class MembershipKeeper implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(MembershipKeeper.class);

  private static final Duration TOGETHER = Duration.ofMillis(50);
  private static final Duration RETRY = Duration.ofSeconds(2);

  /** For so long the nodes must have been the same ones before the first membership. */
  private static final Duration STABLE = Duration.ofSeconds(1);

  /** And so long if there are nodes whose agent has not reported yet. */
  private static final Duration STABLE_WITHOUT_ALL = Duration.ofSeconds(10);

  /**
   * For so long there must have been none before one is created where votes may still count: then
   * nobody counts the witness' vote any more, which was in the one that is gone.
   */
  private static final Duration WITNESS_IS_OVER = Duration.ofSeconds(10);

  /** From the newest epoch that a node speaks of to one that nobody can have heard of. */
  private static final int UNKNOWN_EPOCHS = 10;

  private final KubernetesClient client;
  private final AnnouncingKey key;
  private final DefaultPolicy defaultPolicy;
  private final Duration lost;
  private final BooleanSupplier leads;
  private final AtomicBoolean isDue = new AtomicBoolean();
  private final ScheduledThreadPoolExecutor worker =
      new ScheduledThreadPoolExecutor(
          1,
          task -> {
            Thread thread = new Thread(task, "xdplb-membership");
            thread.setDaemon(true);
            return thread;
          });

  private volatile boolean isStarted;

  /** Set once, before anything is heard of. */
  private volatile ClusterView cluster;

  // Of the worker only.

  /** When an agent was first seen to give no sign of life, by node. */
  private final Map<String, Long> silentSince = new HashMap<>();

  /** What this operator has seen or published last; {@code null} until then. */
  private Membership remembered;

  /** The version that was replaced last: a cache that has it is behind. */
  private String replaced;

  private Long absentSince;
  private Map<String, Member> steady;
  private long steadySince;
  private long now;
  private Duration nextLook;
  private Future<?> later = CompletableFuture.completedFuture(null);

  /**
   * @param settings where the Secret with the nodes' key is, how long a lost agent is expected
   *     back, and with which policy an installation begins
   * @param leads whether this operator may write, and no other one does
   */
  MembershipKeeper(KubernetesClient client, OperatorSettings settings, BooleanSupplier leads) {
    this.client = client;
    this.key = new AnnouncingKey(client, settings.namespace());
    this.defaultPolicy = new DefaultPolicy(client, settings.defaultPolicy());
    this.lost = settings.lost();
    this.leads = leads;
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

  /** Something has changed that a membership may follow from: looks soon. */
  void look() {
    if (isStarted && isDue.compareAndSet(false, true)) {
      schedule(
          () -> {
            isDue.set(false);
            lookNow();
          },
          TOGETHER);
    }
  }

  @Override
  public void close() {
    worker.shutdownNow();
  }

  private Future<?> schedule(Runnable task, Duration delay) {
    try {
      return worker.schedule(task, delay.toMillis(), TimeUnit.MILLISECONDS);
    } catch (RejectedExecutionException e) {
      log.debug("stopped; the next start looks");
      return CompletableFuture.completedFuture(null);
    }
  }

  private void lookNow() {
    if (!leads.getAsBoolean()) {
      return;
    }
    now = System.nanoTime();
    nextLook = null;
    if (cluster.leases().isFollowed()) {
      try {
        key.create();
        keep();
      } catch (RuntimeException e) {
        log.warn("cannot look after the Membership; tried again in {}: {}", RETRY, e.toString());
        lookIn(RETRY);
      }
    } else {
      lookIn(RETRY); // who lives is not known
    }
    later.cancel(false);
    if (nextLook != null) {
      later = schedule(this::lookNow, nextLook);
    }
  }

  private void keep() {
    Optional<StoredMembership> stored = cluster.membership().stored();
    Map<String, Long> reached = cluster.reachedEpochs();
    if (stored.isPresent()) {
      absentSince = null;
      if (!stored.get().version().equals(replaced)) {
        step(stored.get(), reached);
      }
    } else if (remembered == null && reached.isEmpty()) {
      bootstrap();
    } else {
      absentSince = absentSince == null ? Long.valueOf(now) : absentSince;
      if (isOver(WITNESS_IS_OVER, absentSince)) {
        begin(reached);
      }
    }
  }

  private void step(StoredMembership stored, Map<String, Long> reached) {
    Membership current = stored.membership();
    Map<String, Member> wanted = MembershipPlan.wanted(candidates(current), current);
    long newest = reached.values().stream().mapToLong(Long::longValue).max().orElse(0);
    Optional<Membership> next;
    if (remembered != null && remembered.epoch() > current.epoch()) {
      log.warn(
          "the Membership was set back to epoch {}, which must not be: published again as it was,"
              + " epoch {}",
          current.epoch(),
          remembered.epoch());
      next = Optional.of(remembered);
    } else if (newest > current.epoch() && !wanted.isEmpty()) {
      log.warn(
          "the Membership has epoch {}, and nodes speak of {}: was the API server's data restored"
              + " from a backup? {}",
          current.epoch(),
          newest,
          anew(newest));
      next = Optional.of(MembershipPlan.first(newest + UNKNOWN_EPOCHS, wanted));
    } else if (!wanted.isEmpty() && isGone(current)) {
      log.warn(
          "no member of epoch {} has a Node any more: begun anew with epoch {}",
          current.epoch(),
          current.epoch() + UNKNOWN_EPOCHS);
      next = Optional.of(MembershipPlan.first(current.epoch() + UNKNOWN_EPOCHS, wanted));
    } else {
      remembered = current;
      next = MembershipPlan.next(current, wanted, reached, stored.witnessEpoch());
    }
    if (next.isPresent() && stored.replace(client, next.get())) {
      replaced = stored.version();
      published(next.get());
    } else if (next.isPresent()) {
      lookIn(RETRY); // the cache is behind, and will tell earlier
    }
  }

  /** Whether there is none left of the nodes that would have to agree to anything. */
  private boolean isGone(Membership current) {
    Set<String> nodes =
        cluster.announcingNodes().stream().map(AnnouncingNode::name).collect(Collectors.toSet());
    return current.members().stream().noneMatch(member -> nodes.contains(member.name()));
  }

  /** There has never been one. */
  private void bootstrap() {
    Map<String, Member> wanted = MembershipPlan.wanted(candidates(null), null);
    if (!wanted.equals(steady)) {
      steady = wanted;
      steadySince = now;
    }
    if (!wanted.isEmpty()
        && isOver(cluster.unreportedNodes().isEmpty() ? STABLE : STABLE_WITHOUT_ALL, steadySince)) {
      defaultPolicy.create();
      create(MembershipPlan.first(1, wanted));
    }
  }

  /** There is none any more. */
  private void begin(Map<String, Long> reached) {
    if (remembered != null) {
      log.warn(
          "the Membership was deleted, which must not be: published again as it was, epoch {}",
          remembered.epoch());
      create(remembered);
      return;
    }
    Map<String, Member> wanted = MembershipPlan.wanted(candidates(null), null);
    if (!wanted.isEmpty()) {
      long newest = reached.values().stream().mapToLong(Long::longValue).max().orElseThrow();
      log.warn("the Membership is gone, and nodes speak of epoch {}. {}", newest, anew(newest));
      create(MembershipPlan.first(newest + UNKNOWN_EPOCHS, wanted));
    }
  }

  private static String anew(long newest) {
    return "Who the members were is not known: begun anew with epoch "
        + (newest + UNKNOWN_EPOCHS)
        + ". If fewer than half of those are among the new ones, two nodes may answer for an"
        + " address for a moment";
  }

  private void create(Membership membership) {
    if (StoredMembership.create(client, membership)) {
      published(membership);
    } else {
      lookIn(RETRY);
    }
  }

  private void published(Membership membership) {
    remembered = membership;
    log.atInfo()
        .addKeyValue("epoch", membership.epoch())
        .addKeyValue("members", membership.members().stream().map(Member::name).toList())
        .addKeyValue("witness", membership.witness())
        .log("Membership published");
  }

  private Collection<MembershipPlan.Candidate> candidates(Membership current) {
    List<MembershipPlan.Candidate> candidates = new ArrayList<>();
    Set<String> names = new HashSet<>();
    List<Policy> l2 = cluster.policies().valid().stream().filter(Policy::isL2).toList();
    for (AnnouncingNode node : cluster.announcingNodes()) {
      String name = node.name();
      if (node.hasAgent() || current != null && current.member(name).isPresent()) {
        names.add(name);
        candidates.add(
            new MembershipPlan.Candidate(
                name,
                node.addresses(),
                node.hasAgent(),
                isLost(name),
                node.exclusion().isEmpty()
                    && l2.stream().anyMatch(policy -> policy.selectsNode(node.labels()))));
      }
    }
    silentSince.keySet().retainAll(names);
    return candidates;
  }

  private boolean isLost(String node) {
    if (cluster.leases().isAlive(node)) {
      silentSince.remove(node);
      return false;
    }
    return isOver(lost, silentSince.computeIfAbsent(node, key -> now));
  }

  /** Whether a time is over; else it is looked again when it is. */
  private boolean isOver(Duration duration, long since) {
    Duration remaining = duration.minusNanos(now - since);
    if (remaining.isNegative() || remaining.isZero()) {
      return true;
    }
    lookIn(remaining.plusMillis(1));
    return false;
  }

  private void lookIn(Duration delay) {
    nextLook = nextLook == null || delay.compareTo(nextLook) < 0 ? delay : nextLook;
  }
}
