// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath.reference;

import io.xdplb.core.model.Ip;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The hashes that all nodes must agree on: a multiplication by 2^64 / golden ratio and a fold a
 * word, the words as a CPU loads them.
 */
final class Hashes {
  private static final long START = 0x243f6a8885a308d3L;
  private static final long GOLDEN = 0x9e3779b97f4a7c15L;

  private Hashes() {}

  static long mix(long hash, long word) {
    long mixed = (hash ^ word) * GOLDEN;
    return mixed ^ mixed >>> 32;
  }

  /** Of an address; the lower 16 bits choose its byte of the address filter. */
  static long address(Ip ip) {
    ByteBuffer words = ByteBuffer.wrap(ip.bytes()).order(ByteOrder.nativeOrder());
    if (ip.isIpv4()) {
      return mix(START, unsigned(words.getInt(0)));
    }
    long first = unsigned(words.getInt(4)) | unsigned(words.getInt(0)) << 32;
    long second = unsigned(words.getInt(12)) | unsigned(words.getInt(8)) << 32;
    return mix(mix(START, first), second);
  }

  /** Of a key of the lookup table. The halves choose the buckets. */
  static long key(long of, int port, int protocol, boolean ipv6) {
    return mix(of, port(port) | (long) protocol << 16 | (ipv6 ? 1L << 24 : 0));
  }

  /** Of the tag of an endpoint. */
  static long tag(long tag) {
    return mix(mix(START, Long.rotateLeft(tag, 32)), 0);
  }

  /** What chooses the slot of a ring (lower half), and makes the entropy of a tunnel (upper). */
  static long flow(Ip source, int sourcePort, Ip destination, int destinationPort, int protocol) {
    long both = address(source) ^ Long.rotateLeft(address(destination), 1);
    return mix(both, port(sourcePort) | port(destinationPort) << 16 | (long) protocol << 32);
  }

  /** A number below {@code limit}, from the lower half of a hash. */
  static int scale(long hash, int limit) {
    return (int) ((hash & 0xffff_ffffL) * limit >>> 32);
  }

  private static long port(int port) {
    boolean little = ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN;
    return (little ? Short.reverseBytes((short) port) : (short) port) & 0xffffL;
  }

  private static long unsigned(int word) {
    return word & 0xffff_ffffL;
  }
}
