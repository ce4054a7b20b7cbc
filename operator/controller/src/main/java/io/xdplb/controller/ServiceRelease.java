// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.core.model.ObjectName;
import java.net.HttpURLConnection;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/**
 * Ends what a Service had: when it is deleted, or is none of ours any more. Its LoadBalancer is
 * taken off the nodes first, while it keeps its addresses; when no node has it any more the Service
 * gets rid of its status and finalizer, and the LoadBalancer goes. So an address is never given to
 * somebody else while a node still brings its clients here, over restarts of the operator too.
 *
 * <p>Every step looks at the API server, and does the one thing that is to be done then. A Service
 * that is wanted again is left to the reconciler.
 */
final class ServiceRelease implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(ServiceRelease.class);
  private static final int THREADS = 8;
  private static final Duration FIRST_LOOK = Duration.ofMillis(20);
  private static final Duration LONGEST_RETRY = Duration.ofSeconds(2);

  private final KubernetesClient client;
  private final boolean isDefault;
  private final Predicate<ObjectName> hasLeftNodes;
  private final ServiceWriter writer;
  private final EventWriter eventWriter;
  private final BooleanSupplier leads;
  private final ScheduledExecutorService workers;

  /**
   * Services that are looked after, and whether somebody asked for it again since the last look.
   */
  private final Map<ObjectName, Boolean> underWay = new ConcurrentHashMap<>();

  /**
   * @param isDefault whether Services without a class are ours
   * @param hasLeftNodes whether the nodes need not be waited for, of a LoadBalancer without a table
   * @param leads whether this operator may write; else it waits until it leads
   */
  ServiceRelease(
      KubernetesClient client,
      boolean isDefault,
      Predicate<ObjectName> hasLeftNodes,
      EventWriter eventWriter,
      BooleanSupplier leads) {
    this.client = client;
    this.isDefault = isDefault;
    this.hasLeftNodes = hasLeftNodes;
    this.writer = new ServiceWriter(client);
    this.eventWriter = eventWriter;
    this.leads = leads;
    ScheduledThreadPoolExecutor executor =
        new ScheduledThreadPoolExecutor(
            THREADS,
            task -> {
              Thread thread = new Thread(task, "xdplb-releases");
              thread.setDaemon(true);
              return thread;
            });
    executor.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
    this.workers = executor;
  }

  /** Looks after a Service that seems to be none of ours, now and until all is done. */
  void begin(ObjectName service) {
    if (underWay.put(service, true) == null) {
      schedule(service, Duration.ZERO, FIRST_LOOK);
    }
  }

  @Override
  public void close() {
    workers.shutdownNow();
  }

  private void schedule(ObjectName service, Duration delay, Duration nextRetry) {
    try {
      workers.schedule(() -> attempt(service, nextRetry), delay.toMillis(), TimeUnit.MILLISECONDS);
    } catch (RejectedExecutionException e) {
      log.atDebug().addKeyValue("service", service).log("stopped; the next start will go on");
    }
  }

  private void attempt(ObjectName service, Duration retry) {
    if (!leads.getAsBoolean()) {
      schedule(service, LONGEST_RETRY, FIRST_LOOK);
      return;
    }
    boolean isDone = false;
    underWay.put(service, false);
    try {
      isDone = step(service);
    } catch (KubernetesClientException e) {
      boolean isConflict = e.getCode() == HttpURLConnection.HTTP_CONFLICT;
      log.atLevel(isConflict ? Level.DEBUG : Level.WARN)
          .addKeyValue("service", service)
          .addKeyValue("retryMillis", retry.toMillis())
          .log("cannot end what the Service had, will try again: {}", e.getMessage());
    }
    if (!isDone || !underWay.remove(service, false)) {
      Duration doubled = retry.multipliedBy(2);
      schedule(service, retry, doubled.compareTo(LONGEST_RETRY) < 0 ? doubled : LONGEST_RETRY);
    }
  }

  /** Whether nothing is left to do. */
  private boolean step(ObjectName name) {
    Service service = client.services().inNamespace(name.namespace()).withName(name.name()).get();
    if (service != null
        && !service.isMarkedForDeletion()
        && ServiceReader.isOurs(service, isDefault)) {
      return true;
    }
    ObjectName balancerName = ServiceBalancer.nameFor(name);
    LoadBalancer balancer = own(name, balancerName);
    boolean isOurFinalizer = service != null && ServiceReader.hasOurFinalizer(service);
    if (balancer == null && !isOurFinalizer) {
      return true;
    }
    if (balancer != null && !balancer.isMarkedForDeletion()) {
      if (!ClusterView.isWithdrawn(balancer)) {
        writer.balancer(ServiceBalancer.withdrawn(balancer), false);
        return false;
      }
      if (!ServiceBalancer.isWithdrawn(balancer)) {
        return false;
      }
    } else if (!hasLeftNodes.test(balancerName)) {
      return false;
    }
    if (service != null) {
      letGo(service, isOurFinalizer);
    }
    if (balancer != null) {
      // Exactly this version: if the Service is wanted again, the reconciler has written it.
      client
          .resource(balancer)
          .lockResourceVersion(balancer.getMetadata().getResourceVersion())
          .delete();
      log.atInfo().addKeyValue("service", name).log("LoadBalancer of the Service removed");
    }
    return true;
  }

  private void letGo(Service service, boolean isOurFinalizer) {
    if (!ServiceStatusComposer.ingress(service).isEmpty()
        || ServiceStatusComposer.condition(service.getStatus(), ServiceStatusComposer.READY)
            .isPresent()) {
      writer.clearStatus(service);
    }
    if (isOurFinalizer) {
      writer.removeFinalizer(service);
    }
    if (!service.isMarkedForDeletion()) {
      eventWriter.write(
          service,
          List.of(
              new Notice(
                  false,
                  "Released",
                  "The Service is not for xdplb any more; its addresses are free.")));
    }
  }

  /** {@code null} if there is none, or one of a user. */
  private LoadBalancer own(ObjectName service, ObjectName balancerName) {
    LoadBalancer balancer =
        client
            .resources(LoadBalancer.class)
            .inNamespace(balancerName.namespace())
            .withName(balancerName.name())
            .get();
    return balancer != null
            && ServiceReader.owner(balancer).filter(service.name()::equals).isPresent()
        ? balancer
        : null;
  }
}
