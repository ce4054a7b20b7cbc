// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.alloc.IndexAllocator;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.VipKey;
import io.xdplb.libbpf.BpfMap;
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

  /** An entry as it is in the map. */
  record Entry(
      BackendKey key, int vip, boolean takesNewFlows, int drainSeconds, long drainUntil, Ip nat) {}

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
  Optional<Entry> read(int index) {
    int at = at(index);
    if (entries.getInt(at + Layouts.Backend.HANDLE) == 0) {
      return Optional.empty();
    }
    return Optional.of(decode(entries, at));
  }

  static Entry decode(ByteBuffer buffer, int at) {
    int family = buffer.get(at + Layouts.Backend.FAMILY);
    return new Entry(
        new BackendKey(
            Wire.address(buffer, at + Layouts.Backend.ADDRESS, family),
            Wire.port(buffer, at + Layouts.Backend.PORT)),
        buffer.getInt(at + Layouts.Backend.VIP),
        (buffer.get(at + Layouts.Backend.FLAGS) & Layouts.Backend.TAKES_NEW_FLOWS) != 0,
        buffer.getInt(at + Layouts.Backend.DRAIN_SECONDS),
        Integer.toUnsignedLong(buffer.getInt(at + Layouts.Backend.DRAIN_UNTIL)),
        Wire.address(buffer, at + Layouts.Backend.NAT_ADDRESS, family));
  }

  /** The handle of an index; 0 if it has no owner. */
  int handle(int index) {
    return entries.getInt(at(index) + Layouts.Backend.HANDLE);
  }

  /** Takes over an entry that was found in the map. */
  void restore(int index) {
    indices.restore(index);
  }

  /** Makes an entry with fresh counters; answers its index. */
  int add(
      VipKey vip,
      int vipHandle,
      BackendKey key,
      boolean takesNewFlows,
      int drainSeconds,
      Ip nat,
      long now) {
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
    int at = at(index);
    Wire.putAddress(entries, at + Layouts.Backend.ADDRESS, key.address());
    Wire.putAddress(entries, at + Layouts.Backend.NAT_ADDRESS, nat);
    entries.putShort(at + Layouts.Backend.PORT, Wire.nativeShort(key.port()));
    entries.put(at + Layouts.Backend.FAMILY, Wire.family(key.address()));
    entries.putInt(at + Layouts.Backend.VIP, vipHandle);
    entries.putInt(
        at + Layouts.Backend.FLOW_BASE,
        Hash.flowBase(key.address(), vip.protocol().number(), key.port()));
    update(index, takesNewFlows, drainSeconds, 0);
    int generation = Handle.next(entries.getInt(at + Layouts.Backend.GENERATION));
    entries.putInt(at + Layouts.Backend.GENERATION, generation);
    Shared.publish(entries, at + Layouts.Backend.HANDLE, Handle.of(index, generation));
    return index;
  }

  /** Changes what may change while flows go on. */
  void update(int index, boolean takesNewFlows, int drainSeconds, long drainUntil) {
    int at = at(index);
    entries.putInt(at + Layouts.Backend.DRAIN_SECONDS, drainSeconds);
    entries.putInt(at + Layouts.Backend.DRAIN_UNTIL, (int) drainUntil);
    entries.put(
        at + Layouts.Backend.FLAGS, (byte) (takesNewFlows ? Layouts.Backend.TAKES_NEW_FLOWS : 0));
  }

  /** Changes the address that this node has towards the backend. Its flows do not survive that. */
  void setNat(int index, Ip nat) {
    Wire.putAddress(entries, at(index) + Layouts.Backend.NAT_ADDRESS, nat);
  }

  void remove(int index, long now) {
    retract(index);
    indices.free(index, now);
  }

  /** Clears an entry that nobody owns. */
  void retract(int index) {
    Shared.retract(entries, at(index) + Layouts.Backend.HANDLE);
  }

  private void clearCounters(int index) {
    BpfMap cpus = maps.map("backend_cpus");
    cpus.put(key(index), new byte[cpus.info().valueBytes()]);
  }

  static byte[] key(int index) {
    return ByteBuffer.allocate(Integer.BYTES).order(ByteOrder.nativeOrder()).putInt(index).array();
  }

  private int at(int index) {
    return index * stride;
  }
}
