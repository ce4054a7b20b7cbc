// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.maglev.Ring;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.VipKey;
import io.xdplb.core.table.VipImage;
import io.xdplb.libbpf.BpfMap;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * What a packet would find, read from the kernel's maps by system calls in the packet's own order:
 * the address filter, the slot, the VIP, its ring, its backends. Only where to look is taken from
 * memory, never what is there.
 */
final class ReadBack {

  private final BpfMap filter;
  private final BpfMap vipMap;
  private final BpfMap rings;
  private final BpfMap backends;
  private final SlotReader slotReader;
  private final VipMaps vips;
  private final byte[] filterBits = new byte[AddressFilter.SIZE];

  ReadBack(Maps maps, VipMaps vips) {
    filter = maps.map("address_filter");
    vipMap = maps.map("vips");
    rings = maps.map("rings");
    backends = maps.map("backends");
    slotReader = new SlotReader(maps.map("vip_table"));
    this.vips = vips;
  }

  Optional<VipImage> image(VipKey key) {
    VipEntry entry = vips.entry(key);
    int handle = slotReader.handle(key);
    if (entry == null || handle == 0) {
      return Optional.empty();
    }
    ByteBuffer vip = value(vipMap, Handle.index(handle));
    filter.lookup(BackendTable.key(0), filterBits);
    if (vip.getInt(Layouts.Vip.HANDLE) != handle
        || !sameKey(key, vip)
        || !AddressFilter.lets(filterBits, AddressFilter.Role.VIP, key.address())) {
      return Optional.empty();
    }
    TreeMap<BackendKey, Integer> handles = new TreeMap<>();
    Set<BackendKey> takesNewFlows = new HashSet<>();
    for (Map.Entry<BackendKey, Integer> programmed : entry.backends.entrySet()) {
      int index = programmed.getValue();
      ByteBuffer value = value(backends, index);
      BackendTable.Entry backend = BackendTable.decode(value, 0);
      int backendHandle = value.getInt(Layouts.Backend.HANDLE);
      if (backendHandle == 0
          || Handle.index(backendHandle) != index
          || backend.vip() != handle
          || !sameBackend(key, programmed.getKey(), backend, value)) {
        return Optional.empty();
      }
      if (backend.drainUntil() == 0) {
        handles.put(backend.key(), backendHandle);
        if (backend.takesNewFlows()) {
          takesNewFlows.add(backend.key());
        }
      }
    }
    return ring(vip.getLong(Layouts.Vip.RING), handles)
        .map(ring -> new VipImage(key, ring, takesNewFlows));
  }

  private static boolean sameKey(VipKey key, ByteBuffer vip) {
    byte family = vip.get(Layouts.Vip.FAMILY);
    return family == Wire.family(key.address())
        && Wire.address(vip, Layouts.Vip.ADDRESS, family).equals(key.address())
        && vip.get(Layouts.Vip.PROTOCOL) == (byte) key.protocol().number()
        && Wire.port(vip, Layouts.Vip.PORT) == key.port();
  }

  private boolean sameBackend(
      VipKey vip, BackendKey key, BackendTable.Entry backend, ByteBuffer value) {
    int flowBase = Hash.flowBase(key.address(), vip.protocol().number(), key.port());
    return backend.key().equals(key)
        && value.get(Layouts.Backend.FAMILY) == Wire.family(key.address())
        && value.getInt(Layouts.Backend.FLOW_BASE) == flowBase
        && AddressFilter.lets(filterBits, AddressFilter.Role.NAT, backend.nat());
  }

  private Optional<Ring> ring(long word, TreeMap<BackendKey, Integer> handles) {
    List<BackendKey> keys = new ArrayList<>(handles.keySet());
    Map<Integer, Integer> positions = new HashMap<>();
    for (int i = 0; i < keys.size(); i++) {
      positions.put(handles.get(keys.get(i)), i);
    }
    long start = word >>> 32;
    int size = (int) word;
    if (size < 0 || start + size > rings.info().maxEntries()) {
      return Optional.empty();
    }
    int[] ring = new int[size];
    if (size > 0) {
      byte[] values = new byte[size * rings.info().valueBytes()];
      rings.lookupRange((int) start, values);
      ByteBuffer slots = ByteBuffer.wrap(values).order(ByteOrder.nativeOrder());
      for (int i = 0; i < size; i++) {
        Integer position = positions.get(slots.getInt(i * rings.info().valueBytes()));
        if (position == null) {
          return Optional.empty();
        }
        ring[i] = position;
      }
    }
    return Optional.of(new Ring(keys, ring));
  }

  private static ByteBuffer value(BpfMap map, int index) {
    return ByteBuffer.wrap(map.lookup(BackendTable.key(index)).orElseThrow())
        .order(ByteOrder.nativeOrder());
  }
}
