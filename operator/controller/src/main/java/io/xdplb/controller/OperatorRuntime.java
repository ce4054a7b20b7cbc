// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.javaoperatorsdk.operator.Operator;
import io.javaoperatorsdk.operator.api.config.ControllerConfigurationOverrider;
import io.javaoperatorsdk.operator.api.monitoring.Metrics;
import io.javaoperatorsdk.operator.processing.event.rate.LinearRateLimiter;
import io.javaoperatorsdk.operator.processing.retry.GenericRetry;
import io.xdplb.api.v1alpha1.LoadBalancer;
import java.time.Clock;
import java.time.Duration;
import java.util.SortedMap;
import java.util.TreeMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The operator as a whole: makes its parts, starts and stops them. It reconciles all namespaces.
 *
 * <p>The API server may be away for any time once the operator runs; what changed meanwhile is
 * caught up with. How soon is up to the client: see {@link #clientConfig}.
 */
public final class OperatorRuntime implements AutoCloseable {

  /** Field manager of all that the operator writes. */
  public static final String FIELD_MANAGER = "xdplb-operator";

  /** What the reconciler of LoadBalancers is called in metrics and logs. */
  public static final String CONTROLLER = "loadbalancer";

  private static final Logger log = LoggerFactory.getLogger(OperatorRuntime.class);

  private static final Duration FIRST_RETRY = Duration.ofMillis(100);
  private static final double RETRY_FACTOR = 2;

  /**
   * A LoadBalancer is looked at as soon as something changes, and up to this often in a row; then
   * what comes in the period is one change.
   */
  private static final int BURST = 20;

  private static final Duration BURST_PERIOD = Duration.ofMillis(100);
  private static final Duration TERMINATION = Duration.ofSeconds(5);
  private static final int WATCH_RECONNECT_MILLIS = 100;
  private static final int REQUEST_RETRIES = 3;

  private final KubernetesClient client;
  private final OperatorSettings settings;
  private final Metrics metrics;
  private final LeaderElection election;
  private final Runnable leadershipLost;
  private volatile Running running;
  private volatile boolean leader;

  private record Running(
      Operator operator,
      LoadBalancerReconciler reconciler,
      ServiceReconciler services,
      EventWriter eventWriter) {}

  /**
   * @param client with the rights that the operator needs: get, list, watch of LoadBalancers,
   *     AddressPools, ForwardingTables, ForwardingTableSlices, NodeStates, Nodes, Namespaces,
   *     Services, EndpointSlices, and of Leases and, if it is to know them, the agents' Pods in its
   *     own namespace; create, patch, update, delete of LoadBalancers, ForwardingTables and
   *     ForwardingTableSlices; patch of the status of LoadBalancers, AddressPools and Services, and
   *     of Services for their finalizer; create of Events of events.k8s.io; get, list, watch of
   *     AnnouncementPolicies, BGPPeers and Memberships; patch of the status of the former two;
   *     create of AnnouncementPolicies; create and update of Memberships; create of Secrets, and
   *     get of xdplb-announcing. Stays open; the caller closes it after {@link #stop}
   */
  public OperatorRuntime(KubernetesClient client, OperatorSettings settings) {
    this(client, settings, Metrics.NOOP, null, () -> {});
  }

  /**
   * The same, one of several.
   *
   * @param metrics hears of reconciling
   * @param election where it is decided which one works, for which get, create and update of that
   *     Lease are needed; {@code null} if this is the only operator
   * @param leadershipLost called when another operator may work: this one must be stopped at once,
   *     and not started again. Not called by {@link #stop}
   */
  public OperatorRuntime(
      KubernetesClient client,
      OperatorSettings settings,
      Metrics metrics,
      LeaderElection election,
      Runnable leadershipLost) {
    this.client = client;
    this.settings = settings;
    this.metrics = metrics;
    this.election = election;
    this.leadershipLost = leadershipLost;
  }

  /**
   * A copy of a client's configuration that comes back soon after an outage: watches are opened
   * again after 100 ms, then twice as long each time up to 3.2 s, and a request is given up early,
   * because whoever made it tries again by itself.
   */
  public static Config clientConfig(Config config) {
    return new ConfigBuilder(config)
        .withWatchReconnectInterval(WATCH_RECONNECT_MILLIS)
        .withRequestRetryBackoffLimit(REQUEST_RETRIES)
        .build();
  }

  /**
   * Starts, and returns when all caches are filled, and reconciling has begun unless another
   * operator leads. Does nothing while the operator runs.
   *
   * @throws io.javaoperatorsdk.operator.OperatorException if a kind cannot be listed: the API
   *     server does not answer, its CRD is not installed, or it is forbidden. Nothing runs then
   */
  public synchronized void start() {
    if (running != null) {
      return;
    }
    Clock clock = Clock.systemUTC();
    EventWriter eventWriter = new EventWriter(client, settings.instance(), clock);
    LoadBalancerReconciler reconciler =
        new LoadBalancerReconciler(client, settings, eventWriter, clock, this::isLeader);
    Operator operator =
        new Operator(
            o -> {
              o.withKubernetesClient(client)
                  .withCloseClientOnStop(false)
                  .withConcurrentReconciliationThreads(settings.threads())
                  .withReconciliationTerminationTimeout(TERMINATION)
                  .withMetrics(metrics);
              if (election != null) {
                o.withLeaderElectionConfiguration(
                    election.configuration(() -> won(reconciler), this::lost));
              }
            });
    ServiceReconciler services =
        new ServiceReconciler(
            client,
            settings.isDefaultForServices(),
            reconciler,
            eventWriter,
            clock,
            this::isLeader);
    operator.register(reconciler, this::configureBalancers);
    operator.register(services, this::configureServices);
    Running started = new Running(operator, reconciler, services, eventWriter);
    leader = election == null;
    try {
      operator.start();
      if (election == null) {
        reconciler.started();
      }
    } catch (RuntimeException e) {
      stop(started);
      throw e;
    }
    running = started;
    log.atInfo().addKeyValue("instance", settings.instance()).log("operator runs");
  }

  /** Stops, and returns when nothing is written any more. Does nothing while it does not run. */
  public synchronized void stop() {
    if (running != null) {
      Running stopping = running;
      running = null;
      leader = false;
      stop(stopping);
      log.atInfo().addKeyValue("instance", settings.instance()).log("operator stopped");
    }
  }

  /** Whether it runs and all caches are filled; an outage of the API server does not count. */
  public boolean isReady() {
    Running now = running;
    return now != null && now.operator().getRuntimeInfo().allEventSourcesAreHealthy();
  }

  /** Whether this is the operator that works, and not one that stands by or is stopped. */
  public boolean isLeader() {
    return leader;
  }

  /**
   * How many LoadBalancers there are by the status of Ready: True, False, Unknown; by the cache.
   */
  public SortedMap<String, Integer> balancersByReady() {
    Running now = running;
    return now == null ? new TreeMap<>() : now.reconciler().byReady();
  }

  private void won(LoadBalancerReconciler reconciler) {
    leader = true;
    reconciler.started();
    log.atInfo().addKeyValue("instance", settings.instance()).log("leads");
  }

  private void lost() {
    leader = false;
    if (running != null) {
      log.atError()
          .addKeyValue("instance", settings.instance())
          .log("could not renew the Lease {}/{} in time", election.namespace(), election.lease());
      leadershipLost.run();
    }
  }

  /** As {@link #stop}. */
  @Override
  public void close() {
    stop();
  }

  private static void stop(Running parts) {
    parts.operator().stop();
    parts.services().close();
    parts.reconciler().close();
    parts.eventWriter().close();
  }

  private void configureBalancers(ControllerConfigurationOverrider<LoadBalancer> controller) {
    configure(controller)
        .withName(CONTROLLER)
        .withItemStore(Trimming.withoutManagedFields())
        .withOnUpdateFilter(
            (now, before) -> isAnotherSpec(now.getMetadata(), before.getMetadata()));
  }

  /** A Service has no generation that tells of every change. */
  private void configureServices(ControllerConfigurationOverrider<Service> controller) {
    configure(controller).withName("service").withItemStore(Trimming.wholeServices());
  }

  private <T extends HasMetadata> ControllerConfigurationOverrider<T> configure(
      ControllerConfigurationOverrider<T> controller) {
    return controller
        .withFieldManager(FIELD_MANAGER)
        .withRateLimiter(new LinearRateLimiter(BURST_PERIOD, BURST))
        .withRetry(
            new GenericRetry()
                .withoutMaxAttempts()
                .setInitialInterval(FIRST_RETRY)
                .setIntervalMultiplier(RETRY_FACTOR)
                .setMaxInterval(settings.longestRetry().toMillis()))
        // The SDK's own filter compares generations only: it misses an object that was deleted and
        // created again while the watch was broken.
        .withGenerationAware(false);
  }

  private static boolean isAnotherSpec(ObjectMeta now, ObjectMeta before) {
    return !now.getUid().equals(before.getUid())
        || !now.getGeneration().equals(before.getGeneration());
  }
}
