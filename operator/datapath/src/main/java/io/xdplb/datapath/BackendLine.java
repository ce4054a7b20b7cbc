// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Delivery;
import io.xdplb.core.model.Encapsulation;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.VipKey;
import java.nio.ByteBuffer;
import java.util.Optional;

/**
 * An entry of {@code backends}.
 *
 * @param handle of the backend
 * @param vip handle of the VIP that it belongs to
 * @param key which backend of the VIP
 * @param delivery how packets reach it
 * @param way what that means on this machine
 * @param takesNewFlows whether the ring may name it
 * @param drainSeconds how long its flows live on after it has left the table
 * @param drainUntil when its drain ends, in seconds of the Unix clock; 0: it is not draining
 */
record BackendLine(
    int handle,
    int vip,
    BackendKey key,
    Delivery delivery,
    Way way,
    boolean takesNewFlows,
    int drainSeconds,
    long drainUntil) {

  private static final byte[] RESERVED =
      new byte[Layouts.Backend.LAYOUT.size() - Layouts.Backend.RESERVED];

  int index() {
    return Handle.index(handle);
  }

  /**
   * Whether its flows are remembered by whoever sends to it: no agent can be asked, or one that may
   * have another ring.
   */
  boolean isRemembered() {
    return !delivery.nat() && (!delivery.agent() || delivery.remembered());
  }

  /** Whether it is on this machine and its packets carry no tag to find it by. */
  boolean isHostedWithoutTag() {
    return way.hosted() && delivery.encapsulation() != Encapsulation.GUE;
  }

  BackendLine with(Way changed) {
    return new BackendLine(
        handle, vip, key, delivery, changed, takesNewFlows, drainSeconds, drainUntil);
  }

  BackendLine draining(long until) {
    return new BackendLine(handle, vip, key, delivery, way, false, drainSeconds, until);
  }

  /**
   * Writes all of it, the handle last. Where that is there already, flows go on: a packet that sees
   * the line half written may get a wrong outer header and be lost, and reaches no other backend.
   */
  void write(ByteBuffer entries, int at, VipKey ofVip) {
    long tag = Tag.of(ofVip, key);
    entries.put(at + Layouts.Backend.FAMILY, Wire.family(key.address()));
    entries.putShort(at + Layouts.Backend.PORT, Wire.nativeShort(key.port()));
    entries.putInt(at + Layouts.Backend.VIP, vip);
    entries.putShort(at + Layouts.Backend.MTU, (short) way.mtu());
    writeOuter(entries, at, tag);
    entries.putLong(at + Layouts.Backend.TAG, tag);
    Wire.putAddress(entries, at + Layouts.Backend.ADDRESS, key.address());
    Wire.putAddress(entries, at + Layouts.Backend.NAT_ADDRESS, way.nat());
    entries.putInt(at + Layouts.Backend.DRAIN_UNTIL, (int) drainUntil);
    entries.putInt(at + Layouts.Backend.DRAIN_SECONDS, drainSeconds);
    entries.putInt(at + Layouts.Backend.GENERATION, Handle.generation(handle));
    entries.putInt(at + Layouts.Backend.RESERVED_WORD, 0);
    entries.put(at + Layouts.Backend.RESERVED, RESERVED);
    entries.put(at + Layouts.Backend.FLAGS, flags());
    Shared.publish(entries, at + Layouts.Backend.HANDLE, handle);
  }

  private void writeOuter(ByteBuffer entries, int at, long tag) {
    Ip destination = delivery.node();
    Ip none = new Ip(0, 0, true);
    Ip source = way.outerSource().orElse(none);
    int sum =
        destination == null
            ? 0
            : OuterHeader.sum(
                delivery.encapsulation(), source, destination, key.address().isIpv4(), tag);
    entries.put(
        at + Layouts.Backend.OUTER_FAMILY, destination == null ? 0 : Wire.family(destination));
    entries.put(
        at + Layouts.Backend.ENCAPSULATION,
        switch (delivery.encapsulation()) {
          case NONE -> (byte) 0;
          case GUE -> (byte) 1;
          case IPIP -> (byte) 2;
        });
    Wire.putAddress(entries, at + Layouts.Backend.OUTER_SOURCE, source);
    Wire.putAddress(
        entries, at + Layouts.Backend.OUTER_DESTINATION, destination == null ? none : destination);
    entries.putInt(at + Layouts.Backend.OUTER_SUM, sum);
  }

  private byte flags() {
    return (byte)
        ((takesNewFlows ? Layouts.Backend.TAKES_NEW_FLOWS : 0)
            | (delivery.nat() ? Layouts.Backend.NAT : 0)
            | (delivery.agent() ? Layouts.Backend.AGENT : 0)
            | (delivery.remembered() ? Layouts.Backend.REMEMBERED : 0)
            | (way.hosted() ? Layouts.Backend.HOSTED : 0));
  }

  /** Reads an entry; empty if it has no owner, or holds what no agent has written. */
  static Optional<BackendLine> read(ByteBuffer entries, int at) {
    int handle = entries.getInt(at + Layouts.Backend.HANDLE);
    int family = entries.get(at + Layouts.Backend.FAMILY);
    if (handle == 0 || !Wire.isFamily(family)) {
      return Optional.empty();
    }
    int flags = entries.get(at + Layouts.Backend.FLAGS);
    int outerFamily = entries.get(at + Layouts.Backend.OUTER_FAMILY);
    Ip node = null;
    Ip source = null;
    if (Wire.isFamily(outerFamily)) {
      node = Wire.address(entries, at + Layouts.Backend.OUTER_DESTINATION, outerFamily);
      source = Wire.address(entries, at + Layouts.Backend.OUTER_SOURCE, outerFamily);
    }
    Optional<Delivery> delivery =
        delivery(flags, entries.get(at + Layouts.Backend.ENCAPSULATION), node);
    Way way =
        new Way(
            Wire.address(entries, at + Layouts.Backend.NAT_ADDRESS, family),
            Optional.ofNullable(source),
            entries.getShort(at + Layouts.Backend.MTU) & 0xffff,
            (flags & Layouts.Backend.HOSTED) != 0);
    return delivery.map(
        how ->
            new BackendLine(
                handle,
                entries.getInt(at + Layouts.Backend.VIP),
                new BackendKey(
                    Wire.address(entries, at + Layouts.Backend.ADDRESS, family),
                    Wire.port(entries, at + Layouts.Backend.PORT)),
                how,
                way,
                (flags & Layouts.Backend.TAKES_NEW_FLOWS) != 0,
                entries.getInt(at + Layouts.Backend.DRAIN_SECONDS),
                Integer.toUnsignedLong(entries.getInt(at + Layouts.Backend.DRAIN_UNTIL))));
  }

  private static Optional<Delivery> delivery(int flags, int encapsulation, Ip node) {
    if (encapsulation < 0 || encapsulation >= Encapsulation.values().length) {
      return Optional.empty();
    }
    try {
      return Optional.of(
          new Delivery(
              (flags & Layouts.Backend.NAT) != 0,
              Encapsulation.values()[encapsulation],
              node,
              (flags & Layouts.Backend.AGENT) != 0,
              (flags & Layouts.Backend.REMEMBERED) != 0));
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }
}
