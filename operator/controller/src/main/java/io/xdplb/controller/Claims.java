// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.xdplb.api.v1alpha1.ForwardingTable;
import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.api.v1alpha1.LoadBalancerSpec;
import io.xdplb.core.claims.VipClaims;
import io.xdplb.core.claims.VipClaims.Conflict;
import io.xdplb.core.compile.CompileInput;
import io.xdplb.core.compile.CompileResult;
import io.xdplb.core.compile.Compiler;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.ObjectName;
import io.xdplb.core.model.Vip;
import io.xdplb.core.model.VipKey;
import io.xdplb.core.table.InvalidTableException;
import io.xdplb.core.table.Tables;
import java.time.Instant;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;

/**
 * Which LoadBalancer has which VIP, for all of the cluster. Before the first answer all
 * LoadBalancers are read, so that a restart gives no VIP to a younger one that happens to be looked
 * at first. All methods may be called from any thread.
 */
final class Claims {

  /**
   * How a LoadBalancer fares.
   *
   * @param conflicts VIPs that it claims and does not have
   * @param held VIPs that it has
   * @param affected others that fare differently from before
   */
  record Standing(List<Conflict> conflicts, Set<VipKey> held, Set<ObjectName> affected) {}

  private final VipClaims claims = new VipClaims();
  private boolean loaded;

  /** Notes what a LoadBalancer claims, unless another one has taken its name meanwhile. */
  synchronized Standing claim(LoadBalancer balancer, CompileResult result, ClusterView cluster) {
    if (!loaded) {
      cluster.balancers().forEach(each -> set(each, cluster, withoutServices(each)));
      loaded = true;
    }
    ObjectName name = Names.of(balancer);
    Set<ObjectName> affected = new HashSet<>();
    if (cluster.isCurrent(balancer)) {
      affected.addAll(set(balancer, cluster, result));
      affected.remove(name);
    }
    return new Standing(claims.conflicts(name), claims.held(name), affected);
  }

  /**
   * Ends the claims of a LoadBalancer.
   *
   * @param stillGone asked when nobody else can claim: one that was created again keeps its claims
   * @return others that fare differently from before
   */
  synchronized Set<ObjectName> release(ObjectName balancer, BooleanSupplier stillGone) {
    return stillGone.getAsBoolean() ? claims.remove(balancer) : Set.of();
  }

  private Set<ObjectName> set(LoadBalancer balancer, ClusterView cluster, CompileResult result) {
    ObjectName name = Names.of(balancer);
    Set<VipKey> vips =
        result instanceof CompileResult.Refused
            ? cluster.tables().stored(name).map(Claims::programmed).orElse(Set.of())
            : requested(balancer.getSpec());
    return claims.set(name, Instant.parse(balancer.getMetadata().getCreationTimestamp()), vips);
  }

  private static CompileResult withoutServices(LoadBalancer balancer) {
    return Compiler.compile(new CompileInput(Names.of(balancer), balancer.getSpec(), Map.of()));
  }

  /** Of a spec that the compiler has not refused. */
  private static Set<VipKey> requested(LoadBalancerSpec spec) {
    return spec.addresses().requested().stream()
        .map(Ip::parse)
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

  /** A refused LoadBalancer keeps its table, and so what that holds. */
  private static Set<VipKey> programmed(ForwardingTable table) {
    Optional<ForwardingTableSpec> spec = Optional.ofNullable(table.getSpec());
    try {
      return spec.map(Tables::toVips).orElse(List.of()).stream()
          .map(Vip::key)
          .collect(Collectors.toSet());
    } catch (InvalidTableException e) {
      return Set.of();
    }
  }
}
