// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.libbpf.BpfMap;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.Consumer;

/** Writes to an array behind the agent's back. */
final class RawMap {
  private RawMap() {}

  /** Changes every value of an array; answers how many are different then. */
  static int change(Path pin, Consumer<ByteBuffer> change) {
    int changed = 0;
    try (BpfMap map = BpfMap.openPinned(pin)) {
      for (int index = 0; index < map.info().maxEntries(); index++) {
        byte[] key = BackendTable.key(index);
        byte[] value = map.lookup(key).orElseThrow();
        byte[] before = value.clone();
        change.accept(ByteBuffer.wrap(value).order(ByteOrder.nativeOrder()));
        if (!Arrays.equals(value, before)) {
          map.put(key, value);
          changed++;
        }
      }
    }
    return changed;
  }

  /** All values of an array, for {@link #restore}. */
  static byte[][] save(Path pin) {
    try (BpfMap map = BpfMap.openPinned(pin)) {
      byte[][] values = new byte[map.info().maxEntries()][];
      for (int index = 0; index < values.length; index++) {
        values[index] = map.lookup(BackendTable.key(index)).orElseThrow();
      }
      return values;
    }
  }

  static void restore(Path pin, byte[][] values) {
    try (BpfMap map = BpfMap.openPinned(pin)) {
      for (int index = 0; index < values.length; index++) {
        map.put(BackendTable.key(index), values[index]);
      }
    }
  }
}
