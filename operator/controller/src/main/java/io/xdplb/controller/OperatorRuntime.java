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
import io.javaoperatorsdk.operator.processing.event.rate.LinearRateLimiter;
import io.javaoperatorsdk.operator.processing.retry.GenericRetry;
import io.xdplb.api.v1alpha1.LoadBalancer;
import java.time.Clock;
import java.time.Duration;
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
  private volatile Running running;

  private record Running(
      Operator operator,
      LoadBalancerReconciler reconciler,
      ServiceReconciler services,
      Announcer announcer) {}

  /**
   * @param client with the rights that the operator needs: get, list, watch of LoadBalancers,
   *     AddressPools, ForwardingTables, NodeStates, Nodes, Namespaces, Services and EndpointSlices;
   *     create, patch, update, delete of LoadBalancers and ForwardingTables; patch of the status of
   *     LoadBalancers, AddressPools and Services, and of Services for their finalizer; create of
   *     Events of events.k8s.io. Stays open; the caller closes it after {@link #stop}
   */
  public OperatorRuntime(KubernetesClient client, OperatorSettings settings) {
    this.client = client;
    this.settings = settings;
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
   * Starts, and returns when all caches are filled and reconciling has begun. Does nothing while
   * the operator runs.
   *
   * @throws io.javaoperatorsdk.operator.OperatorException if a kind cannot be listed: the API
   *     server does not answer, its CRD is not installed, or it is forbidden. Nothing runs then
   */
  public synchronized void start() {
    if (running != null) {
      return;
    }
    Clock clock = Clock.systemUTC();
    Announcer announcer = new Announcer(client, settings.instance(), clock);
    LoadBalancerReconciler reconciler =
        new LoadBalancerReconciler(
            client, announcer, new Settling(settings.settle(), clock), settings.patience(), clock);
    Operator operator =
        new Operator(
            o ->
                o.withKubernetesClient(client)
                    .withCloseClientOnStop(false)
                    .withConcurrentReconciliationThreads(settings.threads())
                    .withReconciliationTerminationTimeout(TERMINATION));
    ServiceReconciler services =
        new ServiceReconciler(
            client, settings.isDefaultForServices(), reconciler, announcer, clock);
    operator.register(reconciler, this::configureBalancers);
    operator.register(services, this::configureServices);
    Running started = new Running(operator, reconciler, services, announcer);
    try {
      operator.start();
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
      stop(running);
      running = null;
      log.atInfo().addKeyValue("instance", settings.instance()).log("operator stopped");
    }
  }

  /** Whether it runs and all caches are filled; an outage of the API server does not count. */
  public boolean isReady() {
    Running now = running;
    return now != null && now.operator().getRuntimeInfo().allEventSourcesAreHealthy();
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
    parts.announcer().close();
  }

  private void configureBalancers(ControllerConfigurationOverrider<LoadBalancer> controller) {
    configure(controller)
        .withName("loadbalancer")
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
