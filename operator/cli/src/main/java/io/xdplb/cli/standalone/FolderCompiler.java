// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.standalone;

import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.api.v1alpha1.LoadBalancerSpec;
import io.xdplb.controller.ServiceEndpointsReader;
import io.xdplb.core.compile.CompileInput;
import io.xdplb.core.compile.CompileResult;
import io.xdplb.core.compile.Compiler;
import io.xdplb.core.compile.Problem;
import io.xdplb.core.compile.ServiceEndpoints;
import io.xdplb.core.compile.ServicePort;
import io.xdplb.core.model.ObjectName;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Compiles the LoadBalancers that a change concerns: those that changed, and those that refer to a
 * Service that changed.
 */
final class FolderCompiler {

  private static final Comparator<Manifest.Id> SLICE_ORDER =
      Comparator.comparing(Manifest.Id::name);

  /** What the compiler said about a LoadBalancer. */
  record Outcome(ObjectName loadBalancer, boolean refused, List<Problem> problems) {}

  private record Compiled(Instant createdAt, ForwardingTableSpec table) {}

  private final Manifests manifests;
  private final TableSink sink;
  private final Map<ObjectName, Map<Manifest.Id, EndpointSlice>> slicesOfService = new HashMap<>();
  private final Map<Manifest.Id, ObjectName> serviceOfSlice = new HashMap<>();
  private final Map<ObjectName, Set<ObjectName>> usersOfService = new HashMap<>();
  private final Map<ObjectName, Set<ObjectName>> servicesOfUser = new HashMap<>();
  private final Map<ObjectName, Instant> createdAt = new HashMap<>();
  private final Map<ObjectName, Compiled> compiled = new HashMap<>();
  private Instant lastCreated = Instant.EPOCH;

  FolderCompiler(Manifests manifests, TableSink sink) {
    this.manifests = manifests;
    this.sink = sink;
  }

  /**
   * Compiles what depends on these objects, and passes on what is different from before.
   *
   * @param changed in the order in which LoadBalancers among them count as created: an older one
   *     wins a VIP that two want
   * @return what the compiler said, for each LoadBalancer that was compiled
   */
  List<Outcome> changed(Collection<Manifest.Id> changed) {
    Set<ObjectName> affected = new TreeSet<>();
    for (Manifest.Id id : changed) {
      switch (id.kind()) {
        case LoadBalancer -> {
          affected.add(id.name());
          if (manifests.get(id).isPresent()) {
            createdAt.computeIfAbsent(id.name(), name -> nextCreated());
          }
        }
        case Service -> affected.addAll(usersOfService.getOrDefault(id.name(), Set.of()));
        case EndpointSlice -> slice(id, affected);
      }
    }
    List<Outcome> outcomes = new ArrayList<>();
    for (ObjectName name : affected) {
      manifests
          .get(new Manifest.Id(ManifestKind.LoadBalancer, name))
          .ifPresentOrElse(
              manifest -> outcomes.add(compile(name, (LoadBalancer) manifest.object())),
              () -> remove(name));
    }
    return outcomes;
  }

  /** The order counts, not the time: it begins anew with each start. */
  private Instant nextCreated() {
    lastCreated = lastCreated.plusSeconds(1);
    return lastCreated;
  }

  private void slice(Manifest.Id id, Set<ObjectName> affected) {
    ObjectName before = serviceOfSlice.remove(id);
    if (before != null) {
      slicesOfService.computeIfPresent(
          before,
          (service, slices) -> {
            slices.remove(id);
            return slices.isEmpty() ? null : slices;
          });
      affected.addAll(usersOfService.getOrDefault(before, Set.of()));
    }
    manifests
        .get(id)
        .map(manifest -> (EndpointSlice) manifest.object())
        .ifPresent(
            slice -> {
              ServiceEndpointsReader.serviceOf(slice)
                  .ifPresent(
                      service -> {
                        serviceOfSlice.put(id, service);
                        slicesOfService
                            .computeIfAbsent(service, s -> new TreeMap<>(SLICE_ORDER))
                            .put(id, slice);
                        affected.addAll(usersOfService.getOrDefault(service, Set.of()));
                      });
            });
  }

  private Outcome compile(ObjectName name, LoadBalancer loadBalancer) {
    LoadBalancerSpec spec = ofOneMachine(loadBalancer.getSpec());
    if (spec != null
        && (Boolean.TRUE.equals(spec.template()) || Boolean.TRUE.equals(spec.withdrawn()))) {
      uses(name, Set.of());
      if (compiled.remove(name) != null) {
        sink.removed(name);
      }
      return new Outcome(name, false, List.of());
    }
    Map<ServicePort, ServiceEndpoints> services = new HashMap<>();
    Set<ObjectName> used = new TreeSet<>();
    for (ServicePort port : Compiler.servicePorts(spec)) {
      ObjectName service = new ObjectName(name.namespace(), port.service());
      used.add(service);
      services.put(port, resolve(port, service));
    }
    uses(name, used);
    CompileResult result = Compiler.compile(new CompileInput(name, spec, services));
    if (result instanceof CompileResult.Compiled ok) {
      Compiled now = new Compiled(createdAt.get(name), ok.table());
      if (!now.equals(compiled.put(name, now))) {
        String file =
            manifests.fileOf(new Manifest.Id(ManifestKind.LoadBalancer, name)).orElseThrow();
        sink.table(name, file, now.createdAt(), ok.table());
      }
    }
    return new Outcome(name, !(result instanceof CompileResult.Compiled), result.problems());
  }

  /** There are no nodes: the one machine uses all endpoints, wherever their slices say they are. */
  private static LoadBalancerSpec ofOneMachine(LoadBalancerSpec spec) {
    return spec == null
        ? null
        : new LoadBalancerSpec(
            spec.addresses(),
            spec.listeners(),
            spec.forwarding(),
            spec.drain(),
            spec.access(),
            spec.unavailablePolicy(),
            null,
            spec.template(),
            spec.withdrawn());
  }

  private ServiceEndpoints resolve(ServicePort port, ObjectName service) {
    Service object =
        manifests
            .get(new Manifest.Id(ManifestKind.Service, service))
            .map(manifest -> (Service) manifest.object())
            .orElse(null);
    return ServiceEndpointsReader.read(
        object, slicesOfService.getOrDefault(service, Map.of()).values(), port);
  }

  private void remove(ObjectName name) {
    uses(name, Set.of());
    createdAt.remove(name);
    if (compiled.remove(name) != null) {
      sink.removed(name);
    }
  }

  private void uses(ObjectName user, Set<ObjectName> services) {
    Set<ObjectName> before =
        services.isEmpty() ? servicesOfUser.remove(user) : servicesOfUser.put(user, services);
    if (before != null) {
      for (ObjectName service : before) {
        usersOfService.computeIfPresent(
            service,
            (s, users) -> {
              users.remove(user);
              return users.isEmpty() ? null : users;
            });
      }
    }
    services.forEach(
        service -> usersOfService.computeIfAbsent(service, s -> new TreeSet<>()).add(user));
  }
}
