// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.xdplb.api.v1alpha1.AddressPool;
import io.xdplb.api.v1alpha1.ForwardingTable;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.api.v1alpha1.LoadBalancerSpec;
import io.xdplb.api.v1alpha1.LoadBalancerStatus;
import io.xdplb.api.v1alpha1.LoadBalancerStatus.PooledAddress;
import io.xdplb.core.claims.VipClaims;
import io.xdplb.core.claims.VipClaims.Conflict;
import io.xdplb.core.compile.CompileResult;
import io.xdplb.core.compile.Compiler;
import io.xdplb.core.ipam.AddressBook;
import io.xdplb.core.ipam.AddressRequest;
import io.xdplb.core.ipam.Allocation;
import io.xdplb.core.ipam.Allocation.Assigned;
import io.xdplb.core.ipam.Pool;
import io.xdplb.core.ipam.PoolReader;
import io.xdplb.core.ipam.PoolReport;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.ObjectName;
import io.xdplb.core.model.VipKey;
import io.xdplb.core.table.Tables;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;

/**
 * Which LoadBalancer has which address, and which protocol and port of it, for all of the cluster.
 *
 * <p>Two layers. The {@link AddressBook} says which addresses a LoadBalancer has: those of pools
 * that were allocated to it, and those in no pool that it requests, which others may request too.
 * {@link VipClaims} then says, of all that have an address, who has which port of it; what the book
 * does not give is never claimed there.
 *
 * <p>Before the first answer all LoadBalancers and pools are read, so that a restart gives nothing
 * to a younger one that happens to be looked at first. All methods may be called from any thread.
 */
final class Claims {

  /**
   * The addresses of a LoadBalancer.
   *
   * @param affected others that fare differently from before
   */
  record Granted(Allocation allocation, Set<ObjectName> affected) {}

  /**
   * How a LoadBalancer fares with the ports of its addresses.
   *
   * @param conflicts VIPs that it claims and does not have
   * @param held VIPs that it has
   * @param affected others that fare differently from before
   */
  record Standing(List<Conflict> conflicts, Set<VipKey> held, Set<ObjectName> affected) {}

  private final AddressBook book = new AddressBook();
  private final VipClaims claims = new VipClaims();

  /** What was programmed for LoadBalancers that went before everything was read. */
  private final Map<ObjectName, Set<Ip>> early = new HashMap<>();

  private boolean loaded;

  /** The addresses of a LoadBalancer, allocated if need be. */
  synchronized Granted allocate(LoadBalancer balancer, ClusterView cluster) {
    load(cluster);
    Set<ObjectName> affected =
        cluster.isCurrent(balancer) ? book.set(entry(balancer)) : Set.<ObjectName>of();
    return new Granted(book.allocation(Names.of(balancer)), affected);
  }

  /**
   * Notes what a LoadBalancer claims of the addresses that it has, unless another one has taken its
   * name meanwhile.
   */
  synchronized Standing claim(LoadBalancer balancer, CompileResult result, ClusterView cluster) {
    ObjectName name = Names.of(balancer);
    Set<ObjectName> affected = new HashSet<>();
    if (cluster.isCurrent(balancer)) {
      affected.addAll(claim(balancer, cluster, result instanceof CompileResult.Refused));
      affected.remove(name);
    }
    return new Standing(claims.conflicts(name), claims.held(name), affected);
  }

  /**
   * Ends the claims of a LoadBalancer. Its addresses rest until {@link #gone} is said.
   *
   * @param programmed addresses of the table that was removed
   * @param stillGone asked when nobody else can claim: one that was created again keeps its claims
   * @return others that fare differently from before
   */
  synchronized Set<ObjectName> release(
      ObjectName balancer, Set<Ip> programmed, BooleanSupplier stillGone) {
    if (!loaded) {
      early.put(balancer, programmed);
      return Set.of();
    }
    if (!stillGone.getAsBoolean()) {
      return Set.of();
    }
    Set<ObjectName> affected = new HashSet<>(claims.remove(balancer));
    affected.addAll(book.remove(balancer));
    book.onNodes(balancer, programmed);
    return affected;
  }

  /** Whether a status has an address that the LoadBalancer neither has nor had a moment ago. */
  synchronized boolean isForeign(LoadBalancer balancer) {
    return loaded && book.isNews(Names.of(balancer), held(balancer.getStatus()));
  }

  /** Who has given up addresses that nodes may still have. */
  synchronized Set<ObjectName> awaited() {
    return book.awaited();
  }

  synchronized boolean isAwaited(ObjectName balancer) {
    return book.isAwaited(balancer);
  }

  /**
   * No node has anything any more of what a LoadBalancer has given up.
   *
   * @param except addresses that nodes have for it
   * @return others that fare differently from before
   */
  synchronized Set<ObjectName> gone(ObjectName balancer, Set<Ip> except, Instant now) {
    return book.gone(balancer, except, now);
  }

  /** When {@link #endHolds} has something to do. */
  synchronized Optional<Instant> nextHoldEnd() {
    return book.nextHoldEnd();
  }

  /**
   * Ends the rest of addresses whose time is over.
   *
   * @return those that fare differently from before
   */
  synchronized Set<ObjectName> endHolds(Instant now) {
    return book.endHolds(now);
  }

  /**
   * A pool is there or has changed.
   *
   * @return those that fare differently from before
   */
  synchronized Set<ObjectName> pool(AddressPool pool) {
    if (!loaded) {
      return Set.of();
    }
    return read(pool)
        .pool()
        .map(book::setPool)
        .orElseGet(() -> book.removePool(pool.getMetadata().getName()));
  }

  /**
   * A pool is gone.
   *
   * @return those that fare differently from before
   */
  synchronized Set<ObjectName> removePool(String name) {
    return loaded ? book.removePool(name) : Set.of();
  }

  /**
   * The labels of a namespace.
   *
   * @return those that fare differently from before
   */
  synchronized Set<ObjectName> namespace(String name, Map<String, String> labels) {
    return loaded ? book.setNamespace(name, labels) : Set.of();
  }

  /** What there is to say of each valid pool, by name. */
  synchronized Map<String, PoolReport> reports() {
    return book.reports().stream().collect(Collectors.toMap(PoolReport::name, report -> report));
  }

  /** What a pool is, or what is wrong with it. */
  static PoolReader.Result read(AddressPool pool) {
    return PoolReader.read(
        pool.getMetadata().getName(),
        Instant.parse(pool.getMetadata().getCreationTimestamp()),
        pool.getSpec());
  }

  /** Reads everything, if that has not been done yet; to be called when the caches are filled. */
  synchronized void load(ClusterView cluster) {
    if (loaded) {
      return;
    }
    List<LoadBalancer> balancers = cluster.balancers().toList();
    List<Pool> pools =
        cluster.pools().pools().stream().flatMap(pool -> read(pool).pool().stream()).toList();
    // A table is written after the status, so what only a table has was given up.
    Map<ObjectName, Set<Ip>> onNodes = new HashMap<>(early);
    cluster
        .tables()
        .all()
        .forEach(table -> onNodes.put(Names.of(table), addresses(programmed(table))));
    book.load(
        pools,
        cluster.namespaces().labels(),
        balancers.stream().map(Claims::entry).toList(),
        onNodes);
    balancers.forEach(
        balancer ->
            claim(balancer, cluster, !Compiler.isValid(Names.of(balancer), balancer.getSpec())));
    loaded = true;
    early.clear();
  }

  private Set<ObjectName> claim(LoadBalancer balancer, ClusterView cluster, boolean isRefused) {
    ObjectName name = Names.of(balancer);
    Set<VipKey> vips =
        isRefused
            ? cluster.tables().stored(name).map(Claims::programmed).orElse(Set.of())
            : vips(book.allocation(name).ips(), balancer.getSpec());
    return claims.set(name, createdAt(balancer), vips);
  }

  private static AddressBook.Entry entry(LoadBalancer balancer) {
    ObjectName name = Names.of(balancer);
    LoadBalancerSpec spec = balancer.getSpec();
    return new AddressBook.Entry(
        name,
        createdAt(balancer),
        Compiler.isValid(name, spec) ? Optional.of(AddressRequest.of(spec)) : Optional.empty(),
        held(balancer.getStatus()));
  }

  private static Instant createdAt(LoadBalancer balancer) {
    return Instant.parse(balancer.getMetadata().getCreationTimestamp());
  }

  /** What a status says; what is no address there is nobody's. */
  private static List<Assigned> held(LoadBalancerStatus status) {
    if (status == null || status.addresses() == null) {
      return List.of();
    }
    Map<String, String> pools = new HashMap<>();
    if (status.pools() != null) {
      for (PooledAddress pooled : status.pools()) {
        pools.put(pooled.address(), pooled.pool());
      }
    }
    List<Assigned> held = new ArrayList<>();
    for (String address : status.addresses()) {
      try {
        held.add(new Assigned(Ip.parse(address), Optional.ofNullable(pools.get(address))));
      } catch (IllegalArgumentException e) {
        continue;
      }
    }
    return held;
  }

  /** Of a spec that the compiler has not refused. */
  private static Set<VipKey> vips(List<Ip> addresses, LoadBalancerSpec spec) {
    return addresses.stream()
        .flatMap(
            address ->
                spec.listeners().stream()
                    .map(
                        listener ->
                            new VipKey(
                                address,
                                listener.protocol(),
                                listener.port(),
                                listener.endPort() == null ? listener.port() : listener.endPort())))
        .collect(Collectors.toSet());
  }

  /** The addresses of a table. */
  static Set<Ip> addresses(Optional<ForwardingTable> table) {
    return addresses(table.map(Claims::programmed).orElse(Set.of()));
  }

  private static Set<Ip> addresses(Collection<VipKey> vips) {
    return vips.stream().map(VipKey::address).collect(Collectors.toSet());
  }

  /** A refused LoadBalancer keeps its table, and so what that holds. */
  private static Set<VipKey> programmed(ForwardingTable table) {
    return table.getSpec() == null ? Set.of() : Tables.keys(table.getSpec());
  }
}
