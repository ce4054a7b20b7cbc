// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.alloc.IndexAllocator;
import io.xdplb.core.model.VipKey;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;

/** The port ranges of one address: its entry in the map {@code port_ranges}. */
final class PortRanges {
  private final ByteBuffer ranges;
  private final int at;
  private final Map<VipKey, Integer> places = new HashMap<>();
  private final IndexAllocator free =
      new IndexAllocator(Layouts.PortRanges.COUNT, KeyTable.REST.toNanos());

  /**
   * @param ranges the map
   * @param at where the address' entry begins
   */
  PortRanges(ByteBuffer ranges, int at) {
    this.ranges = ranges;
    this.at = at + Layouts.PortRanges.RANGE;
  }

  /**
   * Leads packets to a VIP, or mends what does.
   *
   * @throws DatapathException if there are as many ranges as an address can have
   */
  void put(VipKey vip, int handle, long now) {
    if (!places.containsKey(vip)) {
      OptionalInt place = free.allocate(now);
      if (place.isEmpty()) { // one that was removed just now may only be resting
        LockSupport.parkNanos(2 * KeyTable.REST.toNanos());
        place = free.allocate(System.nanoTime());
      }
      places.put(
          vip,
          place.orElseThrow(
              () ->
                  new DatapathException(
                      DatapathException.Reason.MapFull,
                      "%s has %d port ranges, as many as an address can have; no room for %s"
                          .formatted(vip.address(), Layouts.PortRanges.COUNT, vip))));
    }
    int range = at(places.get(vip));
    ranges.putShort(range + Layouts.PortRange.FIRST, (short) vip.port());
    ranges.putShort(range + Layouts.PortRange.LAST, (short) vip.endPort());
    ranges.put(range + Layouts.PortRange.PROTOCOL, (byte) vip.protocol().number());
    Shared.publish(ranges, range + Layouts.PortRange.VIP, handle);
  }

  /** Leads no packets to a VIP any more. */
  void remove(VipKey vip, long now) {
    Integer place = places.remove(vip);
    if (place != null) {
      Shared.retract(ranges, at(place) + Layouts.PortRange.VIP);
      free.free(place, now);
    }
  }

  /** Takes over the range of a VIP; false if there is none. */
  boolean adopt(VipKey vip, int handle) {
    int place = find(ranges, at, vip);
    if (place < 0 || ranges.getInt(at(place) + Layouts.PortRange.VIP) != handle) {
      return false;
    }
    free.restore(place);
    places.put(vip, place);
    return true;
  }

  /** How many there are. */
  int count() {
    return places.size();
  }

  /** Clears all ranges that nobody has put or taken over. */
  void clearOthers() {
    Set<Integer> known = new HashSet<>(places.values());
    for (int place = 0; place < Layouts.PortRanges.COUNT; place++) {
      if (!known.contains(place) && ranges.getInt(at(place) + Layouts.PortRange.VIP) != 0) {
        Shared.retract(ranges, at(place) + Layouts.PortRange.VIP);
      }
    }
  }

  private int at(int place) {
    return at(at, place);
  }

  private static int at(int begin, int place) {
    return begin + place * Layouts.PortRange.LAYOUT.size();
  }

  private static int find(ByteBuffer ranges, int begin, VipKey vip) {
    for (int place = 0; place < Layouts.PortRanges.COUNT; place++) {
      int range = at(begin, place);
      if (ranges.getInt(range + Layouts.PortRange.VIP) != 0
          && (ranges.getShort(range + Layouts.PortRange.FIRST) & 0xffff) == vip.port()
          && (ranges.getShort(range + Layouts.PortRange.LAST) & 0xffff) == vip.endPort()
          && (ranges.get(range + Layouts.PortRange.PROTOCOL) & 0xff) == vip.protocol().number()) {
        return place;
      }
    }
    return -1;
  }

  /**
   * How many ranges there are in an entry.
   *
   * @param entry of the address in {@code port_ranges}
   */
  static int count(ByteBuffer entry) {
    int count = 0;
    for (int place = 0; place < Layouts.PortRanges.COUNT; place++) {
      int range = at(Layouts.PortRanges.RANGE, place);
      count += entry.getInt(range + Layouts.PortRange.VIP) != 0 ? 1 : 0;
    }
    return count;
  }

  /**
   * The handle of the VIP of a range; 0 if it is not there.
   *
   * @param entry of the address in {@code port_ranges}
   */
  static int handle(ByteBuffer entry, VipKey vip) {
    int place = find(entry, Layouts.PortRanges.RANGE, vip);
    return place < 0
        ? 0
        : entry.getInt(at(Layouts.PortRanges.RANGE, place) + Layouts.PortRange.VIP);
  }
}
