// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.maglev.Ring;
import io.xdplb.core.model.Access;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.VipKey;
import io.xdplb.core.plan.Operation;
import io.xdplb.core.plan.ProgrammedVip;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.IntSupplier;

/**
 * Carries out plans in the maps. Each operation is whole as a packet sees it: what refers to
 * something is published after it and retracted before it, and an index, a slot or a stretch of
 * ring is not given to anybody else before every packet that could still refer to it has gone.
 */
final class VipMaps {
  /** Nanoseconds that something retracted rests before its place is used again. */
  private static final long GRACE = 1_000_000_000L;

  private final Network network;
  private final int second;
  private final KeyTable keys;
  private final Nodes nodes;
  private final AddressTable addresses;
  private final VipTable table;
  private final Backends backends;
  private final RingTable rings;
  private final SourceSets sources;
  private final Map<VipKey, VipEntry> vips = new HashMap<>();
  private final AddressFilter filter;

  /**
   * Takes over what a former agent has published, and clears what it had only begun.
   *
   * @param network this machine's addresses and routes, looked up
   */
  VipMaps(Maps maps, Network network) {
    this.network = network;
    second = maps.config.buffer().getInt(Layouts.Config.SECOND);
    filter = new AddressFilter(maps.filter.buffer());
    keys = new KeyTable(maps.keys);
    nodes = new Nodes(keys, filter);
    addresses = new AddressTable(maps, keys, filter, network, GRACE);
    table = VipTable.ofVips(maps, GRACE);
    BackendTable backendTable = new BackendTable(maps, GRACE);
    backends = new Backends(backendTable, keys, filter, network);
    IntSupplier jiffies = () -> FlowClock.jiffies(maps.jiffies());
    rings =
        new RingTable(
            maps, new HistoryRules(second, ConfigWriter.TCP_ESTABLISHED * second), jiffies, GRACE);
    sources = new SourceSets(maps.map("source_ranges"));
    new Adoption(maps, keys, addresses, table, backendTable, backends, rings, sources, second)
        .run()
        .forEach(vip -> vips.put(vip.key, vip));
    nodes.adopt();
    networkChanged();
    filter.settle();
  }

  /** What is programmed of a VIP. */
  ProgrammedVip programmed(VipKey key) {
    VipEntry entry = vips.get(key);
    return entry == null ? ProgrammedVip.absent(key) : entry.programmed();
  }

  Collection<VipKey> keys() {
    return List.copyOf(vips.keySet());
  }

  /** Where a VIP is; null if it is not in the maps. */
  VipEntry entry(VipKey key) {
    return vips.get(key);
  }

  /** How a VIP's entry should be. */
  VipLine line(VipEntry entry) {
    return entry.line(second);
  }

  AddressTable addresses() {
    return addresses;
  }

  HistoryPool histories() {
    return rings.histories();
  }

  void setPeers(Collection<Ip> peers) {
    nodes.setPeers(peers);
  }

  // ---- operations

  void apply(Operation operation) {
    long now = System.nanoTime();
    try {
      apply(operation, now);
    } catch (DatapathException e) {
      VipEntry entry = vips.get(operation.vip());
      if (entry != null) {
        forgetIfEmpty(entry, now); // made for this operation, and not needed
      }
      throw e;
    }
  }

  private void apply(Operation operation, long now) {
    if (operation instanceof Operation.AddBackend add) {
      addBackend(add, now);
    } else if (operation instanceof Operation.UpdateBackend update) {
      updateBackend(update, now);
    } else if (operation instanceof Operation.DrainBackend drain) {
      VipEntry entry = entryWith(drain.vip(), drain.backend());
      BackendLine line = entry.backends.get(drain.backend());
      backends.replace(entry, line.draining(drain.untilSeconds()), now);
    } else if (operation instanceof Operation.RemoveBackend remove) {
      removeBackend(remove, now);
    } else if (operation instanceof Operation.SetRing set) {
      setRing(entryOf(set.vip(), now), set.ring(), now);
    } else if (operation instanceof Operation.AddVip add) {
      addVip(add, now);
    } else if (operation instanceof Operation.UpdateVip update) {
      VipEntry entry = vips.get(update.vip());
      if (entry == null || !entry.published) {
        throw failed(update.vip() + " has no entry to update");
      }
      change(entry, update.affinitySeconds(), update.access(), now);
    } else if (operation instanceof Operation.RemoveVip remove) {
      removeVip(remove.vip(), now);
    }
  }

  private void addBackend(Operation.AddBackend add, long now) {
    VipEntry entry = entryOf(add.vip(), now);
    if (add.delivery().nat()) {
      lookUpFlows(entry, now);
    }
    if (entry.backends.containsKey(add.backend())) {
      backends.update(
          entry, add.backend(), add.takesNewFlows(), add.drainSeconds(), add.delivery(), now);
    } else {
      backends.add(
          entry, add.backend(), add.takesNewFlows(), add.drainSeconds(), add.delivery(), now);
    }
    write(entry);
  }

  private void updateBackend(Operation.UpdateBackend update, long now) {
    VipEntry entry = entryWith(update.vip(), update.backend());
    if (update.delivery().nat() || entry.hasNat()) {
      lookUpFlows(entry, now);
    }
    backends.update(
        entry,
        update.backend(),
        update.takesNewFlows(),
        update.drainSeconds(),
        update.delivery(),
        now);
    write(entry);
  }

  private void removeBackend(Operation.RemoveBackend remove, long now) {
    VipEntry entry = vips.get(remove.vip());
    if (entry == null || !entry.backends.containsKey(remove.backend())) {
      return;
    }
    backends.remove(entry, remove.backend(), now);
    write(entry);
    forgetIfEmpty(entry, now);
  }

  /** Before a backend is reached by NAT, and as long as flows of one that was may live. */
  private void lookUpFlows(VipEntry entry, long now) {
    entry.flowsNeeded = now;
    if (!entry.flows) {
      entry.flows = true;
      write(entry);
    }
  }

  private void setRing(VipEntry entry, Ring ring, long now) {
    var former = rings.set(entry, ring, now);
    write(entry);
    former.ifPresent(word -> rings.free(word, now));
  }

  /** Writes the entry of a VIP that has one, in place. */
  private void write(VipEntry entry) {
    if (entry.published) {
      table.write(entry.line(second));
    }
  }

  private void addVip(Operation.AddVip add, long now) {
    VipEntry entry = entryOf(add.vip(), now);
    if (entry.published) {
      mend(entry, add, now);
      return;
    }
    int set = sourcesOf(add.access(), entry);
    entry.affinitySeconds = add.affinitySeconds();
    entry.access = add.access();
    entry.sources = set;
    table.write(entry.line(second));
    try {
      addresses.put(entry.key, entry.handle, entry.access.unavailable(), now);
    } catch (DatapathException e) {
      close(entry);
      throw e;
    }
    entry.published = true;
  }

  /** The number of a new set; 0 where everybody may come. */
  private int sourcesOf(Access access, VipEntry entry) {
    return access.sourceRanges().map(ranges -> sources.add(ranges, entry.isIpv6())).orElse(0);
  }

  private void change(VipEntry entry, int affinitySeconds, Access access, long now) {
    int former = entry.sources;
    entry.sources = sourcesOf(access, entry);
    entry.affinitySeconds = affinitySeconds;
    entry.access = access;
    write(entry);
    addresses.setPolicy(entry.key, access.unavailable());
    if (former != 0) {
      sources.remove(former, entry.isIpv6());
    }
  }

  /** Writes all that a VIP has again, over whatever somebody else has written there. */
  private void mend(VipEntry entry, Operation.AddVip add, long now) {
    backends.mend(entry, now);
    if (entry.ring.digest.equals(Ring.EMPTY.digest())) {
      setRing(entry, Ring.EMPTY, now); // a ring that is another is part of the plan
    }
    change(entry, add.affinitySeconds(), add.access(), now);
    addresses.put(entry.key, entry.handle, entry.access.unavailable(), now);
    filter.settle();
  }

  private void removeVip(VipKey key, long now) {
    VipEntry entry = vips.get(key);
    if (entry == null) {
      return;
    }
    if (entry.published) {
      addresses.remove(key, now);
      close(entry);
    }
    rings.remove(entry.ring, now);
    forgetIfEmpty(entry, now);
  }

  /** Retracts the entry of a VIP that no packet is led to, and its access. */
  private void close(VipEntry entry) {
    entry.published = false;
    table.retract(entry.index());
    int set = entry.sources;
    entry.sources = 0;
    entry.affinitySeconds = 0;
    entry.access = Access.OPEN;
    if (set != 0) {
      sources.remove(set, entry.isIpv6());
    }
  }

  // ---- what time and the machine change

  /**
   * Follows a change of this machine's addresses or routes, which {@code network} knows already.
   */
  void networkChanged() {
    long now = System.nanoTime();
    nodes.setOwn(network.own());
    addresses.refresh();
    for (VipEntry entry : vips.values()) {
      if (backends.refresh(entry, now)) {
        write(entry);
      }
    }
  }

  /** Ends what only former flows needed. */
  void settle() {
    long now = System.nanoTime();
    for (VipEntry entry : vips.values()) {
      if (rings.settle(entry, now)) {
        RingState ghost = new RingState();
        ghost.start = entry.ring.start;
        ghost.size = entry.ring.size;
        entry.ring.clear();
        write(entry);
        rings.remove(ghost, now);
      }
      if (entry.hasNat()) {
        entry.flowsNeeded = now;
      } else if (entry.flows
          && now - entry.flowsNeeded > TimeUnit.SECONDS.toNanos(ConfigWriter.TCP_ESTABLISHED)) {
        entry.flows = false;
        write(entry);
      }
    }
  }

  // ---- entries

  private VipEntry entryOf(VipKey key, long now) {
    VipEntry existing = vips.get(key);
    if (existing != null) {
      return existing;
    }
    VipEntry entry = new VipEntry(key, table.allocate(key, now));
    vips.put(key, entry);
    return entry;
  }

  private void forgetIfEmpty(VipEntry entry, long now) {
    if (!entry.published && entry.backends.isEmpty()) {
      rings.remove(entry.ring, now);
      vips.remove(entry.key);
      table.free(entry.index(), now);
    }
  }

  private VipEntry entryWith(VipKey vip, BackendKey backend) {
    VipEntry entry = vips.get(vip);
    if (entry == null || !entry.backends.containsKey(backend)) {
      throw failed("backend " + backend + " of " + vip + " has no entry");
    }
    return entry;
  }

  private static DatapathException failed(String message) {
    return new DatapathException(DatapathException.Reason.Failed, message);
  }
}
