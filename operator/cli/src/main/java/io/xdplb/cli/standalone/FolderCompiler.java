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
import io.xdplb.core.ipam.Allocation;
import io.xdplb.core.ipam.PoolReport;
import io.xdplb.core.model.ObjectName;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Compiles the LoadBalancers that a change concerns: those that changed, those that refer to a
 * Service that changed, and those that get another address.
 */
final class FolderCompiler {

  private static final Comparator<Manifest.Id> SLICE_ORDER =
      Comparator.comparing(Manifest.Id::name);

  /** What the compiler said about a LoadBalancer or a pool. */
  record Outcome(Manifest.Id id, boolean refused, List<Problem> problems) {}

  private record Compiled(Instant createdAt, ForwardingTableSpec table) {}

  private final Manifests manifests;
  private final TableSink sink;
  private final FolderAddresses addresses;
  private final FolderAnnouncements announcements;
  private final Map<ObjectName, Map<Manifest.Id, EndpointSlice>> slicesOfService = new HashMap<>();
  private final Map<Manifest.Id, ObjectName> serviceOfSlice = new HashMap<>();
  private final Map<ObjectName, Set<ObjectName>> usersOfService = new HashMap<>();
  private final Map<ObjectName, Set<ObjectName>> servicesOfUser = new HashMap<>();
  private final Map<ObjectName, Instant> createdAt = new HashMap<>();
  private final Map<ObjectName, Compiled> compiled = new HashMap<>();
  private Instant lastCreated = Instant.EPOCH;

  FolderCompiler(
      Manifests manifests,
      TableSink sink,
      FolderAddresses addresses,
      FolderAnnouncements announcements) {
    this.manifests = manifests;
    this.sink = sink;
    this.addresses = addresses;
    this.announcements = announcements;
  }

  /**
   * Compiles what depends on these objects, and passes on what is different from before.
   *
   * @param changed in the order in which LoadBalancers among them count as created: an older one
   *     wins a VIP that two want
   * @return what the compiler said, for each LoadBalancer and pool that was compiled
   */
  List<Outcome> changed(Collection<Manifest.Id> changed) {
    Set<ObjectName> affected = new TreeSet<>();
    List<Manifest.Id> ofAddresses = new ArrayList<>();
    boolean ofAnnouncing = false;
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
        case AddressPool, Namespace -> ofAddresses.add(id);
        case AnnouncementPolicy, BGPPeer, Membership, Secret -> ofAnnouncing = true;
      }
    }
    addresses.load(createdAt);
    for (Manifest.Id id : ofAddresses) {
      affected.addAll(
          id.kind() == ManifestKind.AddressPool
              ? addresses.pool(id)
              : addresses.namespace(id.name().name()));
    }
    List<Outcome> outcomes = new ArrayList<>();
    if (ofAddresses.stream().anyMatch(id -> id.kind() == ManifestKind.AddressPool)) {
      outcomes.addAll(pools());
    }
    outcomes.addAll(compile(affected));
    if (ofAnnouncing || !ofAddresses.isEmpty()) {
      outcomes.addAll(announcements.changed());
    }
    return outcomes;
  }

  /** Every file has said what it defines, for the first time. */
  List<Outcome> allKnown() {
    List<Outcome> outcomes = new ArrayList<>(announcements.allKnown());
    outcomes.addAll(compile(addresses.forgetAbsent()));
    return outcomes;
  }

  /** When {@link #endHolds} has something to do; empty if no address is held. */
  Optional<Instant> nextHoldEnd() {
    return addresses.nextHoldEnd();
  }

  /** Addresses whose time of rest is over can be had. */
  List<Outcome> endHolds() {
    return compile(addresses.endHolds());
  }

  /** All pools, since what is wrong with one may be mended in another. */
  private List<Outcome> pools() {
    Map<String, PoolReport> reports = addresses.reports();
    List<Outcome> outcomes = new ArrayList<>();
    for (Manifest.Id id : manifests.all(ManifestKind.AddressPool)) {
      List<Problem> problems = new ArrayList<>(addresses.problems(id));
      boolean refused = !problems.isEmpty();
      PoolReport report = reports.get(id.name().name());
      if (report != null && !report.overlapping().isEmpty()) {
        problems.add(
            new Problem(
                Problem.Reason.PoolOverlap,
                "spec.blocks",
                "has addresses in common with pool "
                    + String.join(", ", report.overlapping())
                    + "; the one whose name sorts first gives them away. Change one of them"));
      }
      outcomes.add(new Outcome(id, refused, problems));
    }
    return outcomes;
  }

  /**
   * First the addresses of all, then what is remembered of them, then the tables; and again for
   * those whom that concerns.
   */
  private List<Outcome> compile(Set<ObjectName> first) {
    Map<ObjectName, Outcome> outcomes = new TreeMap<>();
    Set<ObjectName> next = new TreeSet<>(first);
    while (!next.isEmpty()) {
      Set<ObjectName> now = next;
      next = new TreeSet<>();
      for (ObjectName name : now) {
        if (balancer(name).isEmpty()) {
          outcomes.remove(name);
          next.addAll(remove(name));
        }
      }
      List<ObjectName> oldestFirst =
          now.stream()
              .filter(name -> balancer(name).isPresent())
              .sorted(Comparator.comparing(createdAt::get))
              .toList();
      for (ObjectName name : oldestFirst) {
        addresses.allocate(name, balancer(name).get(), createdAt.get(name), next);
      }
      Optional<String> forgotten = addresses.remember();
      for (ObjectName name : oldestFirst) {
        outcomes.put(name, compile(name, balancer(name).get(), forgotten, next));
      }
    }
    return List.copyOf(outcomes.values());
  }

  private Optional<LoadBalancer> balancer(ObjectName name) {
    return manifests.get(id(name)).map(manifest -> (LoadBalancer) manifest.object());
  }

  private static Manifest.Id id(ObjectName balancer) {
    return new Manifest.Id(ManifestKind.LoadBalancer, balancer);
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

  private Outcome compile(
      ObjectName name,
      LoadBalancer loadBalancer,
      Optional<String> forgotten,
      Set<ObjectName> affected) {
    LoadBalancerSpec spec = ofOneMachine(loadBalancer.getSpec());
    if (spec != null
        && (Boolean.TRUE.equals(spec.template()) || Boolean.TRUE.equals(spec.withdrawn()))) {
      uses(name, Set.of());
      if (compiled.remove(name) != null) {
        sink.removed(name);
      }
      return new Outcome(id(name), false, List.of());
    }
    Map<ServicePort, ServiceEndpoints> services = new HashMap<>();
    Set<ObjectName> used = new TreeSet<>();
    for (ServicePort port : Compiler.servicePorts(spec)) {
      ObjectName service = new ObjectName(name.namespace(), port.service());
      used.add(service);
      services.put(port, resolve(port, service));
    }
    uses(name, used);
    Allocation allocation = addresses.allocation(name);
    CompileResult result =
        Compiler.compile(new CompileInput(name, spec, allocation.ips(), services, Map.of()));
    List<Problem> problems = new ArrayList<>(result.problems());
    boolean isComplete = result instanceof CompileResult.Compiled;
    if (result instanceof CompileResult.Compiled ok) {
      install(name, ok.table());
      affected.addAll(addresses.programmed(name, Set.copyOf(allocation.ips())));
      allocation
          .refusals()
          .forEach(refusal -> problems.add(noAddress(refusal.reason() + ": " + refusal.message())));
      isComplete = allocation.refusals().isEmpty();
    }
    allocation.remarks().forEach(remark -> problems.add(noAddress(remark)));
    if (forgotten.isPresent()
        && allocation.addresses().stream().anyMatch(a -> a.pool().isPresent())) {
      problems.add(
          noAddress(
              "the address may be another one after a restart, for it cannot be remembered: "
                  + forgotten.get()));
    }
    return new Outcome(id(name), !isComplete, problems);
  }

  private static Problem noAddress(String message) {
    return new Problem(Problem.Reason.Address, "spec.addresses", message);
  }

  private void install(ObjectName name, ForwardingTableSpec table) {
    if (table.vips().isEmpty()) {
      if (compiled.remove(name) != null) {
        sink.removed(name);
      }
      return;
    }
    Compiled now = new Compiled(createdAt.get(name), table);
    if (!now.equals(compiled.put(name, now))) {
      sink.table(name, manifests.fileOf(id(name)).orElseThrow(), now.createdAt(), table);
    }
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

  private Set<ObjectName> remove(ObjectName name) {
    uses(name, Set.of());
    createdAt.remove(name);
    if (compiled.remove(name) != null) {
      sink.removed(name);
    }
    return addresses.remove(name);
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
