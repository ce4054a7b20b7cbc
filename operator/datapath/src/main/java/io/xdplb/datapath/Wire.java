// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.core.model.Ip;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Addresses and ports as maps hold them: network order inside native words. */
final class Wire {
  private static final boolean SWAP = ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN;

  private Wire() {}

  /** The 16-bit word that a CPU loads where a port lies in network order. */
  static short nativeShort(int port) {
    return SWAP ? Short.reverseBytes((short) port) : (short) port;
  }

  static int nativeInt(int word) {
    return SWAP ? Integer.reverseBytes(word) : word;
  }

  static long nativeLong(long word) {
    return SWAP ? Long.reverseBytes(word) : word;
  }

  /** Writes 16 bytes: an IPv4 address is the first four, the rest is zero. */
  static void putAddress(ByteBuffer buffer, int at, Ip ip) {
    if (ip.isIpv4()) {
      buffer.putInt(at, nativeInt((int) ip.low()));
      buffer.putInt(at + 4, 0);
      buffer.putLong(at + 8, 0);
    } else {
      buffer.putLong(at, nativeLong(ip.high()));
      buffer.putLong(at + 8, nativeLong(ip.low()));
    }
  }

  static Ip address(ByteBuffer buffer, int at, int family) {
    return family == FAMILY_IPV4
        ? new Ip(0, nativeInt(buffer.getInt(at)) & 0xffff_ffffL, true)
        : new Ip(nativeLong(buffer.getLong(at)), nativeLong(buffer.getLong(at + 8)), false);
  }

  static int port(ByteBuffer buffer, int at) {
    return nativeShort(buffer.getShort(at)) & 0xffff;
  }

  static final int FAMILY_IPV4 = 4;
  static final int FAMILY_IPV6 = 6;

  static Protocol protocol(int number) {
    for (Protocol protocol : Protocol.values()) {
      if (protocol.number() == number) {
        return protocol;
      }
    }
    throw new IllegalArgumentException("IP protocol " + number + " is not balanced");
  }

  static boolean isFamily(int family) {
    return family == FAMILY_IPV4 || family == FAMILY_IPV6;
  }

  static byte family(Ip ip) {
    return (byte) (ip.isIpv4() ? FAMILY_IPV4 : FAMILY_IPV6);
  }
}
