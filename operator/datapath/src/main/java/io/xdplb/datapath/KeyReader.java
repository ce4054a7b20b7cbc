// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.libbpf.BpfMap;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Looks a key up in the map {@code keys} by system calls, as the datapath does for a packet. */
final class KeyReader {
  private final BpfMap map;
  private final int mask;

  KeyReader(BpfMap map) {
    this.map = map;
    mask = map.info().maxEntries() - 1;
  }

  /** The handle of a key; 0 if a packet would find none. */
  int handle(Key key) {
    long hash = key.hash();
    int first = find((int) hash & mask, key);
    return first != 0 ? first : find((int) (hash >>> 32) & mask, key);
  }

  private int find(int bucket, Key key) {
    ByteBuffer slots =
        ByteBuffer.wrap(map.lookup(BackendTable.key(bucket)).orElseThrow())
            .order(ByteOrder.nativeOrder());
    for (int at = 0; at < slots.capacity(); at += Layouts.Key.LAYOUT.size()) {
      int handle = slots.getInt(at + Layouts.Key.HANDLE);
      if (handle != 0 && Key.read(slots, at).equals(key)) {
        return handle;
      }
    }
    return 0;
  }
}
