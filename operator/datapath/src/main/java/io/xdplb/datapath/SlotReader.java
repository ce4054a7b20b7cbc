// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.model.Ip;
import io.xdplb.core.model.VipKey;
import io.xdplb.libbpf.BpfMap;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Looks a VIP up in the map {@code vip_table} by system calls, as the datapath does for a packet.
 */
final class SlotReader {
  private final BpfMap map;
  private final int mask;

  SlotReader(BpfMap map) {
    this.map = map;
    mask = map.info().maxEntries() - 1;
  }

  /** The handle of a VIP; 0 if a packet would find none. */
  int handle(VipKey vip) {
    long hash = Hash.vip(vip.address(), vip.protocol().number(), vip.port());
    int first = find((int) hash & mask, vip);
    return first != 0 ? first : find((int) (hash >>> 32) & mask, vip);
  }

  private int find(int bucket, VipKey vip) {
    ByteBuffer slots =
        ByteBuffer.wrap(map.lookup(BackendTable.key(bucket)).orElseThrow())
            .order(ByteOrder.nativeOrder());
    for (int at = 0; at < slots.capacity(); at += Layouts.Slot.LAYOUT.size()) {
      int family = slots.get(at + Layouts.Slot.FAMILY);
      int handle = slots.getInt(at + Layouts.Slot.VIP);
      Ip address = Wire.address(slots, at + Layouts.Slot.ADDRESS, family);
      if (handle != 0
          && family == Wire.family(vip.address())
          && address.equals(vip.address())
          && Wire.port(slots, at + Layouts.Slot.PORT) == vip.port()
          && slots.get(at + Layouts.Slot.PROTOCOL) == vip.protocol().number()) {
        return handle;
      }
    }
    return 0;
  }
}
