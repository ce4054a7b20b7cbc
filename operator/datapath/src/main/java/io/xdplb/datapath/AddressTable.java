// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.model.Ip;
import io.xdplb.core.model.UnavailablePolicy;
import io.xdplb.core.model.VipKey;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;

/**
 * The addresses of VIPs: how a packet finds the VIP that it is for. Each address has an entry of
 * its own in {@code vips}, which says what becomes of ports that nothing listens to, and its port
 * ranges.
 *
 * <p>An address comes into view last, by its bit in the address filter, and goes first.
 */
final class AddressTable {
  private static final class Entry {
    final int handle;
    final PortRanges ranges;
    final Map<VipKey, UnavailablePolicy> vips = new HashMap<>();

    Entry(int handle, PortRanges ranges) {
      this.handle = handle;
      this.ranges = ranges;
    }
  }

  private final VipTable table;
  private final KeyTable keys;
  private final AddressFilter filter;
  private final Network network;
  private final ByteBuffer portRanges;
  private final int stride;
  private final Map<Ip, Entry> entries = new HashMap<>();
  private final Map<Ip, Integer> found = new HashMap<>();

  AddressTable(Maps maps, KeyTable keys, AddressFilter filter, Network network, long grace) {
    table = VipTable.ofAddresses(maps, grace);
    this.keys = keys;
    this.filter = filter;
    this.network = network;
    portRanges = maps.portRanges.buffer();
    stride = maps.portRanges.stride();
  }

  /**
   * Leads packets to a VIP whose entry is written, or mends what does.
   *
   * @throws DatapathException if there is no room; nothing has changed then
   */
  void put(VipKey vip, int handle, UnavailablePolicy policy, long now) {
    Ip address = vip.address();
    boolean isNew = !entries.containsKey(address);
    Entry entry = entries.computeIfAbsent(address, ip -> entry(table.allocate(ip, now)));
    entry.vips.put(vip, policy);
    write(address, entry);
    entry.ranges.clearOthers();
    try {
      if (vip.isRange()) {
        entry.ranges.put(vip, handle, now);
      } else {
        keys.put(Key.of(vip), handle, now);
      }
      keys.put(Key.ofAddress(address), entry.handle, now);
    } catch (DatapathException e) {
      withdraw(vip, entry, now);
      throw e;
    }
    if (isNew) {
      show(address);
    }
  }

  private void show(Ip address) {
    filter.add(AddressFilter.Role.VIP, address);
    if (!address.isIpv4()) {
      filter.add(AddressFilter.Role.SOLICITED, solicitedNode(address));
    }
  }

  private void hide(Ip address) {
    filter.remove(AddressFilter.Role.VIP, address);
    if (!address.isIpv4()) {
      filter.remove(AddressFilter.Role.SOLICITED, solicitedNode(address));
    }
  }

  /**
   * Where neighbours ask for an IPv6 address, RFC 4291: ff02::1:ff00:0/104 and its last 24 bits.
   */
  static Ip solicitedNode(Ip address) {
    return new Ip(0xff02_0000_0000_0000L, 0x1_ff00_0000L | address.low() & 0xff_ffff, false);
  }

  private Entry entry(int handle) {
    return new Entry(handle, new PortRanges(portRanges, Handle.index(handle) * stride));
  }

  /** Changes what becomes of the address' other ports, as far as this VIP has a say in it. */
  void setPolicy(VipKey vip, UnavailablePolicy policy) {
    Entry entry = entries.get(vip.address());
    entry.vips.put(vip, policy);
    write(vip.address(), entry);
  }

  /** Leads no packets to a VIP any more; its own entry is still there. */
  void remove(VipKey vip, long now) {
    Entry entry = entries.get(vip.address());
    if (entry.vips.size() == 1) {
      hide(vip.address());
    }
    withdraw(vip, entry, now);
  }

  private void withdraw(VipKey vip, Entry entry, long now) {
    entry.vips.remove(vip);
    boolean last = entry.vips.isEmpty();
    if (last) {
      keys.remove(Key.ofAddress(vip.address()), now);
    }
    if (vip.isRange()) {
      entry.ranges.remove(vip, now);
    } else {
      keys.remove(Key.of(vip), now);
    }
    if (last) {
      table.retract(Handle.index(entry.handle));
      table.free(Handle.index(entry.handle), now);
      entries.remove(vip.address());
    } else {
      write(vip.address(), entry);
    }
  }

  private void write(Ip address, Entry entry) {
    table.write(VipLine.ofAddress(entry.handle, address, flags(address)));
  }

  /**
   * What becomes of ports that nothing listens to: no answer if one VIP of the address says so; the
   * kernel's if the address is this machine's as well.
   */
  int flags(Ip address) {
    boolean drops = entries.get(address).vips.containsValue(UnavailablePolicy.DROP);
    return (drops ? 0 : Layouts.Vip.REJECT) | (network.isOwn(address) ? Layouts.Vip.OWN : 0);
  }

  /** How many ranges of ports an address has. */
  int rangeCount(Ip address) {
    return entries.get(address).ranges.count();
  }

  /** Follows a change of this machine's addresses. */
  void refresh() {
    entries.forEach(this::write);
  }

  // ---- adoption

  /** Reads what a former agent has written. */
  void load() {
    for (int index = table.first(); index < table.end(); index++) {
      VipLine line = table.read(index).orElse(null);
      if (line != null
          && line.protocol() == Layouts.Key.OF_ADDRESS
          && found.putIfAbsent(line.address(), line.handle()) == null) {
        table.restore(index);
      } else if (table.isOwned(index)) {
        table.retract(index);
      }
    }
  }

  /** Whether an address that was loaded has this handle. */
  boolean isLoaded(Ip address, int handle) {
    return Integer.valueOf(handle).equals(found.get(address));
  }

  /** Takes over a VIP; false if no packet was led to it. */
  boolean adopt(VipKey vip, int handle, UnavailablePolicy policy) {
    Ip address = vip.address();
    if (vip.isRange() ? !found.containsKey(address) : keys.handle(Key.of(vip)) != handle) {
      return false;
    }
    boolean isNew = !entries.containsKey(address);
    Entry entry = entries.get(address);
    if (isNew) {
      Integer loaded = found.get(address);
      entry = entry(loaded == null ? table.allocate(address, System.nanoTime()) : loaded);
    }
    if (vip.isRange() && !entry.ranges.adopt(vip, handle)) {
      return false;
    }
    entry.vips.put(vip, policy);
    if (isNew) {
      entries.put(address, entry);
      show(address);
    }
    return true;
  }

  /** Mends what was left half done, and clears what belongs to no VIP. */
  void adopted() {
    long now = System.nanoTime();
    keys.removeIf(Layouts.Key.OF_ADDRESS, key -> !entries.containsKey(key.address()));
    found.forEach(
        (address, handle) -> {
          if (!entries.containsKey(address)) {
            entry(handle).ranges.clearOthers(); // all of them
            table.retract(Handle.index(handle));
            table.free(Handle.index(handle), now);
          }
        });
    found.clear();
    entries.forEach(
        (address, entry) -> {
          write(address, entry);
          entry.ranges.clearOthers();
          keys.put(Key.ofAddress(address), entry.handle, now);
        });
  }
}
