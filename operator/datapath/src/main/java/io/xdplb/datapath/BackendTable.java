// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.alloc.IndexAllocator;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.VipKey;
import io.xdplb.libbpf.BpfMap;
import io.xdplb.libbpf.Libbpf;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;

/** The map {@code backends}, and the counters beside it. */
final class BackendTable {
  private final Maps maps;
  private final ByteBuffer entries;
  private final int stride;
  private final int capacity;
  private final IndexAllocator indices;

  BackendTable(Maps maps, long grace) {
    this.maps = maps;
    entries = maps.backends.buffer();
    stride = maps.backends.stride();
    capacity = Math.min(entries.capacity() / stride, Handle.MAX_INDEX);
    indices = new IndexAllocator(capacity, grace);
  }

  int capacity() {
    return capacity;
  }

  /** The entry of an index, if it has an owner. */
  Optional<BackendLine> read(int index) {
    return BackendLine.read(entries, index * stride);
  }

  /** Whether an index has an owner, legible or not. */
  boolean isOwned(int index) {
    return entries.getInt(index * stride + Layouts.Backend.HANDLE) != 0;
  }

  /** Whether a handle is that of a backend on this machine with this tag. */
  boolean isHosted(int handle, long tag) {
    int index = Handle.index(handle);
    int at = index * stride;
    return index < capacity
        && entries.getInt(at + Layouts.Backend.HANDLE) == handle
        && entries.getLong(at + Layouts.Backend.TAG) == tag
        && (entries.get(at + Layouts.Backend.FLAGS) & Layouts.Backend.HOSTED) != 0;
  }

  /** Takes over an entry that was found in the map. */
  void restore(int index) {
    indices.restore(index);
  }

  /** Takes an index with fresh counters; answers the handle of the entry to write. */
  int allocate(VipKey vip, BackendKey key, long now) {
    int index =
        indices
            .allocate(now)
            .orElseThrow(
                () ->
                    new DatapathException(
                        DatapathException.Reason.MapFull,
                        "all %d backend entries are in use; no room for %s of %s; raise --max-backends"
                            .formatted(capacity, key, vip)));
    clearCounters(index);
    int generation = entries.getInt(index * stride + Layouts.Backend.GENERATION);
    return Handle.of(index, Handle.next(generation));
  }

  private void clearCounters(int index) {
    BpfMap lines = maps.map("backend_cpus");
    int cpus = Libbpf.possibleCpus();
    int perCpu = lines.info().maxEntries() / cpus;
    ByteBuffer keys = ByteBuffer.allocate(cpus * Integer.BYTES).order(ByteOrder.nativeOrder());
    for (int cpu = 0; cpu < cpus; cpu++) {
      keys.putInt(cpu * perCpu + index);
    }
    lines.updateBatch(keys.array(), new byte[cpus * lines.info().valueBytes()], cpus);
  }

  void write(BackendLine line, VipKey vip) {
    line.write(entries, line.index() * stride, vip);
  }

  void remove(int index, long now) {
    retract(index);
    indices.free(index, now);
  }

  /** Clears an entry that nobody owns. */
  void retract(int index) {
    Shared.retract(entries, index * stride + Layouts.Backend.HANDLE);
  }

  static byte[] key(int index) {
    return ByteBuffer.allocate(Integer.BYTES).order(ByteOrder.nativeOrder()).putInt(index).array();
  }
}
