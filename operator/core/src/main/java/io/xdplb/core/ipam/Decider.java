// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.ipam;

import io.xdplb.api.v1alpha1.IpFamily;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.IpFamilyPolicy;
import io.xdplb.core.ipam.Allocation.Reason;
import io.xdplb.core.ipam.Allocation.Refusal;
import io.xdplb.core.model.Ip;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** Decides which addresses a load balancer is to have. Changes nothing. */
final class Decider {

  /**
   * What a load balancer is to have.
   *
   * @param addresses and the pool that each was taken from
   * @param refusals what it asks for and does not get
   * @param remarks what else it should know
   * @param wantsMore whether a change elsewhere could give it more
   */
  record Decision(
      Map<Ip, Optional<String>> addresses,
      List<Refusal> refusals,
      List<String> remarks,
      boolean wantsMore) {}

  private final AddressBook book;

  Decider(AddressBook book) {
    this.book = book;
  }

  Decision decide(Tenant tenant) {
    return new Case(tenant).decide();
  }

  /** An address, or why there is none. */
  private record Pick(Ip ip, Optional<String> pool, Refusal refusal) {
    static Pick of(Ip ip, Optional<String> pool) {
      return new Pick(ip, pool, null);
    }

    static Pick refused(Reason reason, String message) {
      return new Pick(null, null, new Refusal(reason, message));
    }
  }

  /** One decision. */
  private final class Case {
    private final Tenant tenant;
    private final AddressRequest request;
    private final String namespace;
    private final Map<Ip, Optional<String>> kept = new LinkedHashMap<>();
    private final Map<Ip, Optional<String>> fresh = new LinkedHashMap<>();
    private final Map<String, Integer> freshOfPool = new HashMap<>();
    private final List<Refusal> refusals = new ArrayList<>();
    private final List<String> remarks = new ArrayList<>();
    private boolean isDegraded;

    Case(Tenant tenant) {
      this.tenant = tenant;
      this.request = tenant.request;
      this.namespace = tenant.name.namespace();
    }

    Decision decide() {
      for (Ip ip : request.requested()) {
        if (mayKeep(ip)) {
          kept.put(ip, tenant.held.get(ip));
        } else {
          take(requested(ip));
        }
      }
      IpFamilyPolicy policy = policy();
      if (policy == IpFamilyPolicy.PreferDualStack) {
        preferBoth();
      } else if (policy == IpFamilyPolicy.RequireDualStack) {
        request.bothFamilies().forEach(this::require);
      } else if (policy == IpFamilyPolicy.SingleStack) {
        require(family());
      }
      if (policy == IpFamilyPolicy.RequireDualStack && !refusals.isEmpty()) {
        fresh.clear();
      }
      Map<Ip, Optional<String>> addresses = new LinkedHashMap<>();
      for (IpFamily family : request.bothFamilies()) {
        putAll(kept, family, addresses);
        putAll(fresh, family, addresses);
      }
      for (Map.Entry<Ip, Optional<String>> entry : addresses.entrySet()) {
        remark(entry.getKey(), entry.getValue());
      }
      return new Decision(addresses, refusals, remarks, isDegraded || !refusals.isEmpty());
    }

    /** {@code null} for the requested addresses and no more. */
    private IpFamilyPolicy policy() {
      return request
          .policy()
          .orElse(request.requested().isEmpty() ? IpFamilyPolicy.SingleStack : null);
    }

    /**
     * That of SingleStack. One that has an address keeps its family where the spec says nothing.
     */
    private IpFamily family() {
      List<IpFamily> stated = request.statedFamilies();
      if (!stated.isEmpty()) {
        return stated.get(0);
      }
      Optional<Ip> held = tenant.held.keySet().stream().filter(this::mayStay).findFirst();
      if (held.isPresent()) {
        return AddressRequest.family(held.get());
      }
      List<PoolState> pools = usable();
      boolean isIpv6Only =
          pools.stream().noneMatch(pool -> pool.has(true))
              && pools.stream().anyMatch(pool -> pool.has(false));
      return isIpv6Only ? IpFamily.IPv6 : IpFamily.IPv4;
    }

    private void require(IpFamily family) {
      if (!isCovered(family)) {
        take(ofFamily(family));
      }
    }

    private void preferBoth() {
      List<IpFamily> missing = new ArrayList<>();
      List<Pick> refused = new ArrayList<>();
      for (IpFamily family : request.bothFamilies()) {
        if (!isCovered(family)) {
          Pick pick = ofFamily(family);
          if (pick.refusal() == null) {
            take(pick);
          } else {
            missing.add(family);
            refused.add(pick);
          }
        }
      }
      if (kept.isEmpty() && fresh.isEmpty()) {
        refused.forEach(this::take);
      } else {
        for (int i = 0; i < missing.size(); i++) {
          isDegraded = true;
          remarks.add(
              "There is no " + missing.get(i) + " address: " + refused.get(i).refusal().message());
        }
      }
    }

    /** Whether the load balancer has an address of a family, or requests one. */
    private boolean isCovered(IpFamily family) {
      return request.requested().stream().map(AddressRequest::family).anyMatch(family::equals);
    }

    private void take(Pick pick) {
      if (pick.refusal() != null) {
        refusals.add(pick.refusal());
      } else if (tenant.held.containsKey(pick.ip()) && mayKeep(pick.ip())) {
        kept.put(pick.ip(), pick.pool());
      } else {
        fresh.put(pick.ip(), pick.pool());
        pick.pool().ifPresent(pool -> freshOfPool.merge(pool, 1, Integer::sum));
      }
    }

    /** Whether what it has is still its own, whatever has become of pools and tenancy. */
    private boolean mayKeep(Ip ip) {
      Optional<String> pool = tenant.held.get(ip);
      return pool != null
          && book.otherHolders(tenant, ip).stream()
              .allMatch(other -> tenant.shares(ip, pool, other));
    }

    /** Whether what it has without requesting it is what the spec asks for. */
    private boolean mayStay(Ip ip) {
      if (!mayKeep(ip) || request.pool().isEmpty()) {
        return mayKeep(ip);
      }
      Optional<PoolState> asked = book.table.named(request.pool().get());
      return tenant.held.get(ip).equals(request.pool())
          || asked.filter(pool -> pool.addresses().contains(ip)).isPresent()
              && book.otherHolders(tenant, ip).stream()
                  .allMatch(other -> tenant.shares(ip, request.pool(), other));
    }

    private Pick requested(Ip ip) {
      Optional<PoolState> pool = book.table.having(ip);
      if (pool.isEmpty()) {
        return outsidePools(ip);
      }
      Pool rules = pool.get().pool();
      if (request.pool().isPresent() && !request.pool().get().equals(rules.name())) {
        return notInPool(ip, "it is in pool " + rules.name());
      }
      if (!rules.permits(book.labelsOf(namespace))) {
        return notPermitted(rules);
      }
      List<Tenant> others = book.otherHolders(tenant, ip);
      for (Tenant other : others) {
        if (!tenant.shares(ip, Optional.of(rules.name()), other)) {
          return Pick.refused(
              Reason.AddressInUse,
              ip
                  + " is LoadBalancer "
                  + other.name
                  + "'s; request another address, or share it: one namespace, the same"
                  + " addresses.sharingKey, other ports.");
        }
        if (other.request != null && request.overlaps(other.request)) {
          return Pick.refused(
              Reason.AddressInUse,
              ip
                  + " is shared with LoadBalancer "
                  + other.name
                  + ", which listens to the same protocol and port; change one of the two.");
        }
      }
      Optional<Refusal> resting = others.isEmpty() ? resting(ip) : Optional.empty();
      if (resting.isPresent()) {
        return new Pick(null, null, resting.get());
      }
      return others.isEmpty() && !hasQuota(pool.get())
          ? overQuota(rules)
          : Pick.of(ip, Optional.of(rules.name()));
    }

    private Pick outsidePools(Ip ip) {
      Optional<Pool> excluding = book.table.excluding(ip);
      if (excluding.isPresent()) {
        return Pick.refused(
            Reason.RefNotPermitted,
            "Pool " + excluding.get().name() + " excludes " + ip + "; request another address.");
      }
      if (request.pool().isPresent()) {
        return book.table.named(request.pool().get()).isEmpty()
            ? notFound(request.pool().get())
            : notInPool(ip, "it is in no pool");
      }
      List<Tenant> others = book.otherHolders(tenant, ip);
      for (Tenant other : others) {
        if (!tenant.shares(ip, Optional.empty(), other)) {
          return Pick.refused(
              Reason.AddressInUse,
              ip + " is LoadBalancer " + other.name + "'s; request another address.");
        }
      }
      return Pick.of(ip, Optional.empty());
    }

    private Optional<Refusal> resting(Ip ip) {
      return book.inTheWayOf(tenant.name, ip)
          .map(
              owner ->
                  new Refusal(
                      Reason.AddressInUse,
                      ip
                          + " was LoadBalancer "
                          + owner
                          + "'s: it rests until no node has it any more and the pool's releaseHold"
                          + " is over."));
    }

    /** What it has of a family if the spec still asks for it, else another one. */
    private Pick ofFamily(IpFamily family) {
      boolean isIpv4 = family == IpFamily.IPv4;
      List<Ip> own =
          tenant.held.keySet().stream()
              .filter(ip -> ip.isIpv4() == isIpv4 && !request.requested().contains(ip))
              .filter(this::mayKeep)
              .toList();
      Optional<Ip> stays = own.stream().filter(this::mayStay).findFirst();
      if (stays.isPresent()) {
        // The named pool has it, whichever it was taken from: a later change of pools moves
        // nothing.
        Optional<String> pool = request.pool().or(() -> tenant.held.get(stays.get()));
        return Pick.of(stays.get(), pool);
      }
      Pick pick = fromPools(family);
      if (pick.refusal() != null && !own.isEmpty()) {
        // Better the old address than none.
        kept.put(own.get(0), tenant.held.get(own.get(0)));
      }
      return pick;
    }

    private Pick fromPools(IpFamily family) {
      boolean isIpv4 = family == IpFamily.IPv4;
      Map<String, String> labels = book.labelsOf(namespace);
      Optional<String> named = request.pool();
      if (named.isPresent()) {
        Optional<PoolState> pool = book.table.named(named.get());
        if (pool.isEmpty()) {
          return notFound(named.get());
        }
        if (!pool.get().pool().permits(labels)) {
          return notPermitted(pool.get().pool());
        }
      }
      List<PoolState> pools = usable();
      if (pools.isEmpty()) {
        return Pick.refused(
            Reason.PoolNotFound,
            "No AddressPool assigns addresses to namespace "
                + namespace
                + " by itself; make one, or name one with addresses.poolRef, or request an"
                + " address.");
      }
      Optional<Pick> shared = shared(isIpv4, pools);
      if (shared.isPresent()) {
        return shared.get();
      }
      List<Refusal> why = new ArrayList<>();
      for (PoolState pool : pools) {
        if (!pool.has(isIpv4)) {
          continue;
        }
        String name = pool.pool().name();
        if (!hasQuota(pool)) {
          why.add(overQuota(pool.pool()).refusal());
          continue;
        }
        Optional<Ip> ip = lastHad(isIpv4, pool).or(() -> pool.next(isIpv4, tenant.name.toString()));
        if (ip.isPresent()) {
          return Pick.of(ip.get(), Optional.of(name));
        }
        why.add(
            new Refusal(
                Reason.PoolExhausted,
                "Pool " + name + " has no free " + family + " address; add a block to it."));
      }
      if (why.isEmpty()) {
        return Pick.refused(
            Reason.FamilyUnavailable,
            "No pool has "
                + family
                + " addresses: "
                + pools.stream().map(p -> p.pool().name()).collect(Collectors.joining(", "))
                + "; add a block of them, or ask for the other family.");
      }
      return Pick.refused(
          why.get(0).reason(), why.stream().map(Refusal::message).collect(Collectors.joining(" ")));
    }

    /** The pools that addresses may be taken from, the best first. */
    private List<PoolState> usable() {
      Map<String, String> labels = book.labelsOf(namespace);
      return request
          .pool()
          .map(
              name ->
                  book.table.named(name).filter(pool -> pool.pool().permits(labels)).stream()
                      .toList())
          .orElseGet(
              () ->
                  book.table.bestFirst().stream()
                      .filter(pool -> pool.pool().autoAssign() && pool.pool().isFor(labels))
                      .toList());
    }

    private Optional<Pick> shared(boolean isIpv4, List<PoolState> pools) {
      for (Ip ip : book.sharedWith(tenant)) {
        Optional<PoolState> pool = book.table.having(ip).filter(pools::contains);
        if (ip.isIpv4() == isIpv4
            && pool.isPresent()
            && book.otherHolders(tenant, ip).stream()
                .allMatch(
                    other ->
                        tenant.shares(ip, Optional.of(pool.get().pool().name()), other)
                            && (other.request == null || !request.overlaps(other.request)))) {
          return Optional.of(Pick.of(ip, Optional.of(pool.get().pool().name())));
        }
      }
      return Optional.empty();
    }

    /** What it gave up and nobody else has got yet. */
    private Optional<Ip> lastHad(boolean isIpv4, PoolState pool) {
      return book.restingOf(tenant.name).stream()
          .filter(ip -> ip.isIpv4() == isIpv4 && pool.addresses().contains(ip))
          .filter(ip -> book.otherHolders(tenant, ip).isEmpty())
          .filter(ip -> book.inTheWayOf(tenant.name, ip).isEmpty())
          .findFirst();
    }

    private boolean hasQuota(PoolState pool) {
      return pool.hasQuota(namespace, freshOfPool.getOrDefault(pool.pool().name(), 0));
    }

    private void remark(Ip ip, Optional<String> from) {
      if (from.isPresent() && book.table.named(from.get()).isEmpty()) {
        remarks.add("Pool " + from.get() + " of " + ip + " does not exist any more.");
      } else if (from.isPresent() && !book.table.named(from.get()).get().addresses().contains(ip)) {
        remarks.add(ip + " is not in pool " + from.get() + " any more; it is kept.");
      }
    }

    private Pick notInPool(Ip ip, String where) {
      return Pick.refused(
          Reason.RefNotPermitted,
          ip
              + " is not in pool "
              + request.pool().orElseThrow()
              + ", which addresses.poolRef names: "
              + where
              + ".");
    }

    private Pick notFound(String pool) {
      return Pick.refused(
          Reason.PoolNotFound, "There is no AddressPool " + pool + ", or its spec is not valid.");
    }

    private Pick notPermitted(Pool pool) {
      return Pick.refused(
          Reason.RefNotPermitted,
          "Pool "
              + pool.name()
              + " is not for namespace "
              + namespace
              + ": its tenancy.namespaceSelector does not select the namespace's labels.");
    }

    private Pick overQuota(Pool pool) {
      return Pick.refused(
          Reason.QuotaExceeded,
          "Namespace "
              + namespace
              + " has as many addresses of pool "
              + pool.name()
              + " as it may have: "
              + pool.maxPerNamespace().getAsInt()
              + ".");
    }
  }

  private static void putAll(
      Map<Ip, Optional<String>> from, IpFamily family, Map<Ip, Optional<String>> to) {
    from.forEach(
        (ip, pool) -> {
          if (AddressRequest.family(ip) == family) {
            to.put(ip, pool);
          }
        });
  }
}
