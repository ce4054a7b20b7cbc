// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.ipam;

import io.xdplb.core.ipam.Allocation.Assigned;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.ObjectName;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.NavigableSet;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * Who has which address. An address of a pool is had by one load balancer, or by those that share
 * it; one that is in no pool by everybody who asks for it, and who of these has which port of it is
 * for {@link io.xdplb.core.claims.VipClaims} to say.
 *
 * <p>All that it knows is made anew from the statuses of the load balancers: whoever had an address
 * has it. Of two that say they have it, and do not share it, the one that was created first keeps
 * it. Nothing but what a load balancer itself asks for takes an address from it: no change of a
 * pool or of a namespace does. What it gives up rests until no node has it any more and the hold of
 * its pool is over.
 *
 * <p>Who waits for an address gets one in the order of age when something is released. The memory
 * is proportional to what is allocated, however large the pools are. Not safe for use by several
 * threads at once.
 */
public final class AddressBook {

  /**
   * A load balancer, when the book is made.
   *
   * @param createdAt when it was created
   * @param request what it asks for; empty if its spec is not valid: it keeps what it has
   * @param held what its status says that it has
   */
  public record Entry(
      ObjectName name, Instant createdAt, Optional<AddressRequest> request, List<Assigned> held) {
    public Entry {
      held = List.copyOf(held);
    }
  }

  private final Map<ObjectName, Tenant> tenants = new HashMap<>();
  private final NavigableMap<Ip, Set<ObjectName>> holders = new TreeMap<>();
  private final RestingAddresses resting = new RestingAddresses();
  private final NavigableSet<Tenant> pending = new TreeSet<>(Tenant.OLDEST_FIRST);
  private final Map<String, Map<String, String>> labels = new HashMap<>();
  private final Map<String, Pool> pools = new HashMap<>();
  private final SharedAddresses shared = new SharedAddresses();
  private final Decider decider = new Decider(this);
  PoolTable table = new PoolTable(List.of());

  /**
   * Reads what there is, before anything is decided.
   *
   * @param onNodes addresses that nodes may still have for load balancers that do not have them, as
   *     far as that is known
   */
  public void load(
      Collection<Pool> allPools,
      Map<String, Map<String, String>> namespaceLabels,
      Collection<Entry> entries,
      Map<ObjectName, Set<Ip>> onNodes) {
    allPools.forEach(pool -> pools.put(pool.name(), pool));
    labels.putAll(namespaceLabels);
    rebuild();
    for (Entry entry : entries) {
      tenants.put(
          entry.name(), new Tenant(entry.name(), entry.createdAt(), entry.request().orElse(null)));
    }
    Map<ObjectName, List<Assigned>> held = new HashMap<>();
    entries.forEach(entry -> held.put(entry.name(), entry.held()));
    List<Tenant> oldestFirst = tenants.values().stream().sorted(Tenant.OLDEST_FIRST).toList();
    oldestFirst.forEach(tenant -> adopt(tenant, held.get(tenant.name), new HashSet<>()));
    onNodes.forEach(this::onNodes);
    oldestFirst.forEach(this::decide);
    retryPending();
  }

  /**
   * Says what a load balancer asks for, in place of what it asked for before.
   *
   * @param entry its status may be behind what the book says, and counts only where it has what the
   *     book does not know of: another operator has written it
   * @return others that fare differently from before
   */
  public Set<ObjectName> set(Entry entry) {
    Tenant before = tenants.get(entry.name());
    AddressRequest request = entry.request().orElse(null);
    Set<ObjectName> affected = new HashSet<>();
    Tenant tenant = before;
    boolean isNews = before == null;
    if (before == null) {
      tenant = new Tenant(entry.name(), entry.createdAt(), request);
      tenants.put(entry.name(), tenant);
    } else if (!before.createdAt.equals(entry.createdAt())) {
      tenant = succeed(before, entry, request);
      isNews = true;
    } else if (request != null && !request.equals(before.request)) {
      forgetKey(before);
      before.request = request;
      noteKey(before);
      isNews = true;
    }
    isNews |= adopt(tenant, entry.held(), affected);
    if (isNews) {
      decide(tenant);
      affected.stream().map(tenants::get).forEach(this::decide);
      if (tenant.key().isPresent() || before != null) {
        affected.addAll(retryPending());
      }
    }
    affected.remove(entry.name());
    return affected;
  }

  /** One of the same name has taken the place of a load balancer: it begins with what that had. */
  private Tenant succeed(Tenant before, Entry entry, AddressRequest request) {
    Map<Ip, Optional<String>> held = new HashMap<>(before.held);
    held.keySet().forEach(ip -> release(before, ip));
    pending.remove(before);
    Tenant tenant = new Tenant(entry.name(), entry.createdAt(), request);
    tenants.put(entry.name(), tenant);
    held.forEach((ip, pool) -> hold(tenant, ip, pool));
    return tenant;
  }

  /**
   * A load balancer is gone. What it had rests until {@link #gone} is said.
   *
   * @return others that fare differently from before
   */
  public Set<ObjectName> remove(ObjectName name) {
    Tenant tenant = tenants.get(name);
    if (tenant == null) {
      return Set.of();
    }
    List.copyOf(tenant.held.keySet()).forEach(ip -> giveUp(tenant, ip));
    pending.remove(tenant);
    tenants.remove(name);
    return retryPending();
  }

  /**
   * No node has anything any more of what a load balancer has given up.
   *
   * @param except addresses that nodes have for it
   * @return others that fare differently from before
   */
  public Set<ObjectName> gone(ObjectName owner, Set<Ip> except, Instant now) {
    boolean isFreed = false;
    for (Ip ip : List.copyOf(resting.of(owner))) {
      if (except.contains(ip) || !resting.isLingering(owner, ip)) {
        continue;
      }
      resting.leave(owner, ip);
      if (resting.isLingering(ip)) {
        continue;
      }
      Duration hold =
          table.having(ip).map(state -> state.pool().releaseHold()).orElse(Duration.ZERO);
      if (holders.containsKey(ip)) {
        resting.end(ip);
      } else if (hold.isZero()) {
        wake(ip);
        isFreed = true;
      } else {
        resting.hold(ip, now.plus(hold));
      }
    }
    return isFreed ? retryPending() : Set.of();
  }

  /** Whether {@link #gone} is still to be said of addresses that a load balancer has given up. */
  public boolean isAwaited(ObjectName owner) {
    return resting.of(owner).stream().anyMatch(ip -> resting.isLingering(owner, ip));
  }

  /** All of whom {@link #gone} is still to be said. */
  public Set<ObjectName> awaited() {
    return resting.owners().stream().filter(this::isAwaited).collect(Collectors.toSet());
  }

  /**
   * Nodes may have addresses for a load balancer that does not have them: they rest until {@link
   * #gone} is said.
   */
  public void onNodes(ObjectName owner, Set<Ip> ips) {
    ips.forEach(ip -> rest(owner, ip));
  }

  /** When {@link #endHolds} has something to do; empty if nothing is held. */
  public Optional<Instant> nextHoldEnd() {
    return resting.nextEnd();
  }

  /**
   * Makes free what has been held for long enough.
   *
   * @return those that fare differently from before
   */
  public Set<ObjectName> endHolds(Instant now) {
    boolean isFreed = false;
    for (Optional<Ip> ip = resting.over(now); ip.isPresent(); ip = resting.over(now)) {
      wake(ip.get());
      isFreed = true;
    }
    return isFreed ? retryPending() : Set.of();
  }

  /**
   * A pool is there, or is another one than before.
   *
   * @return those that fare differently from before
   */
  public Set<ObjectName> setPool(Pool pool) {
    if (pool.equals(pools.put(pool.name(), pool))) {
      return Set.of();
    }
    rebuild();
    return retryPending();
  }

  /**
   * A pool is not there any more, or not valid any more.
   *
   * @return those that fare differently from before
   */
  public Set<ObjectName> removePool(String name) {
    if (pools.remove(name) == null) {
      return Set.of();
    }
    rebuild();
    return retryPending();
  }

  /**
   * The labels of a namespace; none if it is gone.
   *
   * @return those that fare differently from before
   */
  public Set<ObjectName> setNamespace(String name, Map<String, String> now) {
    Map<String, String> copy = Map.copyOf(now);
    Map<String, String> before = copy.isEmpty() ? labels.remove(name) : labels.put(name, copy);
    return copy.equals(before == null ? Map.of() : before) ? Set.of() : retryPending();
  }

  /** Whether a status has an address that the book does not know the load balancer to have had. */
  public boolean isNews(ObjectName name, List<Assigned> status) {
    Tenant tenant = tenants.get(name);
    return tenant != null && status.stream().anyMatch(a -> isNews(tenant, a.address()));
  }

  /** What a load balancer has. */
  public Allocation allocation(ObjectName name) {
    Tenant tenant = tenants.get(name);
    return tenant == null ? Allocation.NOTHING : tenant.allocation();
  }

  /** What there is to say of each pool, ordered by name. */
  public List<PoolReport> reports() {
    Map<String, NavigableSet<Ip>> outside = new HashMap<>();
    for (Tenant tenant : tenants.values()) {
      tenant.held.forEach(
          (ip, pool) ->
              pool.flatMap(table::named)
                  .filter(state -> !state.addresses().contains(ip))
                  .ifPresent(
                      state ->
                          outside
                              .computeIfAbsent(state.pool().name(), key -> new TreeSet<>())
                              .add(ip)));
    }
    return table.bestFirst().stream()
        .map(
            state ->
                new PoolReport(
                    state.pool().name(),
                    state.addresses().size(true),
                    state.addresses().size(false),
                    state.allocated(true),
                    state.allocated(false),
                    table.overlapping(state.pool().name()),
                    List.copyOf(outside.getOrDefault(state.pool().name(), new TreeSet<>()))))
        .sorted(Comparator.comparing(PoolReport::name))
        .toList();
  }

  // What the decider needs.

  Map<String, String> labelsOf(String namespace) {
    return labels.getOrDefault(namespace, Map.of());
  }

  List<Tenant> otherHolders(Tenant tenant, Ip ip) {
    return holders.getOrDefault(ip, Set.of()).stream()
        .filter(name -> !name.equals(tenant.name))
        .map(tenants::get)
        .toList();
  }

  /** On whose account a load balancer cannot have an address that nobody has; empty if it can. */
  Optional<ObjectName> inTheWayOf(ObjectName name, Ip ip) {
    return resting.inTheWayOf(name, ip);
  }

  /** What a load balancer has given up and nobody else has got yet. */
  NavigableSet<Ip> restingOf(ObjectName name) {
    return resting.of(name);
  }

  /** Addresses that load balancers with this one's key share. */
  NavigableSet<Ip> sharedWith(Tenant tenant) {
    return shared.of(tenant);
  }

  // How the book changes.

  /** Takes from a status what the book does not know of. */
  private boolean adopt(Tenant tenant, List<Assigned> held, Set<ObjectName> evicted) {
    boolean isNews = false;
    for (Assigned assigned : held) {
      Ip ip = assigned.address();
      if (!isNews(tenant, ip)) {
        continue;
      }
      isNews = true;
      List<Tenant> rivals =
          otherHolders(tenant, ip).stream()
              .filter(other -> !tenant.shares(ip, assigned.pool(), other))
              .toList();
      if (rivals.stream().allMatch(rival -> Tenant.OLDEST_FIRST.compare(tenant, rival) < 0)) {
        for (Tenant rival : rivals) {
          release(rival, ip);
          evicted.add(rival.name);
        }
        hold(tenant, ip, assigned.pool());
      }
    }
    return isNews;
  }

  /** What rests was given up by a decision that the status is behind. */
  private boolean isNews(Tenant tenant, Ip ip) {
    return !tenant.held.containsKey(ip) && !resting.of(tenant.name).contains(ip);
  }

  private void decide(Tenant tenant) {
    if (tenant.request == null) {
      return;
    }
    Decider.Decision decision = decider.decide(tenant);
    for (Ip ip : List.copyOf(tenant.held.keySet())) {
      if (!decision.addresses().containsKey(ip)) {
        giveUp(tenant, ip);
      }
    }
    decision.addresses().forEach((ip, pool) -> hold(tenant, ip, pool));
    // In the order of the decision.
    tenant.held.clear();
    tenant.held.putAll(decision.addresses());
    tenant.refusals = decision.refusals();
    tenant.remarks = decision.remarks();
    tenant.isPending = decision.wantsMore();
    if (tenant.isPending) {
      pending.add(tenant);
    } else {
      pending.remove(tenant);
    }
  }

  /** Those that get an address now, or are refused for another reason. */
  private Set<ObjectName> retryPending() {
    Set<ObjectName> changed = new HashSet<>();
    boolean again;
    do {
      // What one gives up may be what another one waits for: its quota, a port of a shared address.
      again = false;
      for (Tenant tenant : List.copyOf(pending)) {
        Allocation before = tenant.allocation();
        decide(tenant);
        Allocation after = tenant.allocation();
        if (!before.equals(after)) {
          changed.add(tenant.name);
          again |= !after.addresses().containsAll(before.addresses());
        }
      }
    } while (again);
    return changed;
  }

  private void hold(Tenant tenant, Ip ip, Optional<String> pool) {
    resting.taken(tenant.name, ip);
    Set<ObjectName> all = holders.computeIfAbsent(ip, key -> new HashSet<>());
    boolean isFirst = all.isEmpty();
    boolean isFirstOfNamespace = noneOf(tenant.name.namespace(), all);
    if (all.add(tenant.name)) {
      table
          .having(ip)
          .ifPresent(
              state -> {
                if (isFirst) {
                  state.take(ip);
                  state.countAllocated(ip, 1);
                }
                if (isFirstOfNamespace) {
                  state.count(tenant.name.namespace());
                }
              });
    }
    tenant.held.put(ip, pool);
    shared.add(tenant, ip);
  }

  /** The load balancer does not have the address any more; whoever else has it keeps it. */
  private void release(Tenant tenant, Ip ip) {
    shared.remove(tenant, ip);
    tenant.held.remove(ip);
    Set<ObjectName> all = holders.get(ip);
    all.remove(tenant.name);
    boolean isLast = all.isEmpty();
    if (isLast) {
      holders.remove(ip);
    }
    Optional<PoolState> state = table.having(ip);
    if (noneOf(tenant.name.namespace(), all)) {
      state.ifPresent(s -> s.discount(tenant.name.namespace()));
    }
    if (isLast) {
      state.ifPresent(s -> s.countAllocated(ip, -1));
    }
  }

  private static boolean noneOf(String namespace, Set<ObjectName> names) {
    return names.stream().noneMatch(name -> name.namespace().equals(namespace));
  }

  private void giveUp(Tenant tenant, Ip ip) {
    release(tenant, ip);
    resting.add(tenant.name, ip);
  }

  private void rest(ObjectName owner, Ip ip) {
    if (!tenants.containsKey(owner) || !tenants.get(owner).held.containsKey(ip)) {
      resting.add(owner, ip);
      if (!holders.containsKey(ip)) {
        table.having(ip).ifPresent(state -> state.take(ip));
      }
    }
  }

  private void wake(Ip ip) {
    resting.end(ip);
    table.having(ip).ifPresent(state -> state.give(ip));
  }

  private void noteKey(Tenant tenant) {
    tenant.held.keySet().forEach(ip -> shared.add(tenant, ip));
  }

  private void forgetKey(Tenant tenant) {
    tenant.held.keySet().forEach(ip -> shared.remove(tenant, ip));
  }

  private void rebuild() {
    PoolTable before = table;
    table = new PoolTable(List.copyOf(pools.values()));
    holders.forEach(
        (ip, names) ->
            table
                .having(ip)
                .ifPresent(
                    state -> {
                      state.take(ip);
                      state.countAllocated(ip, 1);
                      names.stream().map(ObjectName::namespace).distinct().forEach(state::count);
                    }));
    resting.all().forEach(ip -> table.having(ip).ifPresent(state -> state.take(ip)));
    for (PoolState state : table.bestFirst()) {
      before.named(state.pool().name()).ifPresent(old -> state.released(old.releaseOrder()));
    }
  }
}
