// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServiceStatus;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.javaoperatorsdk.operator.api.config.informer.InformerEventSourceConfiguration;
import io.javaoperatorsdk.operator.api.reconciler.Context;
import io.javaoperatorsdk.operator.api.reconciler.EventSourceContext;
import io.javaoperatorsdk.operator.api.reconciler.Reconciler;
import io.javaoperatorsdk.operator.api.reconciler.UpdateControl;
import io.javaoperatorsdk.operator.processing.event.ResourceID;
import io.javaoperatorsdk.operator.processing.event.source.EventSource;
import io.javaoperatorsdk.operator.processing.event.source.IndexerResourceCache;
import io.javaoperatorsdk.operator.processing.event.source.informer.InformerEventSource;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.api.v1alpha1.LoadBalancerSpec;
import io.xdplb.core.model.ObjectName;
import io.xdplb.core.service.ServiceMapping;
import io.xdplb.core.service.ServiceResult;
import java.net.HttpURLConnection;
import java.time.Clock;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * From a Service of type LoadBalancer to a LoadBalancer that the Service owns, and from the status
 * of that back to the Service's. All else is done for that LoadBalancer as for any other.
 *
 * <p>A Service of another class is not touched. Nothing is written that is stored already.
 */
final class ServiceReconciler implements Reconciler<Service>, AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(ServiceReconciler.class);
  private static final String BY_SETTINGS = "settings";
  private static final Duration AGAIN = Duration.ofMillis(200);

  private final KubernetesClient client;
  private final boolean isDefault;
  private final LoadBalancerReconciler balancerReconciler;
  private final ServiceRelease release;
  private final ServiceWriter writer;
  private final EventWriter eventWriter;
  private final Clock clock;

  /** Set once, before anything is reconciled. */
  private volatile InformerEventSource<LoadBalancer, Service> balancers;

  private volatile IndexerResourceCache<Service> services;

  /**
   * @param isDefault whether Services without a class are ours
   * @param balancerReconciler knows what is in force for a LoadBalancer
   * @param leads whether this operator may write, and no other one does
   */
  ServiceReconciler(
      KubernetesClient client,
      boolean isDefault,
      LoadBalancerReconciler balancerReconciler,
      EventWriter eventWriter,
      Clock clock,
      BooleanSupplier leads) {
    this.client = client;
    this.isDefault = isDefault;
    this.balancerReconciler = balancerReconciler;
    this.release =
        new ServiceRelease(client, isDefault, balancerReconciler::hasLeftNodes, eventWriter, leads);
    this.writer = new ServiceWriter(client);
    this.eventWriter = eventWriter;
    this.clock = clock;
  }

  @Override
  public List<EventSource<?, Service>> prepareEventSources(EventSourceContext<Service> context) {
    services = context.getPrimaryCache();
    services.addIndexers(Map.of(BY_SETTINGS, ServiceReconciler::settingsOf));
    balancers =
        new InformerEventSource<>(
            InformerEventSourceConfiguration.from(LoadBalancer.class, Service.class)
                .withName("servicebalancers")
                .withWatchAllNamespaces()
                .withItemStore(Trimming.balancersOfServices())
                .withSecondaryToPrimaryMapper(this::concerned)
                .withPrimaryToSecondaryMapper((Service service) -> Set.of())
                .build(),
            context);
    return List.of(balancers, new ServiceEvents(release::begin));
  }

  @Override
  public UpdateControl<Service> reconcile(Service service, Context<Service> context) {
    ObjectName name = Names.of(service);
    if (!ServiceReader.isOurs(service, isDefault)) {
      if (ServiceReader.hasOurFinalizer(service) || cached(name).isPresent()) {
        release.begin(name);
      }
      return UpdateControl.noUpdate();
    }
    try {
      return serve(service) ? UpdateControl.noUpdate() : again();
    } catch (KubernetesClientException e) {
      // Somebody wrote in between, or it is gone: what they wrote is looked at.
      if (e.getCode() == HttpURLConnection.HTTP_CONFLICT
          || e.getCode() == HttpURLConnection.HTTP_NOT_FOUND) {
        log.atDebug().addKeyValue("service", name).log("changed meanwhile: {}", e.getMessage());
        return again();
      }
      throw e;
    }
  }

  /** Ends what works in the background; to be called when nothing is reconciled any more. */
  @Override
  public void close() {
    release.close();
  }

  private static UpdateControl<Service> again() {
    return UpdateControl.<Service>noUpdate().rescheduleAfter(AGAIN);
  }

  /** Whether there is nothing to come back for. */
  private boolean serve(Service service) {
    ObjectName name = Names.of(service);
    ServiceResult result =
        ServiceMapping.map(
            ServiceReader.read(service), balancer -> spec(name.namespace(), balancer));
    Optional<LoadBalancer> stored = cached(name).or(() -> live(name));
    if (stored.isPresent()
        && ServiceReader.owner(stored.get()).filter(name.name()::equals).isEmpty()) {
      ObjectName taken = ServiceBalancer.nameFor(name);
      publish(
          service,
          result,
          new ServiceStatusComposer(service, result, null, Optional.empty(), clock.instant())
              .nameTaken(taken.name()));
      return true;
    }
    if (stored.filter(LoadBalancer::isMarkedForDeletion).isPresent()) {
      return false;
    }
    Service current = service;
    if (result instanceof ServiceResult.Mapped mapped) {
      if (!service.hasFinalizer(ServiceReader.FINALIZER)) {
        current = writer.addFinalizer(service);
      }
      LoadBalancer wanted = ServiceBalancer.of(service, mapped.spec());
      if (stored.isEmpty() || !ServiceBalancer.isAsWanted(stored.get(), wanted)) {
        stored = Optional.of(writer.balancer(wanted, stored.isEmpty()));
        log.atInfo().addKeyValue("service", name).log("LoadBalancer of the Service written");
      }
    }
    Service seen = current;
    new ServiceStatusComposer(
            seen,
            result,
            stored.orElse(null),
            balancerReconciler.table(ServiceBalancer.nameFor(name)),
            clock.instant())
        .compose()
        .ifPresent(status -> publish(seen, result, status));
    return true;
  }

  private void publish(Service service, ServiceResult result, ServiceStatus status) {
    if (!ServiceStatusComposer.says(service, status)) {
      writer.status(service, status);
      eventWriter.write(service, ServiceNotices.between(service, status, result.findings()));
    }
  }

  private Optional<LoadBalancerSpec> spec(String namespace, String balancer) {
    return balancers.get(Names.id(new ObjectName(namespace, balancer))).map(LoadBalancer::getSpec);
  }

  private Optional<LoadBalancer> cached(ObjectName service) {
    return balancers.get(Names.id(ServiceBalancer.nameFor(service)));
  }

  /** Before one is written: a cache that is behind must not cost somebody's own. */
  private Optional<LoadBalancer> live(ObjectName service) {
    ObjectName name = ServiceBalancer.nameFor(service);
    return Optional.ofNullable(
        client
            .resources(LoadBalancer.class)
            .inNamespace(name.namespace())
            .withName(name.name())
            .get());
  }

  /**
   * The Service that has the LoadBalancer, that wants its name, and those that it has settings of.
   */
  private Set<ResourceID> concerned(LoadBalancer balancer) {
    ObjectName name = Names.of(balancer);
    Set<ResourceID> ids = new HashSet<>();
    ServiceReader.owner(balancer)
        .map(owner -> new ObjectName(name.namespace(), owner))
        .ifPresent(
            service -> {
              if (services.get(Names.id(service)).isEmpty()) {
                release.begin(service);
              }
            });
    ServiceMapping.serviceName(name.name())
        .ifPresent(service -> ids.add(Names.id(new ObjectName(name.namespace(), service))));
    services.byIndex(BY_SETTINGS, name.toString()).forEach(s -> ids.add(Names.id(Names.of(s))));
    return ids;
  }

  private static List<String> settingsOf(Service service) {
    String name = ServiceReader.annotations(service).get(ServiceMapping.SETTINGS);
    return name == null
        ? List.of()
        : List.of(new ObjectName(service.getMetadata().getNamespace(), name.trim()).toString());
  }
}
