// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.alloc.ExtentAllocator;
import io.xdplb.core.alloc.IndexAllocator;
import io.xdplb.core.maglev.Ring;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.VipKey;
import io.xdplb.core.plan.Operation;
import io.xdplb.core.plan.ProgrammedBackend;
import io.xdplb.core.plan.ProgrammedVip;
import io.xdplb.libbpf.BpfMap;
import io.xdplb.libbpf.MapMemory;
import java.nio.ByteBuffer;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Carries out plans in the maps. Each operation is whole as a packet sees it: what refers to
 * something is published after it and retracted before it, and an index, a slot or a stretch of
 * ring is not given to anybody else before every packet that could still refer to it has gone.
 */
final class VipMaps {
  /** Nanoseconds that something retracted rests before its place is used again. */
  private static final long GRACE = 1_000_000_000L;

  private final Maps maps;
  private final Network network;
  private final AddressFilter filter;
  private final SlotTable slots;
  private final BackendTable backends;
  private final IndexAllocator indices;
  private final ExtentAllocator rings;
  private final ByteBuffer vipEntries;
  private final BpfMap ringSlots;
  private final int vipStride;
  private final int vipCapacity;
  private final Map<VipKey, VipEntry> vips = new HashMap<>();

  VipMaps(Maps maps, Network network) {
    this.maps = maps;
    this.network = network;
    filter = new AddressFilter(maps.filter.buffer());
    slots = new SlotTable(maps.vipTable);
    backends = new BackendTable(maps, GRACE);
    vipEntries = maps.vips.buffer();
    vipStride = maps.vips.stride();
    vipCapacity = Math.min(capacity(maps.vips), Handle.MAX_INDEX);
    indices = new IndexAllocator(vipCapacity, GRACE);
    ringSlots = maps.map("rings");
    rings = new ExtentAllocator(ringSlots.info().maxEntries(), GRACE);
    adopt();
  }

  private static int capacity(MapMemory memory) {
    return memory.buffer().capacity() / memory.stride();
  }

  // ---- adoption

  /** Takes over what a former agent has published, and clears what it had only begun. */
  private void adopt() {
    Map<Integer, VipKey> byHandle = new HashMap<>();
    for (int index = 0; index < vipCapacity; index++) {
      int handle = vipEntries.getInt(vipAt(index) + Layouts.Vip.HANDLE);
      if (handle != 0) {
        byHandle.put(handle, vipKey(index));
      }
    }
    slots.adopt(
        (key, handle) ->
            byHandle.containsKey(handle)
                && (key.port() == 0
                    ? byHandle.get(handle).address().equals(key.address())
                    : SlotTable.Key.of(byHandle.get(handle)).equals(key)));
    byHandle.forEach(
        (handle, key) -> {
          if (slots.slotOf(SlotTable.Key.of(key)) < 0) {
            Shared.retract(vipEntries, vipAt(Handle.index(handle)) + Layouts.Vip.HANDLE);
          } else {
            adoptVip(key, handle);
          }
        });
    slots.removeAddresses(address -> !filter.has(AddressFilter.Role.VIP, address));
    adoptBackends(byHandle);
    vips.values().forEach(this::adoptRing);
    filter.settle();
  }

  private void adoptVip(VipKey key, int handle) {
    VipEntry entry = new VipEntry(Handle.index(handle), handle);
    entry.published = true;
    indices.restore(entry.index);
    vips.put(key, entry);
    if (filter.add(AddressFilter.Role.VIP, key.address())
        && slots.slotOf(SlotTable.Key.ofAddress(key.address())) < 0) {
      slots.put(SlotTable.Key.ofAddress(key.address()), handle, System.nanoTime());
    }
  }

  private void adoptBackends(Map<Integer, VipKey> byHandle) {
    for (int index = 0; index < backends.capacity(); index++) {
      BackendTable.Entry backend = backends.read(index).orElse(null);
      if (backend == null) {
        continue;
      }
      VipKey vip = byHandle.get(backend.vip());
      if (vip == null || !vips.containsKey(vip)) {
        backends.retract(index);
      } else {
        backends.restore(index);
        vips.get(vip).backends.put(backend.key(), index);
        filter.add(AddressFilter.Role.NAT, backend.nat());
      }
    }
  }

  private void adoptRing(VipEntry entry) {
    long word = vipEntries.getLong(vipAt(entry.index) + Layouts.Vip.RING);
    int size = (int) word;
    if (size == 0) {
      return;
    }
    entry.ringStart = (int) (word >>> 32);
    entry.ringSize = size;
    rings.restore(entry.ringStart, size);
    try (MapMemory memory = ringSlots.mmap(entry.ringStart, size)) {
      entry.ringDigest = readRing(entry, memory).digest();
    }
  }

  /** What is programmed of a VIP. */
  ProgrammedVip programmed(VipKey key) {
    VipEntry entry = vips.get(key);
    if (entry == null) {
      return ProgrammedVip.absent(key);
    }
    Map<BackendKey, ProgrammedBackend> programmed = new HashMap<>();
    entry.backends.forEach(
        (backend, index) -> {
          BackendTable.Entry found = backends.read(index).orElseThrow();
          programmed.put(
              backend,
              new ProgrammedBackend(
                  found.takesNewFlows(), found.drainSeconds(), found.drainUntil()));
        });
    return new ProgrammedVip(key, entry.published, entry.ringDigest, programmed);
  }

  Collection<VipKey> keys() {
    return List.copyOf(vips.keySet());
  }

  /** Where a VIP is; null if it is not in the maps. */
  VipEntry entry(VipKey key) {
    return vips.get(key);
  }

  // ---- operations

  void apply(Operation operation) {
    long now = System.nanoTime();
    try {
      apply(operation, now);
    } catch (DatapathException e) {
      VipEntry entry = vips.get(operation.vip());
      if (entry != null) {
        forgetIfEmpty(operation.vip(), entry, now); // made for this operation, and not needed
      }
      throw e;
    }
  }

  private void apply(Operation operation, long now) {
    if (operation instanceof Operation.AddBackend add) {
      addBackend(add, now);
    } else if (operation instanceof Operation.UpdateBackend update) {
      backends.update(
          index(update.vip(), update.backend()), update.takesNewFlows(), update.drainSeconds(), 0);
    } else if (operation instanceof Operation.DrainBackend drain) {
      int index = index(drain.vip(), drain.backend());
      backends.update(
          index, false, backends.read(index).orElseThrow().drainSeconds(), drain.untilSeconds());
    } else if (operation instanceof Operation.RemoveBackend remove) {
      removeBackend(remove, now);
    } else if (operation instanceof Operation.SetRing set) {
      setRing(set, now);
    } else if (operation instanceof Operation.AddVip add) {
      addVip(add.vip(), now);
    } else if (operation instanceof Operation.RemoveVip remove) {
      removeVip(remove.vip(), now);
    }
  }

  private void addBackend(Operation.AddBackend add, long now) {
    VipEntry entry = entryOf(add.vip(), now);
    if (entry.backends.containsKey(add.backend())) {
      backends.update(
          entry.backends.get(add.backend()), add.takesNewFlows(), add.drainSeconds(), 0);
      return;
    }
    Ip source = network.sourceTowards(add.backend().address());
    int index =
        backends.add(
            add.vip(),
            entry.handle,
            add.backend(),
            add.takesNewFlows(),
            add.drainSeconds(),
            source,
            now);
    entry.backends.put(add.backend(), index);
    filter.add(AddressFilter.Role.NAT, source);
  }

  private void removeBackend(Operation.RemoveBackend remove, long now) {
    VipEntry entry = vips.get(remove.vip());
    Integer index = entry == null ? null : entry.backends.remove(remove.backend());
    if (index == null) {
      return;
    }
    filter.remove(AddressFilter.Role.NAT, backends.read(index).orElseThrow().nat());
    backends.remove(index, now);
    forgetIfEmpty(remove.vip(), entry, now);
  }

  private void setRing(Operation.SetRing set, long now) {
    VipEntry entry = entryOf(set.vip(), now);
    Ring ring = set.ring();
    if (ring.size() == entry.ringSize) {
      writeRing(entry, entry.ringStart, ring);
      entry.ringDigest = ring.digest();
      return;
    }
    int start =
        ring.size() == 0
            ? 0
            : rings
                .allocate(ring.size(), now)
                .orElseThrow(
                    () ->
                        new DatapathException(
                            DatapathException.Reason.MapFull,
                            "no stretch of %d free ring slots for %s; raise --max-ring-slots"
                                .formatted(ring.size(), set.vip())));
    writeRing(entry, start, ring);
    if (entry.published) {
      Shared.publish(
          vipEntries, vipAt(entry.index) + Layouts.Vip.RING, ringWord(start, ring.size()));
    }
    freeRing(entry, now);
    entry.ringStart = start;
    entry.ringSize = ring.size();
    entry.ringDigest = ring.digest();
  }

  private void freeRing(VipEntry entry, long now) {
    if (entry.ringSize > 0) {
      rings.free(entry.ringStart, now);
      entry.ringSize = 0;
      entry.ringDigest = Ring.EMPTY.digest();
    }
  }

  private void writeRing(VipEntry entry, int start, Ring ring) {
    int[] handles =
        ring.backends().stream()
            .mapToInt(
                backend ->
                    entry.backends.containsKey(backend)
                        ? backends.handle(entry.backends.get(backend))
                        : 0)
            .toArray();
    if (ring.size() == 0) {
      return;
    }
    try (MapMemory memory = ringSlots.mmap(start, ring.size())) {
      ByteBuffer slots = memory.buffer();
      for (int slot = 0; slot < ring.size(); slot++) {
        int at = Shared.at(memory, slot);
        int handle = handles[ring.slot(slot)];
        if (slots.getInt(at) != handle) {
          slots.putInt(at, handle);
        }
      }
    }
  }

  private void addVip(VipKey key, long now) {
    VipEntry entry = entryOf(key, now);
    if (entry.published) {
      return;
    }
    int at = vipAt(entry.index);
    vipEntries.putLong(at + Layouts.Vip.RING, ringWord(entry.ringStart, entry.ringSize));
    Wire.putAddress(vipEntries, at + Layouts.Vip.ADDRESS, key.address());
    vipEntries.putShort(at + Layouts.Vip.PORT, Wire.nativeShort(key.port()));
    vipEntries.put(at + Layouts.Vip.PROTOCOL, (byte) key.protocol().number());
    vipEntries.put(at + Layouts.Vip.FAMILY, Wire.family(key.address()));
    Shared.publish(vipEntries, at + Layouts.Vip.HANDLE, entry.handle);
    boolean newAddress = filter.add(AddressFilter.Role.VIP, key.address());
    try {
      if (newAddress) {
        slots.put(SlotTable.Key.ofAddress(key.address()), entry.handle, now);
      }
      slots.put(SlotTable.Key.of(key), entry.handle, now);
    } catch (DatapathException e) {
      withdraw(key, entry, now);
      throw e;
    }
    entry.published = true;
  }

  /** Takes out of the lookup whatever of a VIP is in it. */
  private void withdraw(VipKey key, VipEntry entry, long now) {
    slots.remove(SlotTable.Key.of(key), now);
    if (filter.remove(AddressFilter.Role.VIP, key.address())) {
      slots.remove(SlotTable.Key.ofAddress(key.address()), now);
    }
    Shared.retract(vipEntries, vipAt(entry.index) + Layouts.Vip.HANDLE);
    entry.published = false;
  }

  private void removeVip(VipKey key, long now) {
    VipEntry entry = vips.get(key);
    if (entry == null) {
      return;
    }
    if (entry.published) {
      withdraw(key, entry, now);
    }
    freeRing(entry, now);
    forgetIfEmpty(key, entry, now);
  }

  /** Looks up this node's address towards each backend again, after a route has changed. */
  void refreshNat() {
    vips.values()
        .forEach(
            entry ->
                entry.backends.forEach(
                    (backend, index) -> {
                      Ip before = backends.read(index).orElseThrow().nat();
                      Ip after = network.sourceTowards(backend.address());
                      if (!after.equals(before)) {
                        filter.add(AddressFilter.Role.NAT, after);
                        backends.setNat(index, after);
                        filter.remove(AddressFilter.Role.NAT, before);
                      }
                    }));
  }

  // ---- entries

  private VipEntry entryOf(VipKey key, long now) {
    VipEntry existing = vips.get(key);
    if (existing != null) {
      return existing;
    }
    int index =
        indices
            .allocate(now)
            .orElseThrow(
                () ->
                    new DatapathException(
                        DatapathException.Reason.MapFull,
                        "all %d VIP entries are in use; no room for %s; raise --max-vips"
                            .formatted(vipCapacity, key)));
    int at = vipAt(index);
    int generation = Handle.next(vipEntries.getInt(at + Layouts.Vip.GENERATION));
    vipEntries.putInt(at + Layouts.Vip.GENERATION, generation);
    BpfMap cpus = maps.map("vip_cpus");
    cpus.put(BackendTable.key(index), new byte[cpus.info().valueBytes()]);
    VipEntry entry = new VipEntry(index, Handle.of(index, generation));
    vips.put(key, entry);
    return entry;
  }

  private void forgetIfEmpty(VipKey key, VipEntry entry, long now) {
    if (!entry.published && entry.backends.isEmpty()) {
      freeRing(entry, now);
      vips.remove(key);
      indices.free(entry.index, now);
    }
  }

  private int index(VipKey vip, BackendKey backend) {
    VipEntry entry = vips.get(vip);
    Integer index = entry == null ? null : entry.backends.get(backend);
    if (index == null) {
      throw new DatapathException(
          DatapathException.Reason.Failed, "backend " + backend + " of " + vip + " has no entry");
    }
    return index;
  }

  private VipKey vipKey(int index) {
    return decodeKey(vipEntries, vipAt(index));
  }

  static VipKey decodeKey(ByteBuffer buffer, int at) {
    return new VipKey(
        Wire.address(buffer, at + Layouts.Vip.ADDRESS, buffer.get(at + Layouts.Vip.FAMILY)),
        Wire.protocol(buffer.get(at + Layouts.Vip.PROTOCOL) & 0xff),
        Wire.port(buffer, at + Layouts.Vip.PORT));
  }

  /**
   * The ring in a stretch of handles. A handle that is none of the VIP's backends makes the ring
   * empty, which equals no desired one.
   */
  private Ring readRing(VipEntry entry, MapMemory memory) {
    List<BackendKey> keys = entry.backends.keySet().stream().sorted().toList();
    Map<Integer, Integer> positions = new HashMap<>();
    for (int i = 0; i < keys.size(); i++) {
      positions.put(backends.handle(entry.backends.get(keys.get(i))), i);
    }
    int[] ring = new int[memory.buffer().capacity() / memory.stride()];
    for (int slot = 0; slot < ring.length; slot++) {
      Integer position = positions.get(memory.buffer().getInt(Shared.at(memory, slot)));
      if (position == null) {
        return Ring.EMPTY;
      }
      ring[slot] = position;
    }
    return new Ring(keys, ring);
  }

  private static long ringWord(int start, int size) {
    return (long) start << 32 | size;
  }

  private int vipAt(int index) {
    return index * vipStride;
  }
}
