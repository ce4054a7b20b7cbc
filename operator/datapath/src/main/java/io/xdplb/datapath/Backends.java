// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Delivery;

/**
 * Backends, and how packets find them other than by a ring: the answers to what was translated, and
 * encapsulated packets for those on this machine. What leads to an entry is written after it and
 * goes before it.
 */
final class Backends {
  private final BackendTable table;
  private final KeyTable keys;
  private final AddressFilter filter;
  private final Network network;

  Backends(BackendTable table, KeyTable keys, AddressFilter filter, Network network) {
    this.table = table;
    this.keys = keys;
    this.filter = filter;
    this.network = network;
  }

  /**
   * Makes an entry with fresh counters.
   *
   * @throws DatapathException if there is no room; nothing has changed then
   */
  void add(
      VipEntry vip,
      BackendKey key,
      boolean takesNewFlows,
      int drainSeconds,
      Delivery delivery,
      long now) {
    BackendLine line =
        new BackendLine(
            table.allocate(vip.key, key, now),
            vip.handle,
            key,
            delivery,
            Way.of(key, delivery, network),
            takesNewFlows,
            drainSeconds,
            0);
    vip.backends.put(key, line);
    try {
      write(vip, line, null, now);
    } catch (DatapathException e) {
      remove(vip, key, now);
      throw e;
    }
  }

  /** Changes an entry in place, and ends its drain: its flows go on. */
  void update(
      VipEntry vip,
      BackendKey key,
      boolean takesNewFlows,
      int drainSeconds,
      Delivery delivery,
      long now) {
    BackendLine former = vip.backends.get(key);
    replace(
        vip,
        new BackendLine(
            former.handle(),
            former.vip(),
            key,
            delivery,
            Way.of(key, delivery, network),
            takesNewFlows,
            drainSeconds,
            0),
        now);
  }

  /** Puts another line in the place of the backend's. */
  void replace(VipEntry vip, BackendLine line, long now) {
    BackendLine former = vip.backends.put(line.key(), line);
    write(vip, line, former, now);
  }

  /**
   * Looks up again how packets get to the backends of a VIP; answers whether any way has changed.
   */
  boolean refresh(VipEntry vip, long now) {
    boolean changed = false;
    for (BackendLine line : vip.backends.values().toArray(BackendLine[]::new)) {
      Way way = Way.of(line.key(), line.delivery(), network);
      if (!way.equals(line.way())) {
        replace(vip, line.with(way), now);
        changed = true;
      }
    }
    return changed;
  }

  /** Writes all of a VIP's entries again, over whatever somebody else has written there. */
  void mend(VipEntry vip, long now) {
    vip.backends.values().forEach(line -> write(vip, line, line, now));
  }

  private void write(VipEntry vip, BackendLine line, BackendLine former, long now) {
    if (Way.translates(line.delivery())) {
      filter.add(AddressFilter.Role.NAT, line.way().nat());
    }
    if (former != null && former.way().hosted() && !line.way().hosted()) {
      unhost(vip, former, now);
    }
    table.write(line, vip.key);
    if (line.way().hosted()) {
      boolean isNew = !keys.contains(endpoint(vip, line));
      keys.put(endpoint(vip, line), line.handle(), now);
      if (isNew) {
        filter.add(AddressFilter.Role.ENDPOINT, line.key().address());
      }
    }
    if (former != null && Way.translates(former.delivery())) {
      filter.remove(AddressFilter.Role.NAT, former.way().nat());
    }
  }

  private static Key endpoint(VipEntry vip, BackendLine line) {
    return Key.ofEndpoint(Tag.of(vip.key, line.key()));
  }

  private void unhost(VipEntry vip, BackendLine line, long now) {
    Key key = endpoint(vip, line);
    if (keys.contains(key)) { // else there was no room for it
      filter.remove(AddressFilter.Role.ENDPOINT, line.key().address());
      keys.remove(key, now);
    }
  }

  /** Removes the entry of a backend; its flows are cut. */
  void remove(VipEntry vip, BackendKey key, long now) {
    BackendLine line = vip.backends.remove(key);
    if (line == null) {
      return;
    }
    if (Way.translates(line.delivery())) {
      filter.remove(AddressFilter.Role.NAT, line.way().nat());
    }
    if (line.way().hosted()) {
      unhost(vip, line, now);
    }
    table.remove(line.index(), now);
  }

  // ---- adoption

  /** Whether a tag is that of a backend on this machine with this handle. */
  boolean isHosted(Key endpoint, int handle) {
    return table.isHosted(handle, endpoint.first());
  }

  /** Takes over an entry of a VIP. */
  void adopt(VipEntry vip, BackendLine line) {
    table.restore(line.index());
    vip.backends.put(line.key(), line);
    if (Way.translates(line.delivery())) {
      filter.add(AddressFilter.Role.NAT, line.way().nat());
    }
    if (line.way().hosted()) {
      keys.put(endpoint(vip, line), line.handle(), System.nanoTime());
      filter.add(AddressFilter.Role.ENDPOINT, line.key().address());
    }
  }
}
