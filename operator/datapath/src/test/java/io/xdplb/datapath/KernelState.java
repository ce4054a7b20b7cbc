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
 * @param vips entries of {@code vips}, those of addresses included
 * @param backends entries of {@code backends}
 * @param keys entries of {@code keys}
 * @param portRanges port ranges
 * @param sources entries of {@code source_ranges}
 * @param filter bytes of {@code address_filter} that are not 0 but for {@code FILTER_TUNNEL}
 */
record KernelState(int vips, int backends, int keys, int portRanges, int sources, int filter) {
  static final KernelState EMPTY = new KernelState(0, 0, 0, 0, 0, 0);

  private static final int TUNNEL = 4;

  static KernelState read(Path pinPath) {
    int[] filter = {0};
    forEach(
        pinPath,
        "address_filter",
        (value, index) -> {
          for (int at = 0; at < value.capacity(); at++) {
            filter[0] += (value.get(at) & ~TUNNEL) != 0 ? 1 : 0;
          }
        });
    return new KernelState(
        owned(pinPath, "vips", Layouts.Vip.HANDLE, Layouts.Vip.LAYOUT.size()),
        owned(pinPath, "backends", Layouts.Backend.HANDLE, Layouts.Backend.LAYOUT.size()),
        owned(pinPath, "keys", Layouts.Key.HANDLE, Layouts.Key.LAYOUT.size()),
        owned(pinPath, "port_ranges", Layouts.PortRange.VIP, Layouts.PortRange.LAYOUT.size()),
        sources(pinPath),
        filter[0]);
  }

  private static int sources(Path pinPath) {
    try (BpfMap map = BpfMap.openPinned(Maps.mapPins(pinPath).resolve("source_ranges"))) {
      int count = 0;
      for (byte[] key : map.keys()) {
        count += key.length > 0 ? 1 : 0;
      }
      return count;
    }
  }

  private static int owned(Path pinPath, String map, int field, int size) {
    int[] count = {0};
    forEach(
        pinPath,
        map,
        (value, index) -> {
          for (int at = field; at < value.capacity(); at += size) {
            count[0] += value.getInt(at) != 0 ? 1 : 0;
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
