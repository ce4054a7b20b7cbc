// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.libbpf.BatchReader;
import io.xdplb.libbpf.BpfMap;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.function.ObjIntConsumer;

/**
 * How many entries of the kernel's maps have an owner, counted byte by byte.
 *
 * @param vips entries of {@code vips}
 * @param backends entries of {@code backends}
 * @param slots entries of {@code vip_table}
 * @param filter bytes of {@code address_filter} that are not 0
 */
record KernelState(int vips, int backends, int slots, int filter) {
  static final KernelState EMPTY = new KernelState(0, 0, 0, 0);

  static KernelState read(Path pinPath) {
    return new KernelState(
        owned(pinPath, "vips", Layouts.Vip.HANDLE, Layouts.Vip.LAYOUT.size()),
        owned(pinPath, "backends", Layouts.Backend.HANDLE, Layouts.Backend.LAYOUT.size()),
        owned(pinPath, "vip_table", Layouts.Slot.VIP, Layouts.Slot.LAYOUT.size()),
        owned(pinPath, "address_filter", 0, 1));
  }

  private static int owned(Path pinPath, String map, int field, int size) {
    int[] count = {0};
    forEach(
        pinPath,
        map,
        (value, index) -> {
          for (int at = field; at < value.capacity(); at += size) {
            boolean owned = size == 1 ? value.get(at) != 0 : value.getInt(at) != 0;
            count[0] += owned ? 1 : 0;
          }
        });
    return count[0];
  }

  /** All values of an array, with their indices. */
  static void forEach(Path pinPath, String name, ObjIntConsumer<ByteBuffer> consumer) {
    try (BpfMap map = BpfMap.openPinned(Maps.mapPins(pinPath).resolve(name))) {
      int size = map.info().valueBytes();
      int index = 0;
      for (BatchReader batch = map.lookupBatch(1024); batch.next(); ) {
        for (int i = 0; i < batch.count(); i++) {
          consumer.accept(
              ByteBuffer.wrap(batch.values(), i * size, size)
                  .slice()
                  .order(ByteOrder.nativeOrder()),
              index++);
        }
      }
    }
  }
}
