// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.model.Ip;
import io.xdplb.core.model.VipKey;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * What the datapath looks up: a VIP's port, a VIP's address as such, a node's address, or the tag
 * of an endpoint on this machine. As it is in memory, so that whatever is found there is a key.
 *
 * @param first bytes 0 to 7 of the address, or the tag, as a native word
 * @param second bytes 8 to 15
 * @param family of the address; 0 for a tag
 * @param protocol of a VIP's port, or one of {@link Layouts.Key}'s
 * @param port of a VIP; else 0
 */
record Key(long first, long second, int family, int protocol, int port) {
  static Key of(VipKey vip) {
    return of(vip.address(), vip.protocol().number(), vip.port());
  }

  static Key ofAddress(Ip address) {
    return of(address, Layouts.Key.OF_ADDRESS, 0);
  }

  static Key ofPeer(Ip address) {
    return of(address, Layouts.Key.OF_PEER, 0);
  }

  /**
   * @param tag see {@link Tag}
   */
  static Key ofEndpoint(long tag) {
    return new Key(tag, 0, 0, Layouts.Key.OF_ENDPOINT, 0);
  }

  private static Key of(Ip address, int protocol, int port) {
    ByteBuffer bytes = ByteBuffer.allocate(16).order(ByteOrder.nativeOrder());
    Wire.putAddress(bytes, 0, address);
    return new Key(bytes.getLong(0), bytes.getLong(8), Wire.family(address), protocol, port);
  }

  static Key read(ByteBuffer slots, int at) {
    return new Key(
        slots.getLong(at + Layouts.Key.ADDRESS),
        slots.getLong(at + Layouts.Key.ADDRESS + Long.BYTES),
        slots.get(at + Layouts.Key.FAMILY) & 0xff,
        slots.get(at + Layouts.Key.PROTOCOL) & 0xff,
        Wire.port(slots, at + Layouts.Key.PORT));
  }

  /** Writes all but the handle. */
  void write(ByteBuffer slots, int at) {
    slots.putLong(at + Layouts.Key.ADDRESS, first);
    slots.putLong(at + Layouts.Key.ADDRESS + Long.BYTES, second);
    slots.putShort(at + Layouts.Key.PORT, Wire.nativeShort(port));
    slots.put(at + Layouts.Key.PROTOCOL, (byte) protocol);
    slots.put(at + Layouts.Key.FAMILY, (byte) family);
  }

  /** Of a key that is no tag. */
  Ip address() {
    ByteBuffer bytes = ByteBuffer.allocate(16).order(ByteOrder.nativeOrder());
    return Wire.address(bytes.putLong(0, first).putLong(8, second), 0, family);
  }

  /** The halves choose the buckets. */
  long hash() {
    return protocol == Layouts.Key.OF_ENDPOINT
        ? Hash.key(Hash.tag(first), protocol, port, true)
        : Hash.key(Hash.address(address()), protocol, port, family == Wire.FAMILY_IPV6);
  }

  /** For messages. */
  @Override
  public String toString() {
    return switch (protocol) {
      case Layouts.Key.OF_ADDRESS -> "address " + address();
      case Layouts.Key.OF_PEER -> "peer " + address();
      case Layouts.Key.OF_ENDPOINT -> "endpoint " + Long.toHexString(Wire.nativeLong(first));
      default -> "protocol " + protocol + " " + address() + " port " + port;
    };
  }
}
