// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.standalone;

import io.fabric8.kubernetes.api.model.Namespace;
import io.xdplb.api.v1alpha1.AddressPool;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.core.compile.Compiler;
import io.xdplb.core.compile.Problem;
import io.xdplb.core.ipam.AddressBook;
import io.xdplb.core.ipam.AddressRequest;
import io.xdplb.core.ipam.Allocation;
import io.xdplb.core.ipam.Allocation.Assigned;
import io.xdplb.core.ipam.Pool;
import io.xdplb.core.ipam.PoolReader;
import io.xdplb.core.ipam.PoolReport;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.ObjectName;
import java.io.IOException;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * The addresses of the LoadBalancers of a folder, from its AddressPools. As in a cluster, with two
 * differences: what a status would say is in {@link AddressMemory}, and an address is released as
 * soon as its table is removed, since there are no other nodes.
 */
final class FolderAddresses {

  /** What Kubernetes labels each Namespace with; here it need not be defined. */
  private static final String NAME_LABEL = "kubernetes.io/metadata.name";

  private final Manifests manifests;
  private final AddressMemory memory;
  private final Clock clock;
  private final AddressBook book = new AddressBook();

  /** What the memory says of LoadBalancers that have not been seen yet. */
  private final Map<ObjectName, List<Assigned>> remembered = new HashMap<>();

  private final Set<String> namespaces = new HashSet<>();
  private final Set<ObjectName> balancers = new HashSet<>();
  private boolean loaded;
  private String memoryProblem;

  FolderAddresses(Manifests manifests, AddressMemory memory, Clock clock) {
    this.manifests = manifests;
    this.memory = memory;
    this.clock = clock;
  }

  /**
   * Reads the memory, before anything is decided: all LoadBalancers of the folder keep what they
   * had, in whatever order they come.
   */
  void load(Map<ObjectName, Instant> createdAt) {
    if (loaded) {
      return;
    }
    loaded = true;
    try {
      remembered.putAll(memory.read());
    } catch (IOException e) {
      memoryProblem = e.getMessage();
    }
    List<AddressBook.Entry> entries = new ArrayList<>();
    createdAt.forEach(
        (name, created) ->
            manifests
                .get(new Manifest.Id(ManifestKind.LoadBalancer, name))
                .ifPresent(m -> entries.add(entry(name, (LoadBalancer) m.object(), created))));
    List<Pool> pools = new ArrayList<>();
    for (Manifest.Id id : manifests.all(ManifestKind.AddressPool)) {
      read(id).flatMap(PoolReader.Result::pool).ifPresent(pools::add);
    }
    Map<String, Map<String, String>> labels = new HashMap<>();
    entries.forEach(entry -> noteNamespace(entry.name().namespace(), labels));
    // The file of the others may be broken, and be mended.
    Map<ObjectName, Set<Ip>> absent = new HashMap<>();
    remembered.forEach(
        (name, held) ->
            absent.put(name, held.stream().map(Assigned::address).collect(Collectors.toSet())));
    book.load(pools, labels, entries, absent);
    entries.forEach(entry -> balancers.add(entry.name()));
  }

  /**
   * Every file of the folder has said what it defines: what is remembered of LoadBalancers that are
   * in none of them is released.
   *
   * @return whom that concerns
   */
  Set<ObjectName> forgetAbsent() {
    Set<ObjectName> affected = new HashSet<>();
    for (ObjectName name : Set.copyOf(remembered.keySet())) {
      remembered.remove(name);
      affected.addAll(book.gone(name, Set.of(), clock.instant()));
    }
    return affected;
  }

  /** A pool has changed, come or gone; returns whom that concerns. */
  Set<ObjectName> pool(Manifest.Id id) {
    return read(id)
        .flatMap(PoolReader.Result::pool)
        .map(book::setPool)
        .orElseGet(() -> book.removePool(id.name().name()));
  }

  /** What is wrong with a pool; nothing if it is gone. */
  List<Problem> problems(Manifest.Id pool) {
    return read(pool).map(PoolReader.Result::problems).orElse(List.of());
  }

  /** What there is to say of each valid pool, by name. */
  Map<String, PoolReport> reports() {
    return book.reports().stream().collect(Collectors.toMap(PoolReport::name, report -> report));
  }

  /** A Namespace has changed; returns whom that concerns. */
  Set<ObjectName> namespace(String name) {
    return book.setNamespace(name, labels(name));
  }

  /** Allocates to a LoadBalancer what it asks for; adds whom that concerns besides. */
  void allocate(
      ObjectName name, LoadBalancer balancer, Instant createdAt, Set<ObjectName> affected) {
    if (namespaces.add(name.namespace())) {
      affected.addAll(book.setNamespace(name.namespace(), labels(name.namespace())));
    }
    balancers.add(name);
    affected.addAll(book.set(entry(name, balancer, createdAt)));
  }

  /** What a LoadBalancer has. */
  Allocation allocation(ObjectName name) {
    return book.allocation(name);
  }

  /**
   * The table of a LoadBalancer is as decided now: what it does not have any more is released.
   *
   * @param kept addresses of the table
   */
  Set<ObjectName> programmed(ObjectName name, Set<Ip> kept) {
    return book.isAwaited(name) ? book.gone(name, kept, clock.instant()) : Set.of();
  }

  /** A LoadBalancer is gone; returns whom that concerns. */
  Set<ObjectName> remove(ObjectName name) {
    balancers.remove(name);
    remembered.remove(name);
    Set<ObjectName> affected = new HashSet<>(book.remove(name));
    affected.addAll(book.gone(name, Set.of(), clock.instant()));
    return affected;
  }

  /** When {@link #endHolds} has something to do. */
  Optional<Instant> nextHoldEnd() {
    return book.nextHoldEnd();
  }

  Set<ObjectName> endHolds() {
    return book.endHolds(clock.instant());
  }

  /**
   * Writes down what is allocated, before anything makes use of it.
   *
   * @return why that cannot be done; empty if it was, or if no pool is in use
   */
  Optional<String> remember() {
    SortedMap<ObjectName, List<Assigned>> all = new TreeMap<>(remembered);
    for (ObjectName name : balancers) {
      List<Assigned> pooled =
          book.allocation(name).addresses().stream().filter(a -> a.pool().isPresent()).toList();
      if (!pooled.isEmpty()) {
        all.put(name, pooled);
      }
    }
    try {
      memory.write(all);
      return Optional.ofNullable(memoryProblem);
    } catch (IOException e) {
      return Optional.of("cannot write " + e.getMessage());
    }
  }

  private AddressBook.Entry entry(ObjectName name, LoadBalancer balancer, Instant createdAt) {
    List<Assigned> held = remembered.remove(name);
    return new AddressBook.Entry(
        name,
        createdAt,
        Compiler.isValid(name, balancer.getSpec())
            ? Optional.of(AddressRequest.of(balancer.getSpec()))
            : Optional.empty(),
        held == null ? List.of() : held);
  }

  private Optional<PoolReader.Result> read(Manifest.Id id) {
    // As old as each other: of two that overlap, the name decides.
    return manifests
        .get(id)
        .map(
            m ->
                PoolReader.read(
                    id.name().name(), Instant.EPOCH, ((AddressPool) m.object()).getSpec()));
  }

  private void noteNamespace(String name, Map<String, Map<String, String>> all) {
    namespaces.add(name);
    all.put(name, labels(name));
  }

  private Map<String, String> labels(String name) {
    Map<String, String> labels = new HashMap<>(Map.of(NAME_LABEL, name));
    manifests
        .get(
            new Manifest.Id(
                ManifestKind.Namespace, new ObjectName(ManifestParser.DEFAULT_NAMESPACE, name)))
        .map(m -> ((Namespace) m.object()).getMetadata().getLabels())
        .ifPresent(labels::putAll);
    return labels;
  }
}
