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
 * the slot, the VIP, its ring, its backends. Only where to look is taken from memory, never what is
 * there.
 */
final class ReadBack {

  private final BpfMap slots;
  private final BpfMap vipMap;
  private final BpfMap rings;
  private final BpfMap backends;
  private final SlotReader slotReader;
  private final VipMaps vips;

  ReadBack(Maps maps, VipMaps vips) {
    slots = maps.map("vip_table");
    vipMap = maps.map("vips");
    rings = maps.map("rings");
    backends = maps.map("backends");
    slotReader = new SlotReader(slots);
    this.vips = vips;
  }

  Optional<VipImage> image(VipKey key) {
    VipEntry entry = vips.entry(key);
    int handle = slotReader.handle(key);
    if (entry == null || handle == 0) {
      return Optional.empty();
    }
    ByteBuffer vip = value(vipMap, Handle.index(handle));
    if (vip.getInt(Layouts.Vip.HANDLE) != handle || !VipMaps.decodeKey(vip, 0).equals(key)) {
      return Optional.empty();
    }
    TreeMap<BackendKey, Integer> handles = new TreeMap<>();
    Set<BackendKey> takesNewFlows = new HashSet<>();
    for (int index : entry.backends.values()) {
      ByteBuffer value = value(backends, index);
      BackendTable.Entry backend = BackendTable.decode(value, 0);
      if (backend.vip() == handle && backend.drainUntil() == 0) {
        handles.put(backend.key(), value.getInt(Layouts.Backend.HANDLE));
        if (backend.takesNewFlows()) {
          takesNewFlows.add(backend.key());
        }
      }
    }
    return ring(vip.getLong(Layouts.Vip.RING), handles)
        .map(ring -> new VipImage(key, ring, takesNewFlows));
  }

  private Optional<Ring> ring(long word, TreeMap<BackendKey, Integer> handles) {
    List<BackendKey> keys = new ArrayList<>(handles.keySet());
    Map<Integer, Integer> positions = new HashMap<>();
    for (int i = 0; i < keys.size(); i++) {
      positions.put(handles.get(keys.get(i)), i);
    }
    int[] ring = new int[(int) word];
    if (ring.length > 0) {
      byte[] values = new byte[ring.length * rings.info().valueBytes()];
      rings.lookupRange((int) (word >>> 32), values);
      ByteBuffer slots = ByteBuffer.wrap(values).order(ByteOrder.nativeOrder());
      for (int i = 0; i < ring.length; i++) {
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
