// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.alloc.IndexAllocator;
import io.xdplb.libbpf.BpfMap;
import java.nio.ByteBuffer;
import java.util.Optional;

/**
 * One half of the map {@code vips}: the lower one is for addresses as such, the upper one for VIPs.
 */
final class VipTable {
  private final BpfMap cpus;
  private final ByteBuffer entries;
  private final int stride;
  private final int first;
  private final int count;
  private final String what;
  private final IndexAllocator indices;

  private VipTable(Maps maps, boolean upper, String what, long grace) {
    cpus = maps.map("vip_cpus");
    entries = maps.vips.buffer();
    stride = maps.vips.stride();
    count = Math.min(entries.capacity() / stride, Handle.MAX_INDEX) / 2;
    first = upper ? count : 0;
    this.what = what;
    indices = new IndexAllocator(count, grace);
  }

  static VipTable ofAddresses(Maps maps, long grace) {
    return new VipTable(maps, false, "address", grace);
  }

  static VipTable ofVips(Maps maps, long grace) {
    return new VipTable(maps, true, "VIP", grace);
  }

  /** The first index of this half. */
  int first() {
    return first;
  }

  /** The index after the last one. */
  int end() {
    return first + count;
  }

  /**
   * Takes an entry with fresh counters; answers its handle.
   *
   * @param owner for the message if there is no room
   */
  int allocate(Object owner, long now) {
    int index =
        first
            + indices
                .allocate(now)
                .orElseThrow(
                    () ->
                        new DatapathException(
                            DatapathException.Reason.MapFull,
                            "all %d %s entries are in use; no room for %s; raise --max-vips"
                                .formatted(count, what, owner)));
    int generation = Handle.next(entries.getInt(at(index) + Layouts.Vip.GENERATION));
    entries.putInt(at(index) + Layouts.Vip.GENERATION, generation);
    cpus.put(BackendTable.key(index), new byte[cpus.info().valueBytes()]);
    return Handle.of(index, generation);
  }

  /** Takes over an entry that was found in the map. */
  void restore(int index) {
    indices.restore(index - first);
  }

  void free(int index, long now) {
    indices.free(index - first, now);
  }

  Optional<VipLine> read(int index) {
    return VipLine.read(entries, at(index));
  }

  /** Whether an index has an owner, legible or not. */
  boolean isOwned(int index) {
    return entries.getInt(at(index) + Layouts.Vip.HANDLE) != 0;
  }

  /**
   * Writes an entry, or changes it in place: what a packet sees of it is one field's change each.
   */
  void write(VipLine line) {
    line.write(entries, at(Handle.index(line.handle())));
  }

  void retract(int index) {
    Shared.retract(entries, at(index) + Layouts.Vip.HANDLE);
  }

  private int at(int index) {
    return index * stride;
  }
}
